"""Floods, servers that are away, and being told to stop: nothing that was answered is lost."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery, Receipt
from core.settings import Settings
from core.usecases import suppression
from deploy.postgres import PostgresServer
from deploy.redis import RedisServer
from tests import databases, factories
from tests.factories import NOON
from tests.webhooks.conftest import ACCOUNT, PUBLIC_URL, TOKEN, Door, has_in_hand, post_all, run, wait_until

SHE = "+12125550123"
ROOT = Path(__file__).resolve().parents[2]
Serve = Callable[[Settings, sa.Engine], Door]


def sid(number: int) -> str:
    return f"SM{number:032d}"


def receipt(delivery_id: int, status: str, **params: str) -> tuple[str, dict[str, str]]:
    given = {"AccountSid": ACCOUNT, "MessageSid": sid(delivery_id), "MessageStatus": status}
    return f"/twilio/status?delivery={delivery_id}&attempt=1", given | params


def claimed(engine: sa.Engine, count: int) -> list[int]:
    with db.transaction(engine) as session:
        values: dict[str, Any] = {"status": DeliveryStatus.CLAIMED, "attempt": 1, "claimed_at": NOON}
        return [factories.delivery(session, number, **values).id or 0 for number in range(count)]


def flood(ids: list[int]) -> tuple[list[tuple[str, dict[str, str]]], dict[int, DeliveryStatus]]:
    """Return the shuffled and doubled receipts of these deliveries, and how each must end."""
    chance = random.Random(4)
    posts, ends = [], {}
    for number in ids:
        end = chance.choice(["delivered", "delivered", "undelivered"])
        ends[number] = DeliveryStatus(end)
        code = {"ErrorCode": "30008"} if end == "undelivered" else {}
        for status in ("queued", "sent", end):
            posts += [receipt(number, status, **(code if status == end else {}))] * chance.choice((1, 2))
    chance.shuffle(posts)
    return posts, ends


def test_five_hundred_shuffled_and_doubled_receipts_at_once_end_right(door: Door) -> None:
    posts, ends = flood(claimed(door.engine, 110))
    assert set(run(post_all(door, posts))) == {204}
    with db.reading(door.engine) as session:
        found = {row.id: row.status for row in session.execute(sa.select(col(Delivery.id), col(Delivery.status)))}
        assert found == ends
        assert session.scalar(sa.select(sa.func.count()).select_from(Receipt)) == 3 * len(ends)


@databases.on_sqlite
def test_redis_down_matters_to_readiness_alone(
    serve: Serve, config: Settings, engine: sa.Engine, free_port: int
) -> None:
    door = serve(config.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port + 1}/0"}), engine)
    (delivery_id,) = claimed(engine, 1)
    assert door.status(sid(1), "delivered", delivery=delivery_id).status == 204
    assert door.text("STOP").status == 200
    with db.reading(engine) as session:
        assert suppression.active(session, SHE) is not None
    answer = door.request("GET", "/readyz")
    assert (answer.status, answer.text) == (503, '{"database":"ok","redis":"no answer"}')
    assert door.request("GET", "/healthz").status == 200


@databases.on_sqlite
def test_when_all_answer_we_are_ready(door: Door, redis_url: str) -> None:
    answer = door.request("GET", "/readyz")
    assert (answer.status, answer.text) == (200, '{"database":"ok","redis":"ok"}')


@databases.on_postgresql
def test_while_the_database_is_down_twilio_is_told_to_come_again(
    door: Door, postgres: PostgresServer, redis_url: str
) -> None:
    (delivery_id,) = claimed(door.engine, 1)
    postgres.stop()
    assert door.status(sid(1), "delivered", delivery=delivery_id).status == 503
    assert door.text("STOP").status == 503
    answer = door.request("GET", "/readyz")
    assert (answer.status, answer.text) == (503, '{"database":"no answer","redis":"ok"}')
    postgres.start()
    assert door.status(sid(1), "delivered", delivery=delivery_id).status == 204
    assert door.text("STOP").status == 200
    with db.reading(door.engine) as session:
        assert suppression.active(session, SHE) is not None


@pytest.fixture
def environment(database_url: str, redis_server: RedisServer, free_port: int) -> dict[str, str]:
    """What `python -m webhooks` is started with."""
    return {
        "ENV_FILE": "",
        "PATH": "/usr/bin:/bin",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "PUBLIC_URL": PUBLIC_URL,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "WEBHOOKS_PORT": str(free_port),
    }


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "webhooks"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def process(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The doors as a process of their own."""
    process = start(environment)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def answers(door: Door) -> bool:
    try:
        return door.request("GET", "/healthz").status == 200
    except OSError:
        return False


@databases.on_sqlite
@pytest.mark.alone
def test_told_to_stop_in_a_flood_it_loses_nothing_that_it_answered(
    process: subprocess.Popen[str], environment: dict[str, str], database_url: str
) -> None:
    engine = db.connect(database_url)
    door = Door(int(environment["WEBHOOKS_PORT"]), engine)
    wait_until(lambda: answers(door))
    path = database_url.removeprefix("sqlite:///")
    posts = [receipt(number, "sent") for number in range(1, 401)]
    taken: list[int] = []

    async def post(client: aiohttp.ClientSession, number: int) -> None:
        path, params = posts[number]
        url = f"http://127.0.0.1:{door.port}{path}"
        try:
            async with client.post(url, data=urlencode(params), headers=door.signed(path, params)) as response:
                if response.status == 204:
                    taken.append(number + 1)
        except aiohttp.ClientError:
            return

    async def story() -> None:
        # Somebody else writes: what comes now waits, and is in hand when the process is told to stop.
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as client:
                waiting = [asyncio.create_task(post(client, number)) for number in range(len(posts))]
                await asyncio.to_thread(wait_until, lambda: has_in_hand(door, 50))
                process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(wait_until, lambda: not answers(door))
                other.execute("ROLLBACK")
                await asyncio.gather(*waiting)

    began = monotonic()
    run(story())
    assert process.wait(timeout=10) == 0
    assert monotonic() - began < 10
    assert taken
    with db.reading(engine) as session:
        kept = set(session.scalars(sa.select(col(Receipt.provider_sid))))
    engine.dispose()
    assert {sid(number) for number in taken} <= kept


@databases.on_sqlite
@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID", "PUBLIC_URL"])
def test_it_refuses_to_start_without_a_setting_and_names_it(environment: dict[str, str], name: str) -> None:
    process = start({key: value for key, value in environment.items() if key != name})
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert name in said
    assert TOKEN not in said
    assert "Traceback" not in said
