"""Somebody who calls our number: what Twilio posts of it, and what they hear."""

from typing import Any
from xml.etree import ElementTree

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from core import db
from core.models import OutboxEvent
from core.usecases import suppression
from tests.webhooks.conftest import ACCOUNT, SENDER, Answer, Door

CALL, RECORDING = "CA" + "1" * 32, "RE" + "1" * 32
SHE = "+12125550123"
KEPT_AT = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}"


def tell(door: Door, what: str = "", *, caller: str = SHE, call: str = CALL, **params: str) -> Answer:
    """Post about a call, as Twilio does."""
    given = {"AccountSid": ACCOUNT, "CallSid": call, "From": caller, "To": SENDER, "CallStatus": "in-progress"}
    return door.post(f"/twilio/voice{what}", given | params)


def told_of_recording(door: Door, **params: str) -> Answer:
    """Post that a recording is ready: that post doesn't say who called."""
    given = {"AccountSid": ACCOUNT, "CallSid": CALL, "RecordingSid": RECORDING, "RecordingUrl": KEPT_AT}
    given |= {"RecordingStatus": "completed", "RecordingDuration": "23"}
    return door.post("/twilio/voice/recording", given | params)


def verbs(answer: Answer) -> list[str]:
    """Return the verbs of an answer."""
    return [element.tag for element in read(answer)]


def said(answer: Answer) -> str:
    """Return all that is said in an answer."""
    return " ".join(element.text or "" for element in read(answer).iter("Say"))


def read(answer: Answer) -> ElementTree.Element:
    """Return an answer that Twilio would take."""
    assert (answer.status, answer.content_type.split(";")[0]) == (200, "text/xml")
    return ElementTree.fromstring(answer.text)  # noqa: S314  our own answer


def rows(session: Session, table: type[SQLModel]) -> list[Any]:
    """Return a table's rows."""
    return list(session.scalars(sa.select(table)))


def names(session: Session) -> list[str]:
    """Return the names of what is told, in order."""
    return list(session.scalars(sa.select(col(OutboxEvent.name)).order_by(col(OutboxEvent.id))))


def is_out_of_reach(door: Door, address: str = SHE) -> bool:
    """Tell whether somebody must not be texted."""
    with db.reading(door.engine) as session:
        return suppression.active(session, address) is not None
