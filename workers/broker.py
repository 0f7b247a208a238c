"""The queue between the clock and the workers: a message in it is a nudge, and a lost or doubled one is harmless."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Callbacks, CurrentMessage, ShutdownNotifications

from core import settings

SENDING = "sending"
UPDATES = "updates"
# A killed worker's nudges come back after this long.
_HEARTBEAT_MS = 15_000
_ENOUGH = 1_000


class Broker(RedisBroker):
    """A Redis broker whose workers don't ask for delayed messages: what is due later is due in the database."""

    def get_declared_delay_queues(self) -> set[str]:
        """Return none: asking for them in vain costs as much as asking for the others."""
        return set()


def make(redis_url: str) -> Broker:
    """Return a broker on the Redis at `redis_url`.

    No Retries: what failed is due again in the database. No TimeLimit: every call to the outside has its own time-out.
    """
    return Broker(  # type: ignore[no-untyped-call]  # Dramatiq types its broker's methods, not its making
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


def has_enough(queue: str) -> bool:
    """Tell whether so many nudges wait that more say nothing new: workers are away, or behind.

    A night without workers would fill Redis, and they would have it all to go through before what matters.

    Raises:
        redis.exceptions.RedisError: Redis doesn't answer.
    """
    return int(broker.client.llen(f"{broker.namespace}:{queue}")) >= _ENOUGH


broker = make(settings.current().redis_url)
dramatiq.set_broker(broker)
