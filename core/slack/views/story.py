"""Why somebody was, or was not, messaged, in lines for whoever asks."""

from core.domain import failures
from core.domain.address import masked
from core.models import Delivery, Suppression, SuppressionCause
from core.slack import blocks
from core.slack.views import outcome
from core.usecases.lifting import Lifted
from core.usecases.tracing import Story

_CAUSES = {
    SuppressionCause.OPT_OUT: "has opted out",
    SuppressionCause.HARD_FAILURE: "can't be reached at this address",
    SuppressionCause.MANUAL: "was suppressed by staff",
}
_LEFT = "They left {0} by name and still get nothing about it. `/blast lift` once more brings that back, too."


def render(story: Story) -> list[str]:
    """Say what is known of an address; only its last digits are shown."""
    who = f"*{blocks.escape(masked(story.address))}*"
    left = [f"Wants nothing about: {blocks.names(story.left)}."] if story.left else []
    membership = [_membership(story)] if story.is_known or story.suppression else []
    return [_standing(story, who), *left, *membership, *(_delivery(*each) for each in story.deliveries)]


def lifted(found: Lifted) -> list[str]:
    """Say what was lifted of an address, and what keeps messages from it all the same."""
    who, held = f"*{blocks.escape(masked(found.address))}*", found.held
    was = f" It {_CAUSES[held.cause]}{_failed(held)}, since {blocks.moment(held.created_at)}." if held else ""
    others = ", ".join(blocks.escape(masked(each)) for each in found.others)
    told = [f"{who} can be messaged again{'' if held else f' about {blocks.names(found.topics)}'}.{was}"]
    told += [f"So can {others}, which the same request had stopped."] if others else []
    told += [_LEFT.format(blocks.names(found.left))] if found.left else []
    told += [f":warning: {found.blocked}"] if found.blocked else []
    return [*told, "It is in the audit log, and in their thread if they have one."]


def _standing(story: Story, who: str) -> str:
    held = story.suppression
    if held is None:
        return f"{who} can be messaged." if story.is_known else f"No contact has {who}. It has not opted out either."
    return f"{who} {_CAUSES[held.cause]}{_failed(held)}, since {blocks.moment(held.created_at)}, and isn't messaged."


def _failed(held: Suppression) -> str:
    """Say after which failures somebody was suppressed, the last one's code, if it was after any."""
    if not held.error_code:
        return ""
    title = failures.classify(held.error_code, at_create=False).title
    times = f", {held.strikes} times" if held.strikes > 1 else ""
    return f" ({blocks.escape(title)}, code {held.error_code}{times})"


def _membership(story: Story) -> str:
    if not story.is_known:
        return "There is no contact with this address."
    return f"In: {blocks.names(story.audiences)}." if story.audiences else "In no audience."


def _delivery(delivery: Delivery, blast: str) -> str:
    what = blocks.escape(blast) if blast else delivery.kind.value
    told = outcome.word(delivery.status)
    if delivery.skip_reason is not None:
        told = f"skipped: {outcome.reason(delivery.skip_reason.value)}"
    elif delivery.error_code:
        told = f"{told}: {failures.classify(delivery.error_code, at_create=False).title} ({delivery.error_code})"
    return f"• {blocks.moment(delivery.ended_at or delivery.accepted_at or delivery.created_at)} *{what}*: {told}"
