"""The buttons of a conversation's thread: claim, text back, note, close, what is an opt-out, and its undoing."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import structlog
from slack_bolt import Ack, App
from sqlmodel import Session

from core import db, settings
from core.clock import utc_now
from core.models import Conversation, Staff
from core.slack.gateway import Gateway
from core.slack.views import calls as view_of_calls
from core.slack.views import text_back, thread
from core.usecases import calls, conversations, drafts, requests, saved, threads

log = structlog.get_logger()


class Step(Protocol):
    """A use case by which somebody moves a conversation on, by one press of a button."""

    def __call__(self, session: Session, conversation_id: UUID, *, by: Staff, now: Any) -> Conversation: ...


class StepAbout(Protocol):
    """The same about something that the thread showed: a blast, a suppression, a call."""

    def __call__(self, session: Session, conversation_id: UUID, about: UUID, /, *, by: Staff, now: Any) -> object: ...


STEPS: Mapping[str, Step] = {
    thread.CLAIM: conversations.claim,
    thread.CLOSE: conversations.close,
    thread.OPT_OUT: conversations.opt_out,
    thread.CONFIRM_OPT_OUT: conversations.opt_out,
    thread.NOT_OPT_OUT: conversations.not_opt_out,
}
STEPS_ABOUT: Mapping[str, tuple[Callable[[Mapping[str, Any]], tuple[UUID, UUID]], StepAbout]] = {
    thread.CHOOSE_BLAST: (thread.read_choice, conversations.choose_blast),
    thread.LIFT: (thread.read_lift, conversations.lift),
    view_of_calls.DONE: (view_of_calls.read_button, calls.finish),
    view_of_calls.CANCEL: (view_of_calls.read_button, calls.cancel),
}


def register(app: App, gateway: Gateway) -> None:
    """Listen to a thread's buttons, and to the modals that two of them open."""
    for action_id, step in STEPS.items():
        app.action(action_id)(partial(_step, action_id=action_id, step=step))
    for action_id, (read, step_about) in STEPS_ABOUT.items():
        app.action(action_id)(partial(_step_about, action_id=action_id, read=read, step=step_about))
    app.action(thread.TEXT_BACK)(partial(_ask_for_reply, gateway=gateway))
    app.view(text_back.CALLBACK)(_reply)
    app.action(text_back.SAVED)(partial(_fill_in, gateway=gateway))
    app.action(thread.NOTE)(partial(_ask_for_note, gateway=gateway))
    app.view(thread.NOTE_VIEW)(_note)


def _step(ack: Ack, action: Mapping[str, Any], staff: Staff, action_id: str, step: Step) -> None:
    conversation_id = thread.read(action)
    with db.transaction() as session:
        step(session, conversation_id, by=staff, now=utc_now())
    log.info(action_id, conversation_id=str(conversation_id), staff_id=str(staff.id))
    ack()


def _step_about(
    ack: Ack,
    action: Mapping[str, Any],
    staff: Staff,
    action_id: str,
    read: Callable[[Mapping[str, Any]], tuple[UUID, UUID]],
    step: StepAbout,
) -> None:
    conversation_id, about = read(action)
    with db.transaction() as session:
        step(session, conversation_id, about, by=staff, now=utc_now())
    log.info(action_id, conversation_id=str(conversation_id), about=str(about), staff_id=str(staff.id))
    ack()


def _fill_in(ack: Ack, action: Mapping[str, Any], body: Mapping[str, Any], gateway: Gateway) -> None:
    """Put a saved answer into the open modal."""
    view = body["view"]
    with db.reading() as session:
        answer = saved.get(session, text_back.read_saved(action))
    gateway.update_view(view["id"], text_back.filled_in(view, answer), seen_hash=view.get("hash"))
    ack()


def _ask_for_reply(
    ack: Ack, action: Mapping[str, Any], body: Mapping[str, Any], staff: Staff, gateway: Gateway
) -> None:
    conversation_id, now = thread.read(action), utc_now()
    with db.reading() as session:
        conversations.require_answerable(session, conversation_id, by=staff, now=now)
        facts = threads.facts(session, conversation_id, now=now)
        answers, draft = saved.listed(session), drafts.ready(session, conversation_id)
    longest = settings.current().message_max_length
    gateway.open_view(body["trigger_id"], text_back.render(facts, answers, longest=longest, draft=draft))
    ack()


def _reply(ack: Ack, view: Mapping[str, Any], staff: Staff) -> None:
    told, longest, now = text_back.read(view), settings.current().message_max_length, utc_now()
    with db.transaction() as session:
        if requests.is_first(session, view["id"], now=now):
            sent = conversations.reply(
                session, told.conversation_id, told.text, by=staff, seen_at=told.seen_at, longest=longest, now=now
            )
            drafts.settle(session, told.conversation_id, sent, draft_id=told.draft_id, now=now)
            if told.save_as:
                saved.put(session, told.save_as, told.text, by=staff.id, now=now)
    log.info("conversation.reply", conversation_id=str(told.conversation_id), staff_id=str(staff.id))
    ack()


def _ask_for_note(ack: Ack, action: Mapping[str, Any], body: Mapping[str, Any], gateway: Gateway) -> None:
    with db.reading() as session:
        facts = threads.standing(session, thread.read(action), now=utc_now())
    gateway.open_view(body["trigger_id"], thread.ask_for_note(facts))
    ack()


def _note(ack: Ack, view: Mapping[str, Any], staff: Staff) -> None:
    conversation_id, text = thread.read_note(view)
    now = utc_now()
    with db.transaction() as session:
        if requests.is_first(session, view["id"], now=now):
            conversations.note(session, conversation_id, text, by=staff, now=now)
    log.info("conversation.note", conversation_id=str(conversation_id), staff_id=str(staff.id))
    ack()
