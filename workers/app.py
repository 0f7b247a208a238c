"""What a worker loads: the broker and every actor (`dramatiq workers.app` works too)."""

from workers import sending, settling, updates
from workers.broker import broker

__all__ = ["broker", "sending", "settling", "updates"]
