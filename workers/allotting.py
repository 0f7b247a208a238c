"""How many of the calls that a process may have in flight each of its senders gets."""

import math
from collections.abc import Mapping

# A provider answers within this time, even on a bad day: a sender with a pace needs no more calls than leave meanwhile.
_SLOW_ANSWER_S = 10.0


def wanted(segments_per_s: float, *, at_most: int) -> int:
    """Return how many calls a sender can make use of; one without a pace (0), of all."""
    return min(math.ceil(segments_per_s * _SLOW_ANSWER_S), at_most) if segments_per_s else at_most


def shares(calls_wanted: Mapping[str, int], total: int) -> dict[str, int]:
    """Share `total` calls: nobody gets more than they want, and what one leaves, others take. Everybody gets one."""
    shared: dict[str, int] = {}
    left = total
    for name, most in sorted(calls_wanted.items(), key=lambda each: each[1]):
        fair = left // (len(calls_wanted) - len(shared))
        shared[name] = max(min(most, fair), 1)
        left -= shared[name]
    return shared
