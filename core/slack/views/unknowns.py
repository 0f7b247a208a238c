"""The texts of a blast that may have left and can't be traced: how many, and what can be done about them."""

from core.slack import blocks
from core.slack.blocks import Block
from core.usecases.cards import Facts

RESEND = "blast.resend_unknown"
LEAVE = "blast.leave_unknown"


def render(facts: Facts, value: str) -> list[Block]:
    """Draw what waits for a decision, with its buttons, whose value is `value`; nothing when nothing does."""
    count = facts.progress.undecided
    if not count:
        return []
    them = "it" if count == 1 else "them"
    told = (
        f":grey_question: *Maybe sent: {count:,}*\n"
        f"The provider's answer was lost, and its list shows no trace of {them}. "
        "A receipt may still tell. Else an approver decides; if nobody does, it ends as unknown."
    )
    row = [_resend(count, them, value), _leave(them, value)]
    return [blocks.section(told), *blocks.actions(row, block_id="blast.unknowns")]


def _resend(count: int, them: str, value: str) -> Block:
    question = blocks.confirm(
        f"Send {them} again?",
        f"Whoever did get the first text gets it twice: at most {count:,}.",
        yes="Send again",
        no="Not now",
        is_dangerous=True,
    )
    return blocks.button("Send again", RESEND, value, confirm=question)


def _leave(them: str, value: str) -> Block:
    question = blocks.confirm(
        f"Leave {them}?",
        "Each stays “unknown”: perhaps texted, perhaps not. The blast no longer waits for it. This can't be undone.",
        yes="Leave",
        no="Not now",
    )
    return blocks.button("Leave", LEAVE, value, confirm=question)
