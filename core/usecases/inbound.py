"""A text from a member: kept once, read for what it asks, and acted on in the same transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col

from core.domain import choice, keywords
from core.domain.keywords import Asked, Reading
from core.models import Audience, ChannelName, Inbound
from core.models.dialect import insert
from core.usecases import answers, asking, conversations, help_texts, late, optin, provider_blocks, suppression, topics

_ASKED_AT_PROVIDER: dict[str, Asked] = {
    "STOP": "opt_out",
    "START": "opt_in",
    "HELP": "help",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text as the provider handed it over; `opt_out_type`: the keyword that it has acted on and answered itself.

    `is_answered_by_provider`: whether it answers the usual keywords at all.
    """

    provider_sid: str
    address: str
    sender: str
    body: str
    media: tuple[tuple[str, str], ...] = ()
    opt_out_type: str = ""
    is_answered_by_provider: bool = True

    @property
    def asked_of_provider(self) -> Asked | None:
        """What the provider itself has taken the text for, and acted on; None: it only handed it over."""
        if not self.is_answered_by_provider:
            return None
        named = _ASKED_AT_PROVIDER.get(self.opt_out_type.upper())
        return named or keywords.provider_answers(self.body, sender=self.sender)


def take(
    session: Session,
    text: Text,
    *,
    organization: str,
    now: datetime,
    asks_twice: bool = False,
    sent_at: datetime | None = None,
) -> Reading | None:
    """Keep a text and do what it asks; returns how it was read, or None when it was taken before.

    Certain opt-outs are suppressed at once; likely ones too, until staff have looked. What is neither a keyword nor the
    answer to our question is a conversation's. Where the provider has answered a keyword we say nothing: a text after
    its STOP would fail.
    `asks_twice`: whoever wants texts again is asked to confirm it (double opt-in). `sent_at`: when a text that comes
    late was written, which it is kept under; what its sender has asked for since stands.
    """
    theirs = topics.of(session, text.address)
    reading = _read(session, text, theirs, now=now)
    inbound = keep(session, text, reading, at=min(sent_at or now, now))
    if inbound is None:
        return None
    conversations.hold(session, inbound)
    if sent_at is not None and late.stands_down(session, inbound, reading, theirs, now=now):
        conversations.receive(session, inbound, now=now)
        return reading
    chosen = asking.choose(session, inbound, theirs, now=now) if reading.kind == "none" else None
    if chosen is not None:
        answers.give(session, inbound, chosen, organization=organization, now=now)
        return reading
    is_answered = _is_answered(session, text, now=now)
    if reading.certainty != "certain":
        _show(session, inbound, reading, now=now)
        return reading
    answer = _do(session, inbound, reading, theirs, asks_twice=asks_twice, is_answered=is_answered, now=now)
    if answer is not None and (not is_answered or answer is answers.CONFIRM):
        answers.give(session, inbound, answer, organization=organization, now=now)
        if answer.offers:
            asking.remember(session, inbound, answer, now=now)
    return reading


def read(text: Text, topics_of_theirs: Iterable[str] = ()) -> Reading:
    """Read what a text asks for, by what the provider says of it, or else by its words."""
    asked = _ASKED_AT_PROVIDER.get(text.opt_out_type.upper())
    if asked:
        return Reading(asked, "certain", text.opt_out_type.lower())
    return keywords.read(text.body, topics=list(topics_of_theirs))


def _read(session: Session, text: Text, theirs: list[Audience], *, now: datetime) -> Reading:
    reading = read(text, (audience.name for audience in theirs))
    is_yes = choice.is_yes(text.body) or (reading.kind == "opt_in" and reading.certainty == "likely")
    if is_yes and optin.is_asked(session, text.address, now=now):
        return replace(reading, kind="opt_in", certainty="certain")
    return reading


def keep(session: Session, text: Text, reading: Reading, *, at: datetime) -> Inbound | None:
    """Store a text once by the provider's id; returns None when it is there already."""
    new_id = session.scalar(
        insert(session, Inbound)
        .values(
            provider_sid=text.provider_sid,
            address=text.address,
            sender=text.sender,
            body=text.body,
            media=[{"url": url, "type": kind} for url, kind in text.media],
            kind=reading.kind,
            certainty=reading.certainty,
            received_at=at,
        )
        .on_conflict_do_nothing(index_elements=["provider_sid"])
        .returning(col(Inbound.id))
    )
    return session.get_one(Inbound, new_id) if new_id is not None else None


def _is_answered(session: Session, text: Text, *, now: datetime) -> bool:
    """Keep what the provider has done about a text, and tell whether it has answered it.

    It answers START to whoever it had blocked, and says nothing to anybody else, unless it names what it acted on.
    """
    asked = text.asked_of_provider
    if asked == "opt_out":
        provider_blocks.note(session, text.address, text.sender, now=now)
    if asked == "opt_in":
        was_blocked = provider_blocks.end(session, text.address, text.sender)
        return was_blocked or bool(text.opt_out_type)
    return asked is not None


def _show(session: Session, inbound: Inbound, reading: Reading, *, now: datetime) -> None:
    """Hand a text to staff; one that may be an opt-out blocks its sender until they have decided."""
    if reading.kind == "opt_out":
        suppression.opt_out(session, inbound.address, source=suppression.LIKELY, inbound_id=inbound.id, now=now)
    conversations.receive(session, inbound, now=now)


def _do(
    session: Session,
    inbound: Inbound,
    reading: Reading,
    theirs: list[Audience],
    *,
    asks_twice: bool,
    is_answered: bool,
    now: datetime,
) -> answers.Answer | None:
    """Do what a keyword certainly asks for; returns the answer that the member is owed, if any."""
    topic = topics.named(reading.topic, theirs) if reading.topic else None
    if reading.kind != "help":
        asking.close(session, inbound.address)
    if reading.kind == "opt_out":
        return _leave(session, inbound, topic, now=now) if topic else _stop(session, inbound, now=now)
    if reading.kind == "opt_in":
        is_second = optin.is_asked(session, inbound.address, now=now)
        asks_first = asks_twice and not is_second
        return optin.take(session, inbound, topic, theirs, asks_first=asks_first, is_answered=is_answered, now=now)
    return help_texts.answer(session, inbound, theirs, channel=ChannelName.SMS, now=now)


def _stop(session: Session, inbound: Inbound, *, now: datetime) -> answers.Answer | None:
    is_new = suppression.opt_out(session, inbound.address, source="inbound", inbound_id=inbound.id, now=now)
    # With their words: whoever is misread needs a person who sees it.
    conversations.tell(session, inbound, f"They asked for no more texts, and are opted out.\n{inbound.body}", now=now)
    return answers.STOPPED if is_new else None


def _leave(session: Session, inbound: Inbound, topic: topics.Topic, *, now: datetime) -> answers.Answer | None:
    suppression.narrow(session, inbound.address, now=now)
    is_new = topics.leave(session, inbound.address, topic, inbound_id=inbound.id, now=now)
    conversations.tell(session, inbound, f"They asked for no more texts about {topic.name}.", now=now)
    is_told = is_new and suppression.active(session, inbound.address) is None
    return answers.LEFT.about(topic.name) if is_told else None
