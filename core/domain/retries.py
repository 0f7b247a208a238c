"""When a message that is known not to have left is tried again."""

import random
from collections.abc import Sequence

from core.domain.channel import Refused

# After the first, the second and the third try, unless the settings say otherwise.
WAITS_S: tuple[float, ...] = (30, 120, 300)
_STEP_S = 300
_LONGEST_S = 6 * 3600
_JITTER = 0.2
_TOO_MANY_REQUESTS = 429


def is_transient(refused: Refused) -> bool:
    """Tell whether the refusal says nothing about the message: no connection, or too many requests at once."""
    return refused.http_status in (None, _TOO_MANY_REQUESTS)


def wait_s(attempt: int, *, key: int, first_s: Sequence[float] = WAITS_S) -> float:
    """Return how long to wait after the `attempt`th try: as `first_s` says, then 300 s × 2^n with jitter.

    `key` seeds the jitter, so that the same message always gets the same wait.
    """
    if attempt <= len(first_s):
        return first_s[attempt - 1]
    doubled: float = min(_STEP_S * 2 ** (attempt - len(first_s)), _LONGEST_S)
    spread = random.Random(key * 31 + attempt).uniform(-_JITTER, _JITTER)  # spreads load, keeps no secret
    return doubled * (1 + spread)
