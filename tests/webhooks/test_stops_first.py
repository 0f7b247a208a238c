"""A STOP that comes in a flood of receipts goes before them: whatever waits, it waits for one group at most."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from core import db
from core.settings import Settings
from core.usecases import suppression
from tests import databases, factories
from tests.webhooks.conftest import ACCOUNT, Door, has_in_hand, has_text_in_hand, post_all, run, wait_until
from webhooks import doors
from webhooks.batching import Batcher

SHE = "+12125550123"
STOP = {"AccountSid": ACCOUNT, "MessageSid": "SM" + "9" * 32, "From": SHE, "To": factories.SENDER, "Body": "STOP"}
_FLOOD, _GROUP = 120, 5


def receipts() -> list[tuple[str, dict[str, str]]]:
    return [
        ("/twilio/status", {"AccountSid": ACCOUNT, "MessageSid": f"SM{number:032d}", "MessageStatus": "sent"})
        for number in range(_FLOOD)
    ]


@pytest.fixture
def written(engine: sa.Engine) -> list[str]:
    """Which of the two tables rows were added to, in order."""
    order: list[str] = []

    @event.listens_for(engine, "after_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        order.extend(name for name in ("receipts", "suppressions") if statement.startswith(f"INSERT INTO {name} "))

    return order


def is_out_of_reach(door: Door) -> bool:
    with db.reading(door.engine) as session:
        return suppression.active(session, SHE) is not None


@databases.on_postgresql
def test_a_stop_is_taken_while_receipts_can_not_be_written_at_all(door: Door, database_url: str) -> None:
    async def story() -> None:
        with closing(psycopg.connect(database_url.replace("+psycopg", ""))) as other:
            other.execute("LOCK TABLE receipts IN EXCLUSIVE MODE")
            flood = asyncio.create_task(post_all(door, receipts(), connections=_FLOOD))
            await asyncio.to_thread(wait_until, lambda: has_in_hand(door, _FLOOD))
            assert await post_all(door, [("/twilio/inbound", STOP)]) == [200]
            assert is_out_of_reach(door)
            assert not flood.done()
            other.rollback()
        assert set(await flood) == {204}

    run(story())


@databases.on_sqlite
def test_with_one_writer_a_stop_waits_for_no_more_than_the_group_in_hand(
    serve: Callable[[Settings, sa.Engine], Door],
    config: Settings,
    engine: sa.Engine,
    database_url: str,
    written: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doors, "_GIVE_WAY_AT_MOST_S", 60)
    monkeypatch.setattr(doors, "Batcher", partial(Batcher, most=_GROUP))
    door = serve(config, engine)

    async def story() -> None:
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            flood = asyncio.create_task(post_all(door, receipts(), connections=_FLOOD))
            await asyncio.to_thread(wait_until, lambda: has_in_hand(door, _FLOOD))
            text = asyncio.create_task(post_all(door, [("/twilio/inbound", STOP)]))
            await asyncio.to_thread(wait_until, lambda: has_text_in_hand(door))
            other.execute("ROLLBACK")
            assert await text == [200]
            assert set(await flood) == {204}

    run(story())
    assert written.index("suppressions") <= 1
    assert written.count("receipts") == _FLOOD / _GROUP
    assert is_out_of_reach(door)
