"""The queue between the clock and the workers: a message in it is a nudge, and a lost or doubled one is harmless."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Callbacks, CurrentMessage, ShutdownNotifications

from core import settings

SENDING = "sending"
UPDATES = "updates"
# A killed worker's nudges come back after this long.
_HEARTBEAT_MS = 15_000


def make(redis_url: str) -> RedisBroker:
    """Return a broker on the Redis at `redis_url`.

    No Retries: what failed is due again in the database. No TimeLimit: every call to the outside has its own time-out.
    """
    return RedisBroker(  # type: ignore[no-untyped-call]  # Dramatiq types its broker's methods, not its making
        url=redis_url,
        middleware=[ShutdownNotifications(), Callbacks(), CurrentMessage(), AsyncIO()],
        heartbeat_timeout=_HEARTBEAT_MS,
        maintenance_chance=20_000,  # per million fetches: with ours, about once in two seconds
        dead_message_ttl=86_400_000,
        namespace="blast",
        health_check_interval=15,
        socket_timeout=5,
        socket_connect_timeout=2,
    )


def nudge(actor: str, *args: str | int, queue: str) -> None:
    """Have a worker run `actor`, named so that the clock needn't import what the workers do.

    Raises:
        dramatiq.errors.BrokerConnectionError: Redis doesn't answer.
    """
    broker.declare_queue(queue)
    broker.enqueue(dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}))


broker = make(settings.current().redis_url)
dramatiq.set_broker(broker)
