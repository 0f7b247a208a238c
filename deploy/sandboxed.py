"""The environment of a product that talks to the sandbox and to nobody else."""

from collections.abc import Mapping

from deploy import ports
from sandbox.settings import SANDBOX_CREDENTIALS, VONAGE_CREDENTIALS, SandboxSettings

# What leads from a sandbox's product to real accounts, or its calls away from this machine.
_OUTSIDE = ("SLACK_", "TWILIO_", "VONAGE_", "ASSISTANT_", "SMTP_")
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
_SECOND_SENDER = "+12125550150"
_PORTS = ("BOT_PORT", "WEBHOOKS_PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT")
# A trial should neither wait for the morning nor for Twilio's pace.
PACE = {"QUIET_HOURS": "", "UNDO_SECONDS": "3", "SENDER_RATE": "400", "RETRY_AFTER": "1,2"}


def environment(outside: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for the product and the sandbox both; ports that `outside` doesn't name are picked free.

    Raises:
        UnsafeSettings: real credentials are set outside; names the variable.
    """
    SandboxSettings.from_env(outside)
    kept = {name: value for name, value in outside.items() if not _leads_outside(name)}
    chosen_ports = {name: kept.get(name) or str(ports.free_port()) for name in _PORTS}
    second = _second_provider(chosen_ports) if outside.get("SECOND_PROVIDER") else {}
    return {**PACE, **kept, **chosen_ports, **_wiring(chosen_ports), **second}


def _leads_outside(name: str) -> bool:
    # The product reads its settings in any case.
    return name.upper().startswith(_OUTSIDE) or name.upper() in _PROXIES


def _second_provider(chosen_ports: Mapping[str, str]) -> dict[str, str]:
    """Wire the stand-in of a provider that takes over while Twilio's fails, for who asks for it."""
    api = f"http://{ports.LOOPBACK}:{chosen_ports['SANDBOX_PORT']}/vonage"
    return {**VONAGE_CREDENTIALS, "VONAGE_SENDERS": _SECOND_SENDER, "VONAGE_API_URL": api}


def _wiring(chosen_ports: Mapping[str, str]) -> dict[str, str]:
    bot, webhooks, sandbox, smtp = (f"{ports.LOOPBACK}:{chosen_ports[name]}" for name in _PORTS)
    return {
        **SANDBOX_CREDENTIALS,
        "SLACK_APP_TOKEN": "",  # else the product would use Socket Mode
        "ENV_FILE": "",  # the product then reads no .env, in which real credentials may stand
        "HOST": ports.LOOPBACK,
        "BOT_URL": f"http://{bot}",
        "WEBHOOKS_URL": f"http://{webhooks}",
        "PUBLIC_URL": f"http://{webhooks}",
        "SANDBOX_URL": f"http://{sandbox}",
        "SLACK_API_URL": f"http://{sandbox}/slack/api/",
        "TWILIO_API_URL": f"http://{sandbox}/twilio",
        "SMTP_URL": f"smtp://{smtp}",
        "EMAIL_FROM": "blast@example.org",
        "SLACK_APPROVALS_CHANNEL": "C0APPROVALS",
        "SLACK_REPLIES_CHANNEL": "C0REPLIES",
        "SLACK_ADMINS": "U0ADMIN",
    }
