"""Waiting with an end, and what is said when the story can't go on."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STEP_S = 0.1


class WentWrong(Exception):
    """The story can't go on; carries the sentence for the person at the terminal."""


class Overdue(WentWrong):
    """Something didn't happen in time."""


def until(what: str | Callable[[], str], look: Callable[[], T | None], *, seconds: float, step_s: float = STEP_S) -> T:
    """Look again and again until there is something to see, and return it.

    Raises:
        Overdue: there still was nothing after `seconds`; names `what`, asked for then if that takes asking.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise Overdue(f"Waited {seconds:.0f} s in vain for {what if isinstance(what, str) else what()}.")
        time.sleep(step_s)
    return seen
