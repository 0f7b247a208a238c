"""What a worker loads: the broker and every actor (`dramatiq workers.app` works too)."""

from workers import backfilling, events, polling, sending, settling, updates
from workers.broker import broker

__all__ = ["backfilling", "broker", "events", "polling", "sending", "settling", "updates"]
