"""What is counted at the doors, in a registry of its own."""

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The counters of one webhooks process."""

    def __init__(self) -> None:
        self.registry = to = CollectorRegistry()
        self.received = Counter("blast_receipts_received", "Receipts that were genuine and well-formed.", registry=to)
        self.applied = Counter("blast_receipts_applied", "Receipts committed that were new.", registry=to)
        self.batches = Histogram(
            "blast_receipts_batch_size", "Receipts in one transaction.", buckets=_SIZES, registry=to
        )
        self.latency = Histogram(
            "blast_webhook_seconds", "From a request to its answer.", ["door"], buckets=_SECONDS, registry=to
        )
        self.inbound = Counter("blast_inbound", "Inbound texts, by what they asked for.", ["kind"], registry=to)
        self.refused = Counter("blast_webhook_refused", "Requests not taken, by status.", ["status"], registry=to)
        self.events = Counter(
            "blast_events",
            "Events that came in groups or failed, by what became of them.",
            ["channel", "state"],
            registry=to,
        )
        self._depth = Gauge("blast_webhook_queue_depth", "What waits to be written.", ["lane"], registry=to)

    def watch_stored(self, count: Callable[[str], float]) -> None:
        """Show how many stored events are in each state."""
        gauge = Gauge(
            "blast_events_stored", "Events kept in the database, by state.", ["state"], registry=self.registry
        )
        for state in ("retrying", "failed"):
            gauge.labels(state).set_function(partial(count, state))

    def watch(self, lane: str, depth: Callable[[], float]) -> None:
        """Show how much waits in a lane."""
        self._depth.labels(lane).set_function(depth)
