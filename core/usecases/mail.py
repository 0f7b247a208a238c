"""An answer by e-mail: kept once, read for an opt-out, and put into its sender's conversation."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import email_events, letter, quoted, senders
from core.domain.address import masked
from core.domain.email_events import EmailEvent
from core.domain.keywords import Reading
from core.models import Audience, ChannelName, Contact, ConversationStatus, Delivery, Inbound
from core.usecases import conversations, help_texts, inbound, late, lifting, suppression, topics
from core.usecases.inbound import Text

_MOST_KEPT = 10_000  # characters, of which Slack shows the first 3,000
_is_ours = re.compile(r"(?:re|fwd?|aw|wg|rv|tr|sv|antw)\s*:", re.IGNORECASE).match


def take(
    session: Session, event: EmailEvent, *, organization: str, now: datetime, sent_at: datetime | None = None
) -> Reading | None:
    """Keep an answer and do what it asks; returns how it was read, or None when it was taken before.

    Certain opt-outs are suppressed at once, likely ones until staff have looked. Nothing is answered by itself (staff
    see what HELP is best answered), and nobody is let in again by an e-mail: its words are staff's to read. What a
    program sends, such as that somebody is out of office, asks for nothing, and waits for no answer.
    `sent_at`: when one that is taken in late came; who was let in since stays so.
    """
    # Where no words are found, staff read it whole: what stands below an unmarked quotation may be theirs.
    words = _words(event) or event.text
    theirs = topics.of(session, event.address)
    reading = _read(session, event, theirs)
    sid = f"email:{email_events.digest(event.key)}"[:64]
    text = Text(sid, event.address, senders.EMAIL, words[:_MOST_KEPT])
    kept = inbound.keep(session, text, reading, at=min(sent_at or now, now))
    if kept is None:
        return None
    if _is_by_program(event):
        conversations.tell(
            session, kept, f"An automatic e-mail came; nobody waits for an answer:\n{kept.body}", now=now
        )
        return reading
    conversation = conversations.receive(session, kept, now=now)
    # What an e-mail says itself that it answers is surer than what its words sound like.
    conversation.blast_id = _answered(session, event.answers) or conversation.blast_id
    if reading.kind == "opt_out":
        _stop(session, kept, reading, theirs, now=now)
        if reading.certainty == "certain" and suppression.active(session, event.address):
            # Nobody is to answer them, so they wait for nobody.
            conversation.status = ConversationStatus.CLOSED
    if reading.kind == "help" and reading.certainty == "certain":
        said = help_texts.answer(session, kept, theirs, channel=ChannelName.EMAIL, now=now).text(organization)
        conversations.tell(session, kept, f"They asked for help. You may answer, from your mailbox:\n{said}", now=now)
    return reading


def heed(session: Session, event: EmailEvent, *, now: datetime) -> None:
    """Put out of reach whoever asks for it in an answer that can't be taken in; until it is, it holds of everything."""
    reading = _read(session, event, [])
    if reading.kind == "opt_out":
        source = suppression.UNSAVED if reading.certainty == "certain" else suppression.LIKELY
        for each in suppression.reached_with(session, event.address):
            suppression.opt_out(session, each, source=source, now=now)


def _words(event: EmailEvent) -> str:
    return quoted.own_words(event.text) or _subject(event)


def _is_by_program(event: EmailEvent) -> bool:
    # What mail programs send by themselves for “Unsubscribe” is asked for by a person.
    return event.is_automatic and letter.read(_subject(event)).kind != "opt_out"


def _read(session: Session, event: EmailEvent, theirs: list[Audience]) -> Reading:
    if _is_by_program(event):
        return Reading("none", "none")
    return letter.read(_words(event), topics=[each.name for each in theirs], names=_names(session, event))


def _subject(event: EmailEvent) -> str:
    """Return the subject if it is theirs: what mail programs send for “Unsubscribe” has its only word there."""
    return "" if _is_ours(event.subject) else event.subject


def _answered(session: Session, message_ids: Sequence[str]) -> UUID | None:
    """Return the blast of the latest of these messages that is ours."""
    # Providers keep an id as it was sent, with or without its brackets, or without the host that they put behind it.
    forms = [form for each in message_ids for form in (each, f"<{each}>", each.partition("@")[0])]
    is_ours = (col(Delivery.channel) == ChannelName.EMAIL, col(Delivery.provider_sid).in_(form[:64] for form in forms))
    found = sa.select(col(Delivery.provider_sid), col(Delivery.blast_id)).where(*is_ours)
    blasts = {row.provider_sid: row.blast_id for row in session.execute(found) if row.blast_id}
    return next((blasts[form[:64]] for form in forms if form[:64] in blasts), None)


def _names(session: Session, event: EmailEvent) -> Sequence[str]:
    """Return under which names they may sign: the e-mail's own, and those that we know."""
    known = sa.select(col(Contact.name), col(Contact.first_name)).where(col(Contact.email) == event.address)
    return [event.name, *(name for row in session.execute(known) for name in row)]


def _stop(session: Session, kept: Inbound, reading: Reading, theirs: list[Audience], *, now: datetime) -> None:
    """Put them out of reach, at their phone as well: whoever asks in words of their own asks us, not a channel."""
    reached = suppression.reached_with(session, kept.address)
    addresses = [each for each in reached if not late.is_let_in_since(session, each, since=kept.received_at)]
    topic = topics.named(reading.topic, theirs) if reading.topic else None
    is_certain = reading.certainty == "certain"
    source = "email" if is_certain else suppression.LIKELY
    for each in addresses:
        if is_certain and topic is not None:
            topics.leave(session, each, topic, inbound_id=kept.id, now=now)
        else:
            suppression.opt_out(session, each, source=source, inbound_id=kept.id, now=now)
    phones = [each for each in addresses if each != kept.address]
    if phones and is_certain:
        of = f" about {topic.name}" if topic else ""
        note = f"They asked by e-mail for no more messages{of}: texts to {', '.join(map(masked, phones))} stop as well."
        conversations.tell(session, kept, note, now=now)
        lifting.tell(session, phones, f"They asked by e-mail for no more messages{of}, so texts stop as well.", now=now)
