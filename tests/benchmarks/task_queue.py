"""`python -m tests.benchmarks.task_queue COUNT THREADS`: a task for each text, as queues are mostly used."""

import json
import sys
import threading
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]  # ships no types
from twilio.rest import Client  # type: ignore[import-untyped]  # ships no types

from core import settings
from tests.benchmarks import people


def main(count: int, threads: int) -> None:
    """Queue all, then start a worker with so many threads, and wait for the last."""
    config = settings.current()
    broker = RedisBroker(url=config.redis_url, namespace="tasks", middleware=[])  # type: ignore[no-untyped-call]  # Dramatiq's
    client = Client(config.twilio_account_sid, config.twilio_auth_token, http_client=TwilioHttpClient(timeout=30))
    client.api.base_url = config.twilio_api_url
    left, is_over = [count], threading.Event()
    lock = threading.Lock()

    @dramatiq.actor(broker=broker)
    def text(number: int) -> None:
        client.messages.create(to=people.address(number), from_=config.sender, body=people.BODY)
        with lock:
            left[0] -= 1
            if not left[0]:
                is_over.set()

    cpu, began = time.process_time(), time.perf_counter()
    for number in range(1, count + 1):
        text.send(number)
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=50)
    worker.start()
    is_over.wait(600)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    worker.stop()
    print(json.dumps({"per_s": count / seconds, "cpu_us": cpu_s / count * 1e6}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
