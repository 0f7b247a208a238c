"""Calls that come in: who rings, who presses the key that stops texts, what they leave, and that they hung up."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain import senders, voice
from core.domain.events import CallEnded, ConversationChanged, RecordingUnwanted
from core.domain.keywords import Reading
from core.domain.voice import Recording, Ring
from core.errors import NotFound
from core.models import Conversation, IncomingCall
from core.models.dialect import insert
from core.usecases import conversations, inbound, late, suppression
from core.usecases.erasure import NOBODY
from core.usecases.inbound import Text

SOURCE = "voice"
AUDIO = "audio/wav"
# What is shorter than this, of a call that stopped our texts, is the key's own sound.
_SHORTEST_BESIDE_KEY_S = 3
# Twilio tells of a message some seconds after the call has ended.
_MESSAGE_FOLLOWS_WITHIN = timedelta(minutes=2)
_PRESSED = "They called and asked for no more texts, and are opted out."


def ring(session: Session, told: Ring, *, now: datetime) -> IncomingCall:
    """Note that somebody calls, once; returns the call, locked."""
    session.execute(
        insert(session, IncomingCall)
        .values(
            sid=told.sid,
            address=told.caller or f"{voice.WITHHELD}{told.sid}"[:320],
            number=told.number,
            came_at=now,
            recording_sid="",
        )
        .on_conflict_do_nothing(index_elements=["sid"])
    )
    return session.get_one(IncomingCall, told.sid, with_for_update=True, populate_existing=True)


def opt_out(session: Session, told: Ring, *, at: datetime, now: datetime) -> bool:
    """Unsubscribe whoever pressed the key, from everything; returns whether they are out of reach now.

    It counts once for each call: Twilio's request may come again after they have come back by START. `at`: when it was
    pressed; a START since then stands.
    """
    call = ring(session, told, now=now)
    if call.opted_out_at is None and told.caller:
        call.opted_out_at = at
        if not late.has_come_back(session, told.caller, since=at):
            suppression.opt_out(session, told.caller, source=SOURCE, now=now)
            found = _conversation(session, told.caller)
            if found is not None:
                outbox.record(session, ConversationChanged(found.id, note=_PRESSED), now=now)
    session.flush()
    return bool(told.caller) and suppression.active(session, told.caller) is not None


def take(session: Session, recording: Recording, *, sender: str | None = None, at: datetime, now: datetime) -> bool:
    """Put a message that was left into its caller's conversation, once; returns whether it was new.

    `sender`: what we text from to who has no conversation yet, if that isn't the number that was called. What is of
    nobody any more, or holds nothing, is deleted where the provider keeps it.

    Raises:
        NotFound: the call isn't known, or not yet.
    """
    call = session.get(IncomingCall, recording.call_sid, with_for_update=True, populate_existing=True)
    if call is None:
        raise NotFound("This recording is of a call that isn't known yet. It is tried again when the call may be.")
    least = _SHORTEST_BESIDE_KEY_S if call.opted_out_at else 1
    if call.address.startswith(NOBODY) or recording.seconds < least:
        outbox.record(session, RecordingUnwanted(recording.sid), now=now)
        return False
    call.recording_sid = recording.sid
    found = _conversation(session, call.address)
    text = Text(recording.sid, call.address, found.sender if found else sender or call.number, "")
    kept = inbound.keep(session, text, Reading("none", "none"), at=min(at, now))
    if kept is None:
        return False
    kept.media = [{"url": recording.url, "type": AUDIO, "sid": recording.sid, "seconds": recording.seconds}]
    conversations.receive(session, kept, now=now)
    return True


def end(session: Session, told: Ring, *, now: datetime) -> None:
    """Note that a call is over; of who neither left a message nor stopped our texts, their thread is told, if any."""
    call = ring(session, told, now=now)
    if call.ended_at is not None:
        return
    call.ended_at = now
    if call.opted_out_at is None and not call.recording_sid and _conversation(session, call.address):
        outbox.record(session, CallEnded(call.sid), now=now, due_at=now + _MESSAGE_FOLLOWS_WITHIN)


def without_message(session: Session, call_sid: str) -> Conversation | None:
    """Return the conversation of a call that ended without a message; None when there was one, or nobody to tell."""
    call = session.get(IncomingCall, call_sid)
    if call is None or call.recording_sid or call.opted_out_at is not None:
        return None
    return _conversation(session, call.address)


def _conversation(session: Session, address: str) -> Conversation | None:
    """Return the conversation that a caller has with us by text, the last one if there are several."""
    return session.scalar(
        sa.select(Conversation)
        .where(col(Conversation.address) == address, col(Conversation.sender) != senders.EMAIL)
        .order_by(col(Conversation.last_inbound_at).desc())
        .limit(1)
    )
