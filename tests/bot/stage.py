"""Hands for tests of the bot: what people do in Slack, what workers tell, and what a forger would post."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.models import Audience, OutboxEvent, Role
from core.usecases import staffing
from sandbox.slack import SlackStandIn
from tests import factories
from tests.sandbox.slack_stage import request
from workers import updates

Json = dict[str, Any]
SECRET = "sandbox-signing-secret"
ORGANIZER, APPROVER, APPROVER2, ADMIN, GUEST = "U0ORGANIZER", "U0APPROVER", "U0APPROVER2", "U0ADMIN", "U0GUEST"
APPROVALS = "C0APPROVALS"


@dataclass
class Stage:
    """Slack as people see it, and the bot's door."""

    slack_url: str
    bot_url: str
    stand_in: SlackStandIn

    def act(self, name: str, **body: object) -> Json:
        """Do something as somebody in Slack."""
        status, text, _ = request(self.slack_url, "POST", f"/ui/slack/{name}", json.dumps(body))
        answer: Json = json.loads(text)
        assert status == 200, answer
        return answer

    def command(self, text: str, *, user: str = ORGANIZER, channel: str = "C0GENERAL") -> Any:
        """Type /blast; return what only this person sees."""
        answer = self.act("command", user=user, channel=channel, command="/blast", text=text)
        assert answer["status"] == 200
        return answer["response"]

    def press(self, action_id: str, *, user: str, ts: str | None = None) -> Json:
        """Press a button of the newest card, or of the message with this ts."""
        return self.act("action", user=user, channel=APPROVALS, ts=ts or self.card()["ts"], action_id=action_id)

    def view(self, user: str = ORGANIZER) -> Json:
        """Return somebody's topmost modal."""
        view: Json = self.stand_in.snapshot()["views"][user][-1]
        return view

    def is_open(self, user: str = ORGANIZER) -> bool:
        """Tell whether somebody has a modal before them."""
        return bool(self.stand_in.snapshot()["views"].get(user))

    def fill(self, block_id: str, value: object, *, user: str = ORGANIZER, action_id: str = "") -> Json:
        """Type or choose something in somebody's modal."""
        given = {"view_id": self.view(user)["id"], "block_id": block_id, "action_id": action_id or block_id}
        return self.act("input", user=user, **given, value=value)

    def submit(self, *, user: str = ORGANIZER, **values: object) -> Json:
        """Submit somebody's modal."""
        filled = {name: {name: {"value": value}} for name, value in values.items()}
        return self.act("submit", user=user, view_id=self.view(user)["id"], values=filled)

    def messages(self, channel: str = APPROVALS) -> list[Json]:
        """Return what stands in a channel."""
        found = {entry["id"]: entry for entry in self.stand_in.snapshot()["channels"]}
        messages: list[Json] = found[channel]["messages"]
        return messages

    def direct(self, user: str) -> list[str]:
        """Return what somebody was told directly."""
        return [
            message["text"]
            for channel in self.stand_in.snapshot()["channels"]
            if channel["id"].startswith("D") and user in channel["members"]
            for message in channel["messages"]
        ]

    def card(self) -> Json:
        """Return the newest card."""
        return next(message for message in reversed(self.messages()) if message.get("blocks"))

    def buttons(self) -> list[str]:
        """Name the buttons of the newest card."""
        rows = (block["elements"] for block in self.card()["blocks"] if block["type"] == "actions")
        return [element["action_id"] for row in rows for element in row]

    def whispers(self, user: str) -> list[str]:
        """Return what only this person was told."""
        return [entry["text"] for entry in self.stand_in.snapshot()["ephemerals"] if entry["user"] == user]

    def compose(self, **values: object) -> Json:
        """Send a blast to review, as the organizer; its card is posted."""
        self.command("")
        given: Json = {"name": "Rent meeting", "audiences": [str(audience_id())], "body": "Meeting at 6."} | values
        answer = self.submit(**given)
        tell()
        return answer

    def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        """Post to the bot's door as it is; return status and text."""
        connection = HTTPConnection(urlsplit(self.bot_url).netloc, timeout=60)
        try:
            connection.request("POST", "/slack/events", body, {k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get(self, method: str, path: str) -> int:
        """Ask for something else; return the status."""
        return request(self.bot_url, method, path)[0]

    def post_signed(self, body: bytes, *, kind: str = "application/json", at: int | None = None) -> tuple[int, str]:
        """Post something that is truly signed."""
        return self.post(body, **signed(body, at=at), content_type=kind)


def signed(body: bytes, *, at: int | None = None, secret: str = SECRET) -> dict[str, str]:
    """Return Slack's headers for a body."""
    stamp = str(at or int(time.time()))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X_Slack_Request_Timestamp": stamp, "X_Slack_Signature": f"v0={digest}"}


def command_body(text: str = "help", *, user: str = ORGANIZER) -> bytes:
    """Return the body of a slash command."""
    fields = {
        "command": "/blast",
        "text": text,
        "user_id": user,
        "team_id": "T0SANDBOX",
        "channel_id": "C0GENERAL",
        "trigger_id": "1.2.3",
        "response_url": "https://hooks.slack.com/commands/1/2/3",
    }
    return urlencode(fields).encode()


def populate(*, contacts: int = 3, roles: Json | None = None, **values: object) -> None:
    """Make the staff and an audience of `contacts`, all with the same values."""
    given = roles or {ORGANIZER: Role.ORGANIZER, APPROVER: Role.APPROVER, APPROVER2: Role.APPROVER, ADMIN: Role.ADMIN}
    with db.transaction() as session:
        for slack_user_id, role in given.items():
            staffing.add(session, slack_user_id, Role(role), now=utc_now())
        people = [factories.contact(session, number, **values) for number in range(contacts)]
        factories.audience(session, "tenants", people)


def audience_id(name: str = "tenants") -> Any:
    """Return the id of an audience."""
    with db.reading() as session:
        return session.scalars(sa.select(col(Audience.id)).where(col(Audience.name) == name)).one()


def tell() -> None:
    """Do what the workers do with what has happened, until all is told."""
    while due := _untold():
        for outbox_id in due:
            updates.tell.fn(outbox_id)
        assert _untold() != due, "an event wasn't told"


def _untold() -> list[int]:
    with db.reading() as session:
        return list(session.scalars(sa.select(col(OutboxEvent.id)).where(col(OutboxEvent.done_at).is_(None))))
