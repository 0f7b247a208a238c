"""What the sandbox reads from its environment, and the refusal to start beside real credentials."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

SANDBOX_CREDENTIALS = {
    "SLACK_BOT_TOKEN": "xoxb-sandbox",
    "SLACK_SIGNING_SECRET": "sandbox-signing-secret",
    "SLACK_APP_TOKEN": "xapp-sandbox",
    "SLACK_TEAM_ID": "T0SANDBOX",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "sandbox-auth-token",
    "TWILIO_FROM_NUMBER": "+12125550100",
}
# Only who tries the second provider sets these.
VONAGE_CREDENTIALS = {
    "VONAGE_API_KEY": "sandbox0",
    "VONAGE_API_SECRET": "sandbox-vonage-secret",
    "VONAGE_SIGNATURE_SECRET": "sandbox-vonage-signature-secret",
}
FOREIGN_CREDENTIALS = ("TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET", "ASSISTANT_API_KEY")


class UnsafeSettings(ValueError):
    """The environment holds something that the sandbox must not run beside; says which variable, never its value."""


@dataclass(frozen=True)
class SandboxSettings:
    """Where the sandbox listens, whom it talks to, and the credentials that it hands out."""

    port: int = 0
    host: str = "127.0.0.1"
    smtp_port: int = 0
    bot_url: str = "http://127.0.0.1:3000"
    webhooks_url: str = "http://127.0.0.1:8000"
    public_url: str | None = None
    slack_bot_token: str = SANDBOX_CREDENTIALS["SLACK_BOT_TOKEN"]
    slack_signing_secret: str = SANDBOX_CREDENTIALS["SLACK_SIGNING_SECRET"]
    slack_app_token: str = SANDBOX_CREDENTIALS["SLACK_APP_TOKEN"]
    slack_team_id: str = SANDBOX_CREDENTIALS["SLACK_TEAM_ID"]
    twilio_account_sid: str = SANDBOX_CREDENTIALS["TWILIO_ACCOUNT_SID"]
    twilio_auth_token: str = SANDBOX_CREDENTIALS["TWILIO_AUTH_TOKEN"]
    twilio_from_number: str = SANDBOX_CREDENTIALS["TWILIO_FROM_NUMBER"]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "SandboxSettings":
        """Read the environment.

        Raises:
            UnsafeSettings: a credential isn't the sandbox's own, or an address isn't this machine's.
        """
        # The product would read them in any case.
        _refuse_real_credentials({name.upper(): value for name, value in environ.items()})
        return cls(
            port=_port("SANDBOX_PORT", environ),
            smtp_port=_port("SANDBOX_SMTP_PORT", environ),
            host=_loopback_host(environ.get("HOST") or cls.host),
            bot_url=_loopback_url("BOT_URL", environ.get("BOT_URL") or cls.bot_url),
            webhooks_url=_loopback_url("WEBHOOKS_URL", environ.get("WEBHOOKS_URL") or cls.webhooks_url),
            public_url=(environ.get("PUBLIC_URL") or "").rstrip("/") or None,
        )


def is_loopback(host: str) -> bool:
    """Say whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_real_credentials(environ: Mapping[str, str]) -> None:
    for name, own in (SANDBOX_CREDENTIALS | VONAGE_CREDENTIALS).items():
        if environ.get(name, own) not in ("", own):
            raise UnsafeSettings(
                f"{name} is not the sandbox's own value: unset it, or set it to {own}, and start again."
            )
    for name in FOREIGN_CREDENTIALS:
        if environ.get(name):
            raise UnsafeSettings(f"{name} is set, and the sandbox must not run beside real credentials: unset it.")
    smtp_url = environ.get("SMTP_URL")
    if smtp_url and not is_loopback(urlsplit(smtp_url).hostname or ""):
        raise UnsafeSettings("SMTP_URL names another machine, and the sandbox sends no real mail: unset it.")


def _port(name: str, environ: Mapping[str, str]) -> int:
    text = environ.get(name) or "0"
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise UnsafeSettings(f"{name} must be a port number from 0 (any free one) to 65535: correct or unset it.")
    return int(text)


def _loopback_host(host: str) -> str:
    if not is_loopback(host):
        raise UnsafeSettings("HOST is not a loopback address, and the sandbox serves this machine only: use 127.0.0.1.")
    return host


def _loopback_url(name: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not is_loopback(parts.hostname or ""):
        raise UnsafeSettings(
            f"{name} must be an http address of this machine, such as http://127.0.0.1:3000: correct it."
        )
    return url.rstrip("/")
