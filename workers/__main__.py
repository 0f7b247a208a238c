"""`python -m workers`: one process that runs the actors, and stops within ten seconds with nothing lost."""

import asyncio
import gc
import signal
import sys
import threading

import structlog
import uvloop
from dramatiq import Worker
from dramatiq.asyncio import get_event_loop_thread

from core import logs, settings
from core.errors import Misconfigured

log = structlog.get_logger()

_THREADS = 8
# How often the queue is asked: a nudge waits for half of it on average.
_POLL_MS = 50
_COLLECTED_AFTER = 20_000  # new objects
_REQUIRED = (
    "PUBLIC_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN|TWILIO_API_KEY_SECRET",
    settings.A_SENDER,
    "SLACK_BOT_TOKEN",
    "SLACK_APPROVALS_CHANNEL",
    "SLACK_REPLIES_CHANNEL",
)


def main() -> int:
    """Run the actors until told to stop."""
    try:
        config = settings.current()
        config.require(*_REQUIRED)
    except Misconfigured as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    logs.configure(config.log_level)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # a third less CPU a message than the standard loop
    # Imported only now: the actors read the settings.
    from workers import app, sending

    # With the usual threshold the collector takes a fifth of what a send costs: it looks through the calls in flight
    # again and again, and through all that is loaded by now and stays until the end.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    worker = Worker(app.broker, worker_threads=_THREADS, worker_timeout=_POLL_MS)
    worker.start()
    log.info("worker.started")
    stopped.wait()
    loop = get_event_loop_thread()
    if loop is not None:
        loop.run_coroutine(sending.senders.stop())
        loop.run_coroutine(sending.senders.close())
    worker.stop(timeout=2000)
    log.info("worker.stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
