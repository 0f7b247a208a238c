"""Words that all parts of the stand-in share: JSON, Slack's refusals, ids as Slack makes them."""

import secrets
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

Json = dict[str, Any]
Clock = Callable[[], float]

APP_ID = "A0SANDBOX"
BOT_ID = "B0SANDBOX"
BOT_USER = "U0BOT"
SLACKBOT = "USLACKBOT"
TEAM_NAME = "Sandbox"
TEAM_DOMAIN = "sandbox"
OTHER_TEAM = "T0OTHER"
# The deprecated verification token; payloads still carry one.
VERIFICATION_TOKEN = "sandbox-verification-token"

_LETTERS = string.ascii_letters + string.digits


class Refused(Exception):
    """A Web API call that Slack would answer with `ok: false`; `more` are the further fields of that answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more

    def as_json(self) -> Json:
        """Return the body that Slack would answer with."""
        return {"ok": False, "error": self.error, **self.more}


def invalid_arguments(*problems: str) -> Refused:
    """Return the refusal that lists what is wrong with the arguments."""
    return Refused("invalid_arguments", response_metadata={"messages": [f"[ERROR] {problem}" for problem in problems]})


def random_id(prefix: str, length: int = 10) -> str:
    """Return a new id such as V4F6H2K9Q0Z."""
    return prefix + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(length))


def random_word(length: int = 5) -> str:
    """Return letters and digits, as Slack makes up for a block without an id."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def readable(body: bytes) -> str:
    """Return a request's body for people to read: JSON as it is, forms without their escapes."""
    text = body.decode(errors="replace")
    return text if text.startswith(("{", "[")) else unquote_plus(text)
