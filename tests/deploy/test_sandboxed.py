"""The environment of `make run` and `make demo`: nothing in it leads outside this machine."""

from collections.abc import Callable

import pytest

from deploy import sandboxed
from sandbox.settings import VONAGE_CREDENTIALS, UnsafeSettings


@pytest.mark.parametrize(
    "name", ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY_SECRET"]
)
@pytest.mark.parametrize("written", [str.upper, str.lower])
def test_real_credentials_are_refused_by_name_and_never_shown(name: str, written: Callable[[str], str]) -> None:
    with pytest.raises(UnsafeSettings) as refusal:
        sandboxed.environment({written(name): "a-real-secret"})
    assert name in str(refusal.value)
    assert "a-real-secret" not in str(refusal.value)


def test_settings_that_lead_outside_are_dropped() -> None:
    outside = {
        "TWILIO_MESSAGING_SERVICE_SID": "MG" + "1" * 32,
        "SLACK_CLIENT_ID": "1.2",
        "TWILIO_API_URL": "https://example.org",
        "twilio_api_url": "https://example.org",
        "VONAGE_SENDERS": "+12125550199",
        "https_proxy": "http://proxy.example.org:3128",
        "LANG": "C.UTF-8",
    }
    env = sandboxed.environment(outside)
    assert env["LANG"] == "C.UTF-8"
    assert "TWILIO_MESSAGING_SERVICE_SID" not in env
    assert "SLACK_CLIENT_ID" not in env
    assert "twilio_api_url" not in env
    assert "VONAGE_SENDERS" not in env
    assert "https_proxy" not in env


def test_who_asks_for_the_second_provider_gets_its_stand_in() -> None:
    outside = {"VONAGE_SENDERS": "+12125550199", "VONAGE_API_URL": "https://vonage.example"}
    env = sandboxed.environment({**outside, "SECOND_PROVIDER": "1"})
    assert env["VONAGE_SENDERS"] == "+12125550150"
    assert env["VONAGE_API_URL"] == f"http://127.0.0.1:{env['SANDBOX_PORT']}/vonage"
    assert VONAGE_CREDENTIALS.items() <= env.items()


def test_every_address_is_on_the_loopback() -> None:
    env = sandboxed.environment({})
    addresses = [value for name, value in env.items() if name.endswith("_URL")]
    assert len(addresses) > 5
    assert all("//127.0.0.1:" in address for address in addresses)


def test_the_product_reads_no_env_file_and_uses_no_socket_mode() -> None:
    env = sandboxed.environment({"ENV_FILE": ".env"})
    assert (env["ENV_FILE"], env["SLACK_APP_TOKEN"]) == ("", "")


def test_ports_named_outside_are_kept_and_the_others_differ() -> None:
    env = sandboxed.environment({"SANDBOX_PORT": "4400"})
    assert env["SANDBOX_URL"] == "http://127.0.0.1:4400"
    assert len({env[name] for name in ("BOT_PORT", "WEBHOOKS_PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT")}) == 4
