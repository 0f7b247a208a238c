"""Python loads this before all else: the wall clock is off by the seconds in the file that `CLOCK_OFF_BY` names."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from core import clock

_FILE = Path(os.environ["CLOCK_OFF_BY"])
_true_time, _true_now = time.time, clock.utc_now


def _off_by_s() -> float:
    try:
        return float(_FILE.read_text())
    except FileNotFoundError:  # it is right
        return 0.0


def _time() -> float:
    return _true_time() + _off_by_s()


def _utc_now() -> datetime:
    return _true_now() + timedelta(seconds=_off_by_s())


time.time, clock.utc_now = _time, _utc_now
