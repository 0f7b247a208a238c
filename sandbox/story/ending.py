"""The end: the finished card and its report, and everything that can be counted twice, compared."""

from contextlib import suppress

from sandbox.story import reading
from sandbox.story.audit import ON_CARD, Figures, Finding, counts_on_card, findings
from sandbox.story.awaiting import Overdue, until
from sandbox.story.stand_ins import APPROVALS
from sandbox.story.story import MARK, Story

_REFRESH_S = 10.0


def report(story: Story) -> None:
    """Show the finished card, and the report in its thread."""
    story.teller.chapter("The report")
    until("the last callbacks", lambda: not story.stand_ins.ledger()["callbacks"]["pending"], seconds=20)
    card = story.card_in("Finished", seconds=10)
    story.teller.window("#blast-approvals", reading.text_of(card))
    thread = until("the report in the card's thread", lambda: _report(story, str(card["ts"])), seconds=10)
    story.teller.window("in its thread", thread)


def compare(story: Story) -> list[Finding]:
    """Count everything twice and show it side by side."""
    story.teller.chapter("Is it true?")
    found = findings(figures(story))
    story.teller.table(found)
    return found


def figures(story: Story) -> Figures:
    """Gather what the database, Twilio's ledger and the card say; the card has until its next refresh to agree."""
    status = story.terminal.status(story.blast_id)
    with suppress(Overdue):
        until("the card to agree", lambda: _card(story) == counts_on_card(status), seconds=_REFRESH_S)
    return Figures(
        status=status,
        ledger=story.stand_ins.ledger(),
        texts=[text for text in story.stand_ins.texts() if MARK in text["body"]],
        card=_card(story),
        audience=len(story.crowd.people),
        stopped=story.stopped,
    )


def _card(story: Story) -> dict[str, int]:
    return reading.counts_of(reading.text_of(story.card() or {}), ON_CARD)


def _report(story: Story, card_ts: str) -> str | None:
    for message in story.stand_ins.messages(APPROVALS):
        if message.get("thread_ts") == card_ts and "Final report" in reading.text_of(message):
            return reading.text_of(message)
    return None
