"""The buttons of a blast's card: who presses them is known, what they saw stands in the button."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import structlog
from slack_bolt import Ack, App
from sqlmodel import Session

from bot.refusals import notice
from core import db
from core.clock import utc_now
from core.models import Blast, Staff
from core.slack.gateway import Gateway
from core.slack.views import card
from core.usecases import approval, composing, testing, unknowns

log = structlog.get_logger()

_TEST_LEAVES = (
    "The test is on its way to that phone. If it hasn't come in some minutes, "
    "`/blast why` with your number tells what became of it."
)


class Decision(Protocol):
    """A use case by which somebody moves a blast that they have seen at a revision."""

    def __call__(self, session: Session, blast_id: UUID, *, by: Staff, seen: int, now: Any) -> Blast: ...


DECISIONS: Mapping[str, Decision] = {
    "submit": composing.submit,
    "approve": approval.approve,
    "undo": approval.undo,
    "pause": approval.pause,
    "resume": approval.resume,
    "cancel": approval.cancel,
    "resend_unknown": unknowns.resend,
    "leave_unknown": unknowns.leave,
}


def register(app: App, gateway: Gateway) -> None:
    """Listen to a card's buttons, and to the modals that two of them open."""
    for verb, decide in DECISIONS.items():
        app.action(card.action_id(verb))(partial(_decide, verb=verb, decide=decide))
    app.action(card.action_id("request_changes"))(partial(_ask_for_note, gateway=gateway))
    app.view(card.NOTE_VIEW)(_request_changes)
    app.action(card.TEST)(partial(_ask_for_phone, gateway=gateway))
    app.view(card.TEST_VIEW)(_test)


def _decide(ack: Ack, action: Mapping[str, Any], staff: Staff, verb: str, decide: Decision) -> None:
    button = card.read(action)
    with db.transaction() as session:
        decide(session, button.blast_id, by=staff, seen=button.revision, now=utc_now())
    log.info(card.action_id(verb), blast_id=str(button.blast_id), staff_id=str(staff.id))
    ack()


def _ask_for_note(ack: Ack, action: Mapping[str, Any], body: Mapping[str, Any], staff: Staff, gateway: Gateway) -> None:
    button = card.read(action)
    with db.reading() as session:
        approval.require_changeable(session, button.blast_id, by=staff, seen=button.revision)
    gateway.open_view(body["trigger_id"], card.ask_for_note(action["value"]))
    ack()


def _request_changes(ack: Ack, view: Mapping[str, Any], staff: Staff) -> None:
    button, note = card.read_note(view)
    with db.transaction() as session:
        approval.request_changes(session, button.blast_id, by=staff, seen=button.revision, now=utc_now(), note=note)
    log.info("blast.request_changes", blast_id=str(button.blast_id), staff_id=str(staff.id))
    ack()


def _ask_for_phone(ack: Ack, action: Mapping[str, Any], body: Mapping[str, Any], gateway: Gateway) -> None:
    card.read(action)
    gateway.open_view(body["trigger_id"], card.ask_for_phone(action["value"]))
    ack()


def _test(ack: Ack, view: Mapping[str, Any], staff: Staff) -> None:
    button, phone = card.read_phone(view)
    with db.transaction() as session:
        testing.send(session, button.blast_id, phone, by=staff, now=utc_now())
    log.info("blast.test", blast_id=str(button.blast_id), staff_id=str(staff.id))
    ack(response_action="update", view=notice(_TEST_LEAVES))
