"""Members' own words and staff's answers: received, claimed, answered, noted, closed."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain import message
from core.domain.events import ConversationChanged, MessageReceived
from core.errors import IllegalMove, Invalid, NotAllowed, NotFound, Stale
from core.models import (
    AuditEntry,
    Contact,
    Conversation,
    ConversationStatus,
    Delivery,
    DeliveryKind,
    Inbound,
    Role,
    Staff,
)
from core.models.dialect import insert
from core.usecases import answerable, drafts, erasure, inbox, lifting, sending, staffing, suppression

CLAIM_EXPIRES_AFTER = timedelta(minutes=15)
# FOR NO KEY UPDATE: what only refers to a conversation, such as a text of it, doesn't wait.
LOCKED: Final[dict[str, Any]] = {"key_share": True}
_LONGEST_NOTE = 2000
_NOBODY_DECIDED = "Nobody has decided about what looked like an opt-out, so it counts: they get no more texts."
_GONE = "This conversation is gone. It was erased or cleaned up."


def hold(session: Session, inbound: Inbound) -> None:
    """Lock the conversation that a text belongs to, if there is one, before the text puts its sender out of reach.

    Staff who opt somebody out lock first the conversation, then the suppression: so must a STOP, or each waits for the
    other.
    """
    session.scalars(_of(inbound).with_for_update(**LOCKED)).one_or_none()


def receive(session: Session, inbound: Inbound, *, now: datetime) -> Conversation:
    """Put a text into its sender's conversation, opened (again) if need be; staff are told."""
    # The one that was there may be erased while we wait for it.
    conversation = _opened(session, inbound, now=now) or _opened(session, inbound, now=now)
    if conversation is None or inbound.id is None:
        raise LookupError("the text was not stored, or the conversation just made is gone")
    conversation.contact_id = _contact(session, inbound.address)
    conversation.blast_id = inbox.answered(session, conversation, inbound.body, now=now)
    conversation.status = ConversationStatus.OPEN
    conversation.last_inbound_at = now
    inbound.conversation_id = conversation.id
    session.flush()
    outbox.record(session, MessageReceived(inbound.id), now=now)
    return conversation


def tell(session: Session, inbound: Inbound, note: str, *, now: datetime) -> None:
    """Tell the thread of a conversation, if there is one, what its member has done by a keyword."""
    # Without a lock: who tells it may hold what the lock's holder waits for.
    conversation = session.scalars(_of(inbound)).one_or_none()
    if conversation is not None:
        inbound.conversation_id = conversation.id
        outbox.record(session, ConversationChanged(conversation.id, note=note), now=now)


def claim(session: Session, conversation_id: UUID, *, by: Staff, now: datetime) -> Conversation:
    """Take a conversation, so that two don't answer at once; it is free again after 15 minutes without a step.

    Raises:
        NotAllowed: somebody else has it.
        IllegalMove: it is closed.
    """
    conversation = _take(session, conversation_id, by=by, now=now)
    _record(session, conversation, "claim", by=by, note="", now=now)
    return conversation


def reply(
    session: Session,
    conversation_id: UUID,
    body: str,
    *,
    by: Staff,
    seen_at: datetime | None = None,
    longest: int = message.LONGEST,
    now: datetime,
) -> Delivery:
    """Text back, and keep the conversation for a while; a closed one is opened again.

    `seen_at`: when the last text came that `by` had before them; a later one still waits for its answer.

    Raises:
        Invalid: the text is empty, broken or longer than `longest` characters.
        NotAllowed: somebody else has the conversation, or its member must not or can't be texted.
    """
    message.require_sendable(body, limit=longest)
    conversation = _take(session, conversation_id, by=by, now=now, opens=True)
    answerable.require(session, conversation)
    is_all_seen = seen_at is None or conversation.last_inbound_at <= seen_at
    conversation.answered_at = now if is_all_seen else seen_at
    delivery = sending.queue(
        session,
        kind=DeliveryKind.REPLY,
        address=conversation.address,
        sender=conversation.sender,
        body=body,
        conversation_id=conversation.id,
        contact_id=conversation.contact_id,
        staff_id=by.id,
        now=now,
    )
    head = "Texted back" if is_all_seen else "Texted back, before they saw the last text"
    _record(session, conversation, "reply", by=by, note=f"{head}:\n{body}", now=now)
    return delivery


