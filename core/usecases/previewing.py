"""What a blast would be if it were sent: counted on the merged text of every recipient, before anybody approves."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import settings
from core.domain import message, tokens
from core.domain.hours import QuietHours
from core.domain.message import Measure
from core.errors import Invalid
from core.models import ChannelName, Contact, SkipReason
from core.usecases import planning, reach, windows
from core.usecases.merging import values

# The oddest of so many is odd enough.
_CANDIDATES = 1_000
_OWN = frozenset({"name", "first_name"})


@dataclass(frozen=True, slots=True)
class Content:
    """What is approved: whom a blast is for, what it says, when and how. `send_at` None: once it is approved."""

    name: str
    channel: ChannelName
    body: str
    audience_ids: tuple[UUID, ...]
    excluded_ids: tuple[UUID, ...] = ()
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One recipient's text. `kind`: first, dearest or oddest; `count`: how many get exactly this."""

    kind: str
    text: str
    segments: int
    count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a blast would cost and say.

    `measure`: of the dearest text. `skipped`: recipients who are out of reach, by reason. `missing`: by token, how many
    recipients have no value for it; `incomplete`: how many lack one at all. `unknown_tokens`: those that nobody has.
    `too_long`: how many texts are over the limit; `longest`: characters of the longest. `unusual`: texts that cost
    more because the recipient's own values need UCS-2.
    """

    measure: Measure
    recipients: int
    skipped: Mapping[str, int]
    segments_total: int
    cost: Decimal
    currency: str
    missing: Mapping[str, int]
    incomplete: int
    unknown_tokens: tuple[str, ...]
    too_long: int
    longest: int
    unusual: int
    finish_at: datetime
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Recipients who have the same values for the tokens of a text, and so get the same one."""

    values: Mapping[str, str]
    reason: str | None
    count: int


class _Text(NamedTuple):
    group: _Group
    body: str
    measure: Measure

    @property
    def length(self) -> int:
        """How many characters it has, as Twilio counts them against its limit."""
        return self.measure.units if self.measure.encoding == "UCS-2" else len(self.body)

    @property
    def is_dearer(self) -> bool:
        """Whether it costs more than it would without the characters that need UCS-2."""
        if self.measure.encoding == "GSM-7":
            return False
        return self.measure.segments > message.measure("x" * self.length).segments


def preview(session: Session, content: Content, *, now: datetime) -> Preview:
    """Count what `content` would be if it were sent; a broken token is counted as it stands."""
    template = _template(content.body)
    groups = _groups(session, content, template.names)
    reached = [group for group in groups if group.reason is None]
    texts, missing, incomplete = _merge(template, reached)
    limit = settings.current().message_max_length
    segments_total = sum(text.measure.segments * text.group.count for text in texts)
    body_measure = message.measure(content.body)
    chosen = settings.current()
    return Preview(
        measure=max((text.measure for text in texts), key=_dearness, default=body_measure),
        recipients=sum(group.count for group in reached),
        skipped=_by_reason(groups),
        segments_total=segments_total,
        cost=(chosen.price_per_segment * segments_total).quantize(Decimal("0.01")),
        currency=chosen.price_currency,
        missing=missing,
        incomplete=incomplete,
        unknown_tokens=_unknown(template, groups),
        too_long=sum(text.group.count for text in texts if text.length > limit),
        longest=max((text.length for text in texts), default=len(content.body)),
        unusual=sum(text.group.count for text in texts if body_measure.encoding == "GSM-7" and text.is_dearer),
        finish_at=_finish_at(session, content, segments_total, now),
        samples=tuple(_samples(_first(session, content, template), texts)),
    )


def _template(body: str) -> tokens.Template:
    try:
        return tokens.parse(body)
    except Invalid:
        return tokens.Template((), body)


def _groups(session: Session, content: Content, names: frozenset[str]) -> list[_Group]:
    """Return the recipients, grouped by what they have for these tokens: a text is merged once a group."""
    if not content.audience_ids:
        return []
    each = _each(content, names)
    keys = [column for column in each.c if column.name != "created_at"]
    # Without the ORM: there may be as many groups as recipients.
    rows = session.connection().execute(sa.select(*keys, sa.func.count()).select_from(each).group_by(*keys))
    return [_group(row, names) for row in rows]


def _first(session: Session, content: Content, template: tokens.Template) -> str | None:
    """Return the text of who has been known longest."""
    if not content.audience_ids:
        return None
    each = _each(content, template.names)
    picked = [column for column in each.c if column.name != "created_at"]
    rows = session.connection().execute(
        sa.select(*picked, sa.literal(1)).where(each.c.reason.is_(None)).order_by(each.c.created_at).limit(1)
    )
    texts, _, _ = _merge(template, [_group(row, template.names) for row in rows])
    return texts[0].body if texts else None


