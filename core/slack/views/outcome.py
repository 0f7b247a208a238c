"""How a blast is doing, and how it ended: the moving part of its card, and the report in its thread."""

from collections.abc import Mapping
from datetime import datetime

from core.domain import failures
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.slack import blocks
from core.slack.blocks import Block
from core.usecases.cards import Facts
from core.usecases.reports import Progress

_RUNNING = frozenset({BlastStatus.SENDING, BlastStatus.PAUSED})
_REASONS = {
    "opted_out": "opted out",
    "unreachable": "unreachable",
    "suppressed": "suppressed by staff",
    "missing_value": "a value is missing",
    "too_long": "text too long",
    "heard_lately": "messaged only lately",
    "quiet_hours": "never open to texts where they may be",
}
_WORDS = {
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.SENT: "sent",
    DeliveryStatus.ACCEPTED: "with the provider",
    DeliveryStatus.CLAIMED: "leaving now",
    DeliveryStatus.PENDING: "waiting",
    DeliveryStatus.UNKNOWN: "unknown",
    DeliveryStatus.UNDELIVERED: "undelivered",
    DeliveryStatus.FAILED: "failed",
    DeliveryStatus.REFUSED: "refused",
    DeliveryStatus.SKIPPED: "skipped",
    DeliveryStatus.CANCELLED: "cancelled",
    DeliveryStatus.EXPIRED: "expired",
}
_STILL_HERE = frozenset({DeliveryStatus.PENDING, DeliveryStatus.CLAIMED})
_OPEN = _STILL_HERE | {DeliveryStatus.ACCEPTED, DeliveryStatus.SENT, DeliveryStatus.UNKNOWN}
_BAR_CELLS = 20


def render(facts: Facts, now: datetime) -> list[Block]:
    """Draw how a blast that has started is doing; before that, nothing."""
    if not facts.progress.recipients:
        return []
    is_running = facts.blast.status in _RUNNING
    lines = [bar(facts.progress), _counts(facts.progress, is_running=is_running)]
    if is_running:
        lines += [_pace(facts, now), _openings(facts.progress)]
    return [blocks.section("\n".join(filter(None, [*lines, *_troubles(facts)])))]


def report(facts: Facts) -> str:
    """Say how a blast ended, each outcome with its share."""
    progress, blast = facts.progress, facts.blast
    shares = "\n".join(
        f"• {_WORDS[status].capitalize()}: *{count:,}* ({_share(count, progress.recipients)})"
        for status in _WORDS
        if (count := progress.counts.get(status, 0))
    )
    took = ""
    if blast.started_at and blast.finished_at:
        took = f" in {_duration((blast.finished_at - blast.started_at).total_seconds())}"
    recipients, segments = blocks.counted(progress.recipients, "recipient"), blocks.counted(facts.segments, "segment")
    head = f"*Final report:* {recipients}{took}, {segments}."
    return "\n".join(filter(None, [head, shares, *_troubles(facts)]))


def bar(progress: Progress) -> str:
    """Draw how much is done."""
    done = progress.recipients - progress.waiting
    full = done * _BAR_CELLS // progress.recipients
    return f"{'█' * full}{'░' * (_BAR_CELLS - full)} *{_share(done, progress.recipients)}*"


def reasons(skipped: Mapping[str, int]) -> str:
    """Say why recipients are out of reach."""
    return ", ".join(f"{count:,} {reason(code)}" for code, count in skipped.items())


def reason(code: str) -> str:
    """Say a skip reason in words."""
    return _REASONS.get(code, code)


def word(status: DeliveryStatus) -> str:
    """Say a delivery's state in a word or two."""
    return _WORDS[status]


def _counts(progress: Progress, *, is_running: bool) -> str:
    told = [f"{progress.counts[s]:,} {word}" for s, word in _WORDS.items() if progress.counts.get(s)]
    return " · ".join(told) if is_running else f"{blocks.counted(progress.recipients, 'recipient')}: {' · '.join(told)}"


def _pace(facts: Facts, now: datetime) -> str:
    if facts.blast.status is BlastStatus.PAUSED:
        is_leaving = bool(facts.progress.counts.get(DeliveryStatus.CLAIMED))
        return "Nothing more leaves while it is paused." if is_leaving else "Nothing leaves while it is paused."
    eta = facts.progress.eta(now)
    at_rest = "starting" if facts.progress.is_starting else "not moving at the moment"
    rate = f"{facts.progress.rate:,.1f} a second" if facts.progress.rate else at_rest
    open_states = {status for status in _OPEN if facts.progress.counts.get(status)}
    if open_states == {DeliveryStatus.UNKNOWN}:
        return "All have left; looking up what became of the unknown ones, which takes some minutes."
    if not open_states & _STILL_HERE:
        return "All have left; waiting for the last receipts."
    told = [rate]
    if eta:
        told.append(f"done about {blocks.moment(eta)}")
    if DeliveryStatus.UNKNOWN in open_states:
        told.append("unknown ones are being looked up, which takes some minutes")
    return " · ".join(told)


def _openings(progress: Progress) -> str:
    """Say who waits until when."""
    told = [f"{count:,} until {blocks.moment(opens_at)}" for opens_at, count in progress.openings]
    return f"Waiting for their hours, or for the sender's next day: {', '.join(told)}" if told else ""


def _troubles(facts: Facts) -> list[str]:
    """Name what went wrong, by cause, and who left."""
    progress = facts.progress
    causes = [
        f"{count:,} × {failures.classify(code, at_create=False).title} ({code})" if code else f"{count:,} × no code"
        for code, count in list(progress.failures.items())[:6]
    ]
    return [
        f"Failures: {'; '.join(causes)}" if causes else "",
        f"Skipped: {reasons(progress.skipped)}" if progress.skipped else "",
        f"Opted out since it began: {facts.opt_outs:,}" if facts.opt_outs else "",
        _maybe_twice(progress.maybe_twice),
    ]


def _maybe_twice(count: int) -> str:
    if not count:
        return ""
    return (
        f"May have gone twice: {count:,}. The provider's answer was lost, its list showed no trace, and it was sent "
        "again; then the first one turned out to have left. `RESEND_UNTRACED=false` has a person decide instead."
    )


def _share(count: int, of: int) -> str:
    share = 100 * count / of
    # 99.96 % isn't all of them.
    return f"{min(share, 99.9) if count < of else share:.1f} %".replace(".0 %", " %")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
