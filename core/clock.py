"""The one place that reads the machine's clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC. Call it only at edges: use cases are given `now`."""
    return datetime.now(UTC)
