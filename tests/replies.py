"""A stage on which members text us and staff answer: the real bot and tellers, on the Slack stand-in over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from bot import app
from core import db, settings
from core.clock import utc_now
from core.models import Conversation, Delivery, DeliveryKind, OutboxEvent, Role
from core.slack.gateway import Gateway, web_client
from core.usecases import inbound, staffing
from core.usecases.inbound import Text
from tests import factories
from tests.sandbox import slack_stage
from tests.sandbox.slack_stage import Json, Stage
from workers import updates
from workers.threads import NotOpenYet

TELLERS = updates.TELLERS
CHANNEL = "C0REPLIES"
ORGANIZER, APPROVER = "U0ORGANIZER", "U0APPROVER"
SHE = "+12125550123"


@dataclass
class Replies:
    """The replies channel, and everybody's hands."""

    stage: Stage
    gateway: Gateway
    _numbers: Iterator[int]

    def text(self, body: str, *, sender: str = SHE, media: tuple[tuple[str, str], ...] = ()) -> None:
        """Have a member text us, and staff told."""
        self.receive(body, sender=sender, media=media)
        self.tell()

    def receive(self, body: str, *, sender: str = SHE, media: tuple[tuple[str, str], ...] = ()) -> None:
        """Have a member text us."""
        sid = f"SM{next(self._numbers):032d}"
        with db.transaction() as session:
            taken = Text(sid, sender, factories.SENDER, body, media)
            inbound.take(session, taken, organization="Tenants Together", now=utc_now())

    def tell(self, *, latest_first: bool = False) -> list[str]:
        """Tell what waits in the outbox, as the workers do; return the names of what must come again."""
        with db.reading() as session:
            waiting = session.scalars(
                sa.select(OutboxEvent).where(col(OutboxEvent.done_at).is_(None)).order_by(col(OutboxEvent.id))
            ).all()
        late = []
        for event in waiting[::-1] if latest_first else waiting:
            try:
                TELLERS[event.name](self.gateway, event.payload)
            except NotOpenYet:
                late.append(event.name)
                continue
            with db.transaction() as session:
                session.execute(sa.update(OutboxEvent).where(col(OutboxEvent.id) == event.id).values(done_at=utc_now()))
        return late

    def messages(self) -> list[Json]:
        """Return what stands in the channel and its threads, oldest first."""
        channels = self.stage.stand_in.snapshot()["channels"]
        found: list[Json] = next(channel["messages"] for channel in channels if channel["id"] == CHANNEL)
        return sorted(found, key=lambda message: float(message["ts"]))

    def files(self) -> list[Json]:
        """Return the files that stand in the channel and its threads."""
        return [file for message in self.messages() for file in message.get("files") or []]

    def press(self, action_id: str, *, by: str = ORGANIZER, message: Json | None = None) -> None:
        """Press a button, and have staff told what came of it."""
        ts = (message or self.messages()[0])["ts"]
        self.stage.act("action", user=by, action_id=action_id, channel=CHANNEL, ts=ts)
        self.tell()

    def submit(self, values: Json, *, by: str = ORGANIZER) -> Json:
        """Submit the modal that somebody has open, and have staff told."""
        view = self.stage.view_of(by)
        given = {name: {name: {"type": "plain_text_input", "value": value}} for name, value in values.items()}
        answer = self.stage.act("submit", user=by, view_id=view["id"], values=given)
        self.tell()
        return answer

    def conversation(self) -> Conversation:
        """Return the one conversation that there is."""
        with db.reading() as session:
            return session.scalars(sa.select(Conversation)).one()

    def replies(self) -> list[Delivery]:
        """Return what staff have texted back."""
        with db.reading() as session:
            found = session.scalars(sa.select(Delivery).where(col(Delivery.kind) == DeliveryKind.REPLY))
            return list(found)


def waiting(name: str) -> list[Json]:
    """Return what waits in the outbox under this name."""
    with db.reading() as session:
        is_it = (col(OutboxEvent.name) == name, col(OutboxEvent.done_at).is_(None))
        return [event.payload for event in session.scalars(sa.select(OutboxEvent).where(*is_it))]


def buttons(message: Json) -> list[str]:
    """Return the action ids that a message offers."""
    return [element["action_id"] for element in elements(message)]


def elements(message: Json) -> list[Json]:
    """Return the buttons that a message offers."""
    rows = [block for block in message["blocks"] if block["type"] == "actions"]
    return [element for row in rows for element in row["elements"]]


def shown(message: Json) -> str:
    """Return all the words of a message's blocks."""
    return " ".join(_words(message["blocks"]))


def _words(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for value in node.values():
            yield from _words(value)
    elif isinstance(node, list):
        for each in node:
            yield from _words(each)


@contextmanager
def opened(database_url: str, patch: pytest.MonkeyPatch) -> Iterator[Replies]:
    """Open the stage with an organizer and an approver, on a database."""
    with slack_stage.running() as stage:
        environment = {
            "DATABASE_URL": database_url,
            "SLACK_API_URL": f"{stage.address}/slack/api/",
            "SLACK_BOT_TOKEN": "xoxb-sandbox",
            "SLACK_TEAM_ID": "T0SANDBOX",
            "SLACK_REPLIES_CHANNEL": CHANNEL,
            "TWILIO_FROM_NUMBER": factories.SENDER,
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        _forget()
        try:
            with db.transaction() as session:
                _hire(session)
            chosen = settings.current()
            yield Replies(stage, Gateway(web_client(chosen.slack_bot_token, chosen.slack_api_url)), count(1))
        finally:
            db.engine().dispose()
            patch.undo()
            _forget()


@contextmanager
def answered(database_url: str, patch: pytest.MonkeyPatch, text: str = "Who is this?") -> Iterator[Replies]:
    """Open the stage with the real bot behind its buttons, and one text in it."""
    with opened(database_url, patch) as stage:
        stage.stage.bot.app = app.create(settings.current())
        stage.text(text)
        yield stage


def _hire(session: Session) -> None:
    staffing.add(session, ORGANIZER, Role.ORGANIZER, now=utc_now())
    staffing.add(session, APPROVER, Role.APPROVER, now=utc_now())


def _forget() -> None:
    settings.current.cache_clear()
    db.engine.cache_clear()
