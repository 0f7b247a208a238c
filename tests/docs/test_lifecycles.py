"""The pictures of the lifecycles are those of the code."""

from core.domain.lifecycles import BLAST_MOVES, BlastStatus, DeliveryStatus
from tests.docs import drawing


def test_the_page_is_drawn_from_the_code_as_it_is() -> None:
    page = drawing.PAGE.read_text()
    assert drawing.redrawn(page) == page, "out of date: run python -m tests.docs.drawing"


def test_both_lifecycles_are_on_the_page() -> None:
    page = drawing.PAGE.read_text()
    assert drawing.blast() in page
    assert drawing.delivery() in page


def test_every_state_and_every_action_is_drawn() -> None:
    assert all(state.value in drawing.blast() for state in BlastStatus)
    assert all(state.value in drawing.delivery() for state in DeliveryStatus)
    assert all(f": {action.replace('_', ' ')}\n" in drawing.blast() for action in BLAST_MOVES)
