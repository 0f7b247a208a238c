"""Draws docs/lifecycles.md from the tables of the code: `python -m tests.docs.drawing` brings it up to date."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.domain.lifecycles import BLAST_MOVES, DELIVERY_MOVES, OVER, BlastStatus, DeliveryStatus

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lifecycles.md"
_DRAWING = "<!-- drawn: {name} -->\n```mermaid\n{drawing}\n```\n<!-- end -->"
_MARKED = re.compile(r"<!-- drawn: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def blast() -> str:
    """Draw the states of a blast; an arrow is named after what people or the clock do."""
    moves = [
        (source, target, action.replace("_", " "))
        for action, (sources, target) in BLAST_MOVES.items()
        for source in _in_order(sources, BlastStatus)
    ]
    return _drawn(BlastStatus.DRAFT, moves, _in_order(OVER, BlastStatus))


def delivery() -> str:
    """Draw the states of a delivery."""
    moves = [
        (source, target, "")
        for source, targets in DELIVERY_MOVES.items()
        for target in _in_order(targets, DeliveryStatus)
    ]
    return _drawn(DeliveryStatus.PENDING, moves, [source for source, targets in DELIVERY_MOVES.items() if not targets])


def redrawn(page: str) -> str:
    """Return the page with its drawings up to date."""
    drawings: Mapping[str, str] = {"blast": blast(), "delivery": delivery()}
    return _MARKED.sub(lambda found: _DRAWING.format(name=found[1], drawing=drawings[found[1]]), page)


def _in_order(found: Iterable[str], states: Iterable[str]) -> list[str]:
    wanted = set(found)
    return [state for state in states if state in wanted]


def _drawn(first: str, moves: Iterable[tuple[str, str, str]], last: Iterable[str]) -> str:
    arrows = [f"    {source} --> {target}" + (f": {name}" if name else "") for source, target, name in moves]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {first}", *arrows, *(f"    {state} --> [*]" for state in last)])


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text()))
