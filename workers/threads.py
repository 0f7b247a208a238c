"""Telling staff of members' words: a conversation is a thread in the replies channel, its first message kept true."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import col

from core import db, settings
from core.clock import utc_now
from core.errors import NotFound
from core.models import Call, CallStatus, Conversation, Inbound, Staff
from core.slack.gateway import Gateway, SlackFailed
from core.slack.views import calls as view_of_calls
from core.slack.views import thread
from core.usecases import answerable, calls, erasure, inbox, threads
from core.usecases.threads import Facts
from workers import drafting, sharing
from workers.pictures import PICTURES
from workers.recordings import RECORDINGS

log = structlog.get_logger()


class NotOpenYet(SlackFailed):
    """The thread's first message is still on its way; what belongs under it comes again in a moment."""

    def __init__(self) -> None:
        super().__init__("chat.postMessage", "thread_not_open_yet")


def _received(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Show a text: the first of a conversation opens its thread, the others follow in it.

    While nobody has the conversation, one that comes after a silence is shown in the channel as well.
    """
    with db.reading() as session:
        inbound = session.get(Inbound, payload["inbound_id"])
        if inbound is None or inbound.conversation_id is None:
            log.info("inbound.gone", inbound_id=payload["inbound_id"])
            return
        facts = threads.facts(session, inbound.conversation_id, now=utc_now())
        opens, is_news = threads.is_first(session, inbound), threads.is_after_a_while(session, inbound)
    conversation = facts.conversation
    if erasure.is_erased(conversation.address):
        return
    if not answerable.is_by_email(conversation):
        drafting.ask_for(payload["inbound_id"])
    if not conversation.thread_ts:
        if not opens:
            raise NotOpenYet
        _open(gateway, facts)
        _expect(inbound)
        return
    drawn = thread.render_text(facts, inbound, trusted_host=settings.current().media_host)
    broadcast = {"reply_broadcast": True} if is_news and not facts.claimed_by else {}
    channel, ts = conversation.thread_channel, conversation.thread_ts
    try:
        _show(gateway, facts)
    except SlackFailed as failure:
        if not failure.is_about_gone_message:
            raise
        log.warning("thread.reopened", conversation_id=str(conversation.id), code=failure.code)
        channel, ts = _open(gateway, facts)
    gateway.post(channel, drawn.text, blocks=drawn.blocks, thread_ts=ts, **broadcast)
    _expect(inbound)


def _expect(inbound: Inbound) -> None:
    for kind in (PICTURES, RECORDINGS):
        sharing.expect(kind, inbound)


def _changed(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Bring the first message up to date, and say in the thread what was done."""
    try:
        with db.reading() as session:
            facts = threads.facts(session, UUID(payload["conversation_id"]), now=utc_now())
            by = session.get(Staff, UUID(payload["by"])) if payload.get("by") else None
    except NotFound:
        log.info("conversation.gone", conversation_id=payload["conversation_id"])
        return
    if not facts.conversation.thread_ts:
        if erasure.is_erased(facts.conversation.address):
            return
        raise NotOpenYet
    try:
        _show(gateway, facts)
    except SlackFailed as failure:
        if not failure.is_about_gone_message:
            raise
        log.info("thread.gone", conversation_id=payload["conversation_id"])  # their next text opens another
        return
    if payload.get("note"):
        drawn = thread.render_step(payload["note"], by=by.slack_user_id if by else None)
        channel, ts = facts.conversation.thread_channel, facts.conversation.thread_ts
        gateway.post(channel, drawn.text, blocks=drawn.blocks, thread_ts=ts)


def _waiting(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Remind staff in the thread, and in the channel as well; not when it was answered meanwhile, or is to be."""
    with db.reading() as session:
        found = session.get(Conversation, UUID(payload["conversation_id"]))
        if found is None or not inbox.is_waiting(found) or inbox.is_to_be_called(session, found):
            return
        facts = threads.facts(session, found.id, now=utc_now())
    drawn = thread.render_waiting(facts)
    channel, ts = facts.conversation.thread_channel, facts.conversation.thread_ts
    gateway.post(channel, drawn.text, blocks=drawn.blocks, thread_ts=ts, reply_broadcast=True)


def _call_changed(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Show a call in its thread, bring what is shown up to date, and say what was done."""
    call_id = UUID(payload["call_id"])
    with db.reading() as session:
        found = calls.shown(session, call_id)
        conversation = session.get(Conversation, found.call.conversation_id) if found else None
        by = session.get(Staff, UUID(payload["by"])) if payload.get("by") else None
    if found is None or conversation is None:
        log.info("call.gone", call_id=payload["call_id"])
        return
    channel, ts = conversation.thread_channel, conversation.thread_ts
    if not ts:
        raise NotOpenYet
    drawn = view_of_calls.render(found)
    if not found.call.message_ts:
        _, message_ts = gateway.post(channel, drawn.text, blocks=drawn.blocks, thread_ts=ts)
        with db.transaction() as session:
            session.execute(sa.update(Call).where(col(Call.id) == call_id).values(message_ts=message_ts))
    else:
        try:
            gateway.update(channel, found.call.message_ts, drawn.text, blocks=drawn.blocks)
        except SlackFailed as failure:
            if not failure.is_about_gone_message:
                raise
            log.info("call.message_gone", call_id=payload["call_id"])
    if payload.get("note"):
        step = thread.render_step(payload["note"], by=by.slack_user_id if by else None)
        gateway.post(channel, step.text, blocks=step.blocks, thread_ts=ts)


def _call_due(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Remind who calls, in the thread; not when the call was done or cancelled meanwhile."""
    with db.reading() as session:
        found = calls.shown(session, UUID(payload["call_id"]))
        if found is None or found.call.status is not CallStatus.PLANNED:
            return
        facts = threads.facts(session, found.call.conversation_id, now=utc_now())
    channel, ts = facts.conversation.thread_channel, facts.conversation.thread_ts
    if not ts:
        raise NotOpenYet
    drawn = view_of_calls.render_due(found, facts)
    gateway.post(channel, drawn.text, blocks=drawn.blocks, thread_ts=ts)


def _call_erased(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Take a call's note and buttons away."""
    drawn = view_of_calls.render_erased()
    try:
        gateway.update(payload["channel"], payload["message_ts"], drawn.text, blocks=drawn.blocks)
    except SlackFailed as failure:
        if not failure.is_about_gone_message:
            raise


TELLERS: Mapping[str, Callable[[Gateway, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "message.received": _received,
        "conversation.changed": _changed,
        "conversation.waiting": _waiting,
        "call.changed": _call_changed,
        "call.due": _call_due,
        "call.erased": _call_erased,
    }
)


def _open(gateway: Gateway, facts: Facts) -> tuple[str, str]:
    drawn = thread.render(facts, trusted_host=settings.current().media_host)
    channel, ts = gateway.post(settings.current().slack_replies_channel, drawn.text, blocks=drawn.blocks)
    with db.transaction() as session:
        session.execute(
            sa.update(Conversation)
            .where(
                col(Conversation.id) == facts.conversation.id,
                col(Conversation.thread_ts) == facts.conversation.thread_ts,
            )
            .values(thread_channel=channel, thread_ts=ts)
        )
    return channel, ts


def _show(gateway: Gateway, facts: Facts) -> None:
    drawn = thread.render(facts, trusted_host=settings.current().media_host)
    gateway.update(facts.conversation.thread_channel, facts.conversation.thread_ts, drawn.text, blocks=drawn.blocks)
