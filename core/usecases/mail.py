"""An answer by e-mail: kept once, read for an opt-out, and put into its sender's conversation."""

import re
from datetime import datetime

from sqlmodel import Session

from core.domain import email_events, keywords, quoted, senders
from core.domain.email_events import EmailEvent
from core.domain.keywords import Reading
from core.models import Audience, ChannelName
from core.usecases import conversations, help_texts, inbound, suppression, topics
from core.usecases.inbound import Text

_is_ours = re.compile(r"(?:re|fwd?|aw|wg|rv|tr|sv|antw)\s*:", re.IGNORECASE).match


def take(session: Session, event: EmailEvent, *, organization: str, now: datetime) -> Reading | None:
    """Keep an answer and do what it asks; returns how it was read, or None when it was taken before.

    Certain opt-outs are suppressed at once, likely ones until staff have looked. Nothing is answered by itself (staff
    see what HELP is best answered), and nobody is let in again by an e-mail: its words are staff's to read.
    """
    body = quoted.own_words(event.text) or _subject(event)
    # Where none are found, staff read it whole: what stands below an unmarked quotation may be theirs.
    words = body or event.text
    theirs = topics.of(session, event.address)
    reading = _read(body, theirs)
    text = Text(f"email:{email_events.digest(event.key)}"[:64], event.address, senders.EMAIL, words)
    kept = inbound.keep(session, text, reading, at=now)
    if kept is None:
        return None
    if reading.kind == "opt_out":
        _stop(session, event.address, reading, theirs, inbound_id=kept.id, now=now)
    conversations.receive(session, kept, now=now)
    if reading.kind == "help" and reading.certainty == "certain":
        said = help_texts.answer(session, kept, theirs, channel=ChannelName.EMAIL, now=now).text(organization)
        conversations.tell(session, kept, f"They asked for help. You may answer, from your mailbox:\n{said}", now=now)
    return reading


def _subject(event: EmailEvent) -> str:
    """Return the subject if it is theirs: what mail programs send for “Unsubscribe” has its only word there."""
    return "" if _is_ours(event.subject) else event.subject


def _read(body: str, theirs: list[Audience]) -> Reading:
    """Read the first line alone, then all of it: a name or a greeting below makes a keyword no less certain."""
    names = [audience.name for audience in theirs]
    first = keywords.read(body.partition("\n")[0], topics=names)
    is_plain = first.kind == "opt_out" and first.certainty == "certain"
    return first if is_plain else keywords.read(body, topics=names)


def _stop(
    session: Session, address: str, reading: Reading, theirs: list[Audience], *, inbound_id: int | None, now: datetime
) -> None:
    topic = topics.named(reading.topic, theirs) if reading.topic else None
    is_certain = reading.certainty == "certain"
    if is_certain and topic is not None:
        topics.leave(session, address, topic, inbound_id=inbound_id, now=now)
        return
    source = "email" if is_certain else suppression.LIKELY
    suppression.opt_out(session, address, source=source, inbound_id=inbound_id, now=now)