def note(session: Session, conversation_id: UUID, text: str, *, by: Staff, now: datetime) -> Conversation:
    """Write something down for staff; the member never sees it.

    Raises:
        Invalid: there is nothing to write down, or too much.
    """
    if not text.strip():
        raise Invalid("The note is empty. Write what the others should know.")
    if len(text) > _LONGEST_NOTE:
        raise Invalid(f"The note is longer than {_LONGEST_NOTE:,} characters. Shorten it.")
    conversation = _get(session, conversation_id)
    if conversation.claimed_by == by.id:
        conversation.claimed_at = now
    _record(session, conversation, "note", by=by, note=f"Note, for staff only:\n{text.strip()}", now=now)
    return conversation


def close(session: Session, conversation_id: UUID, *, by: Staff, now: datetime) -> Conversation:
    """Say that nothing is left to answer; the member's next text opens it again.

    Raises:
        IllegalMove: it is closed already.
    """
    conversation = _get(session, conversation_id)
    if conversation.status is ConversationStatus.CLOSED:
        raise IllegalMove("This conversation is closed already. It opens again when they write.")
    conversation.status = ConversationStatus.CLOSED
    conversation.claimed_by = conversation.claimed_at = None
    drafts.drop(session, conversation.id, now=now)
    _record(session, conversation, "close", by=by, note="Closed. It opens again when they write.", now=now)
    return conversation


def opt_out(session: Session, conversation_id: UUID, *, by: Staff, now: datetime) -> Conversation:
    """Unsubscribe the member, as they asked in words of their own; confirms a likely opt-out.

    Raises:
        IllegalMove: they are opted out already.
    """
    conversation = _get(session, conversation_id)
    out_of = suppression.suspected(session, conversation.address)
    out_of = out_of or suppression.reached_with(session, conversation.address)
    new = [suppression.opt_out(session, each, source="staff", staff_id=by.id, now=now) for each in out_of]
    if not any(new):
        raise IllegalMove("They are opted out already, so nothing was changed. Look at the thread.")
    drafts.drop(session, conversation.id, now=now)
    _record(session, conversation, "opt_out", by=by, note="Opted out: they get no more texts.", now=now)
    return conversation


def not_opt_out(session: Session, conversation_id: UUID, *, by: Staff, now: datetime) -> Conversation:
    """Say that a text which looked like an opt-out wasn't one: its sender can be texted again.

    Raises:
        IllegalMove: they aren't blocked on suspicion (any more).
    """
    conversation = _get(session, conversation_id)
    if not suppression.lift_likely(session, conversation.address, by=str(by.id), now=now):
        raise IllegalMove("There is nothing to undo: they aren't blocked, or they have said STOP themselves since.")
    _record(session, conversation, "not_opt_out", by=by, note="Not an opt-out: they can be texted again.", now=now)
    return conversation


def lift(session: Session, conversation_id: UUID, seen: UUID, *, by: Staff, now: datetime) -> Conversation:
    """Let a member be texted again who opted out, could not be reached, or was stopped by staff.

    What they have left by name stays left. `seen`: the suppression that the thread showed; a newer one stands.

    Raises:
        NotAllowed: `by` isn't an approver.
        Stale: it was lifted already, or something else keeps them out of reach since.
    """
    staffing.require(by, Role.APPROVER)
    conversation = _get(session, conversation_id)
    held = suppression.active(session, conversation.address)
    lifted = suppression.lift_request(session, held, by=str(by.id), now=now) if held and held.id == seen else []
    if held is None or not lifted:
        raise Stale("What keeps them from being texted has changed since, so nothing was lifted. Look at the thread.")
    note = lifting.told(session, lifted, held)
    _record(session, conversation, "lift", by=by, note=note, now=now, suppression=str(seen), cause=held.cause.value)
    lifting.tell(session, lifted, note, by=by, but=conversation.id, now=now)
    return conversation


def confirm_likely_opt_outs(session: Session, *, before: datetime, now: datetime) -> int:
    """Opt out whoever seemed to ask for it before `before`, when no staff has decided; their threads are told."""
    confirmed = suppression.confirm_likely(session, before=before, now=now)
    for inbound_id in {each.inbound_id for each in confirmed if each.inbound_id}:
        inbound = session.get(Inbound, inbound_id)
        if inbound is not None:
            tell(session, inbound, _NOBODY_DECIDED, now=now)
    return len(confirmed)


def choose_blast(session: Session, conversation_id: UUID, blast_id: UUID, *, by: Staff, now: datetime) -> Conversation:
    """Say which of the blasts that reached them a member answers.

    Raises:
        NotFound: this one hasn't reached them.
    """
    conversation = _get(session, conversation_id)
    reached = {each.key for each in inbox.candidates(session, conversation.address, now=now)}
    if blast_id not in reached:
        raise NotFound("This blast hasn't reached them lately. Choose another one.")
    conversation.blast_id, conversation.blast_chosen_at = blast_id, now
    name = inbox.names(session, [blast_id])[blast_id]
    _record(session, conversation, "choose_blast", by=by, note=f"This is about another blast:\n{name}", now=now)
    return conversation


