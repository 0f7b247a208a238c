"""What a worker loads: the broker and every actor (`dramatiq workers.app` works too)."""

from workers import backfilling, drafting, events, polling, sending, settling, updates
from workers.broker import broker

__all__ = ["backfilling", "broker", "drafting", "events", "polling", "sending", "settling", "updates"]