def _each(content: Content, names: frozenset[str]) -> sa.Subquery:
    """Return each recipient's values for these tokens, and why they are out of reach, if they are."""
    who = planning.recipients(content.audience_ids, content.excluded_ids, content.channel).subquery("who")
    held = reach.held(content.audience_ids)
    attributes = sorted(names - _OWN)
    own = (col(Contact.name), col(Contact.first_name)) if names & _OWN else (sa.literal(""), sa.literal(""))
    picked = [own[0].label("name"), own[1].label("first_name")]
    picked += [col(Contact.attributes)[name].as_string().label(f"value_{i}") for i, name in enumerate(attributes)]
    return (
        sa.select(*picked, held.c.reason.label("reason"), col(Contact.created_at))
        .select_from(who)
        .join(Contact, col(Contact.id) == who.c.id)
        .outerjoin(held, held.c.address == who.c.address)
        .subquery("each")
    )


def _group(row: Sequence[Any], names: frozenset[str]) -> _Group:
    name, first_name, *found, reason, count = row
    known = values(name, first_name, dict(zip(sorted(names - _OWN), found, strict=True)))
    return _Group(known, reason, count)


def _by_reason(groups: Sequence[_Group]) -> dict[str, int]:
    skipped: Counter[str] = Counter()
    for group in groups:
        if group.reason is not None:
            skipped[SkipReason(group.reason).value] += group.count
    return dict(skipped)


def _merge(template: tokens.Template, groups: Sequence[_Group]) -> tuple[list[_Text], dict[str, int], int]:
    """Return the texts that can be made, and what is missing for the others."""
    texts: list[_Text] = []
    missing: Counter[str] = Counter()
    incomplete = 0
    for group in groups:
        try:
            body = template.merge(group.values)
        except tokens.MissingValue as lack:
            incomplete += group.count
            missing.update(dict.fromkeys(lack.names, group.count))
        except Invalid:
            # Longer than any text may be: counted as far as it goes, and refused by its length.
            body = template.tail + " " * tokens.LONGEST
            texts.append(_Text(group, body, message.measure(body)))
        else:
            texts.append(_Text(group, body, message.measure(body)))
    return texts, dict(missing), incomplete


def _unknown(template: tokens.Template, groups: Sequence[_Group]) -> tuple[str, ...]:
    """Name the tokens for which nobody has a value: most likely a slip of the pen, even with a fallback."""
    if not groups:
        return ()
    return tuple(
        name
        for name in sorted(template.names - _OWN)
        if not any((group.values.get(name) or "").strip() for group in groups)
    )


def _dearness(measure: Measure) -> tuple[int, int]:
    return measure.segments, measure.units


def _samples(first: str | None, texts: Sequence[_Text]) -> Iterator[Sample]:
    """Give the first, the dearest and the oddest text, each once."""
    if not texts:
        return
    dearest = max(texts, key=lambda text: _dearness(text.measure))
    usual = texts[0].measure.encoding
    candidates = [dearest, *texts[:: len(texts) // _CANDIDATES + 1]]
    picks: tuple[tuple[str, Callable[[_Text], Any]], ...] = (
        ("first", lambda text: text.body == first),
        ("dearest", lambda text: _dearness(text.measure)),
        ("oddest", lambda text: (text.measure.encoding != usual, _oddness(text), -text.measure.units)),
    )
    candidates += [text for text in texts if text.body == first]
    told: set[str] = set()
    for kind, key in picks:
        text = max((each for each in candidates if each.body not in told), key=key, default=None)
        if text is not None:
            told.add(text.body)
            yield Sample(kind, text.body, text.measure.segments, text.group.count)


def _oddness(text: _Text) -> int:
    """Count the values that look unlike words: blank ones, all capitals, digits, one letter."""
    return sum(
        1
        for value in text.group.values.values()
        if len(value.strip()) < 2 or (value.isupper() and len(value) > 3) or any(char.isdigit() for char in value)
    )


def _finish_at(session: Session, content: Content, segments: int, now: datetime) -> datetime:
    """Return when the last text will have left: at the sender's rate, and when it is open for everybody."""
    chosen = settings.current()
    start = max(content.send_at or now, now + timedelta(seconds=chosen.undo_seconds))
    sent = start + timedelta(seconds=segments / chosen.segments_per_s if chosen.segments_per_s else 0)
    return max(sent, _open_for_all(session, content, start, chosen.quiet))


def _open_for_all(session: Session, content: Content, start: datetime, quiet: QuietHours | None) -> datetime:
    if not content.audience_ids or quiet is None:
        return start
    who = planning.recipients(content.audience_ids, content.excluded_ids, content.channel).subquery("who")
    opening = (windows.opens_at(place, quiet, now=start) for place in windows.places(session, who))
    return max(filter(None, opening), default=start)
