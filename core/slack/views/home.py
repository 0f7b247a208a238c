"""The Home tab: what is going on, what was lately, and a button to begin."""

from collections.abc import Sequence

from core.models import Blast
from core.slack import blocks
from core.slack.blocks import Block
from core.slack.views import composer
from core.slack.views.card import state_of

_HELP = "\n".join(
    (
        "`/blast` opens the composer",
        '`/blast "text" to:tenants at:"tomorrow 18:00"` opens it filled in',
        "`/blast list` shows what is going on",
        "`/blast status NAME` tells how one is doing",
        "`/blast pause NAME`, `/blast resume NAME`, `/blast cancel NAME` (or `stop`)",
        "`/blast audiences` tells whom there is to write to",
        "`/blast import` brings people in from a CSV file",
        "`/blast inbox` shows who waits for an answer",
        "`/blast why PHONE` tells why somebody was or wasn't messaged",
        "`/blast lift PHONE` lets somebody be messaged again who opted out or was stopped (approvers)",
        "`/blast backfill` goes through history for opt-outs and dead numbers (admins)",
    )
)


def render(running: Sequence[Blast], recent: Sequence[Blast]) -> Block:
    """Draw the Home tab of a member of staff."""
    body = [
        blocks.header("Blast"),
        *blocks.actions([blocks.button("Compose a blast", composer.OPEN, "home", style="primary")], block_id="home"),
        blocks.header("Going on"),
        *(listing(running) or [blocks.context("Nothing at the moment.")]),
        blocks.header("Lately"),
        *(listing(recent) or [blocks.context("Nothing yet.")]),
        blocks.divider(),
        blocks.context(_HELP),
    ]
    return blocks.home(body)


def refusal(sentence: str) -> Block:
    """Draw the Home tab of somebody who may not use Blast."""
    return blocks.home([blocks.section(blocks.escape(sentence))])


def listing(found: Sequence[Blast]) -> list[Block]:
    """Draw blasts, one a line."""
    return [blocks.section(line(blast)) for blast in found]


def line(blast: Blast) -> str:
    """Say in a line what a blast is and where it stands."""
    when = f" · starts {blocks.moment(blast.starts_at)}" if blast.starts_at and not blast.started_at else ""
    size = f" · {blocks.counted(blast.recipients, 'recipient')}" if blast.recipients else ""
    return f"*{blocks.escape(blast.name)}* · {state_of(blast)}{size}{when} · `{blast.id.hex[:8]}`"


def help_text() -> str:
    """Say what the command can do."""
    return _HELP