def is_claimed(conversation: Conversation, *, now: datetime) -> bool:
    """Tell whether somebody has the conversation now."""
    return conversation.claimed_at is not None and conversation.claimed_at > now - CLAIM_EXPIRES_AFTER


def has_idle_claims(session: Session, *, now: datetime) -> bool:
    """Tell whether somebody has let a conversation lie that they claimed."""
    return session.scalar(sa.select(col(Conversation.id)).where(_is_idle(now)).limit(1)) is not None


def end_idle_claims(session: Session, *, now: datetime) -> int:
    """Free the conversations whose claim has expired, and have their threads show it; returns how many."""
    ended = session.execute(
        sa.update(Conversation)
        .where(_is_idle(now))
        .values(claimed_by=None, claimed_at=None)
        .returning(col(Conversation.id), col(Conversation.thread_ts))
        .execution_options(synchronize_session="fetch")
    ).all()
    for conversation_id, thread_ts in ended:
        # A thread that isn't open yet will be drawn as things stand then.
        if thread_ts:
            outbox.record(session, ConversationChanged(conversation_id), now=now)
    return len(ended)


def require_answerable(session: Session, conversation_id: UUID, *, by: Staff, now: datetime) -> None:
    """Refuse before anything is typed what `reply` would refuse afterwards.

    Raises:
        NotAllowed: somebody else has the conversation, or its member must not or can't be texted.
    """
    conversation = session.get(Conversation, conversation_id)
    if conversation is None or erasure.is_erased(conversation.address):
        raise NotFound(_GONE)
    _require_free(session, conversation, by=by, now=now)
    answerable.require(session, conversation)


def _is_idle(now: datetime) -> sa.ColumnElement[bool]:
    return col(Conversation.claimed_at) <= now - CLAIM_EXPIRES_AFTER


def _take(session: Session, conversation_id: UUID, *, by: Staff, now: datetime, opens: bool = False) -> Conversation:
    conversation = _get(session, conversation_id)
    _require_free(session, conversation, by=by, now=now)
    if conversation.status is ConversationStatus.CLOSED and not opens:
        raise IllegalMove("This conversation is closed. Text back to open it again.")
    conversation.status = ConversationStatus.OPEN
    conversation.claimed_by, conversation.claimed_at = by.id, now
    return conversation


def _require_free(session: Session, conversation: Conversation, *, by: Staff, now: datetime) -> None:
    if is_claimed(conversation, now=now) and conversation.claimed_by != by.id:
        told = "Somebody else is answering this one. It is free 15 minutes after their last step."
        raise NotAllowed(told, holder=session.get_one(Staff, conversation.claimed_by).slack_user_id)


def _record(
    session: Session, conversation: Conversation, step: str, *, by: Staff, note: str, now: datetime, **more: str
) -> None:
    fields: dict[str, Any] = {"conversation": str(conversation.id), **more}
    session.add(AuditEntry(at=now, action=f"conversation.{step}", staff_id=by.id, fields=fields))
    outbox.record(session, ConversationChanged(conversation.id, by=by.id, note=note or None), now=now)


def _get(session: Session, conversation_id: UUID) -> Conversation:
    """Return a conversation, locked: of two people who press at once, one comes second."""
    found = session.get(Conversation, conversation_id, with_for_update=LOCKED, populate_existing=True)
    if found is None or erasure.is_erased(found.address):
        raise NotFound(_GONE)
    return found


def _of(inbound: Inbound) -> sa.Select[Conversation]:
    return sa.select(Conversation).where(
        col(Conversation.address) == inbound.address, col(Conversation.sender) == inbound.sender
    )


def _opened(session: Session, inbound: Inbound, *, now: datetime) -> Conversation | None:
    new = {"id": uuid4(), "address": inbound.address, "sender": inbound.sender, "status": ConversationStatus.OPEN}
    new |= {"thread_channel": "", "thread_ts": "", "created_at": now, "last_inbound_at": now}
    opening = insert(session, Conversation).values(**new)
    session.execute(opening.on_conflict_do_nothing(index_elements=["address", "sender"]))
    return session.scalars(_of(inbound).with_for_update(**LOCKED)).one_or_none()


def _contact(session: Session, address: str) -> UUID | None:
    # Held as what refers to it will be: they may just be erased.
    return session.scalar(
        sa.select(col(Contact.id))
        .where((col(Contact.phone) == address) | (col(Contact.email) == address))
        .with_for_update(read=True, key_share=True)
    )
