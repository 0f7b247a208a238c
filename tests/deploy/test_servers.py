"""The servers of our own: they come up, keep what they hold over stops and kills, and leave nothing behind."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from deploy.ports import wait_until
from deploy.postgres import PostgresServer
from deploy.redis import RedisServer


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres", durable=True)
    server.start()
    yield server
    server.close()


def test_redis_keeps_what_it_holds_over_a_restart(own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.set("kept", "yes")
        own_redis.restart()
        assert client.get("kept") == b"yes"


def test_redis_comes_back_after_a_kill_with_what_had_reached_the_disk(own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.set("kept", "yes")
        assert wait_until(lambda: b"kept" in _append_only_file(own_redis), seconds=60)
        own_redis.kill()
        own_redis.start()
        assert client.get("kept") == b"yes"


def test_redis_listens_on_the_loopback_only(own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_postgresql_keeps_what_was_committed_over_a_kill(own_postgres: PostgresServer) -> None:
    _execute(own_postgres, "CREATE TABLE kept (id integer)")
    own_postgres.kill()
    own_postgres.start()
    _execute(own_postgres, "INSERT INTO kept VALUES (1)")


def test_postgresql_asks_for_its_password(own_postgres: PostgresServer) -> None:
    stranger = own_postgres.url().replace(":", ":not", 2).replace(":not//", "://", 1)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(stranger)


def test_a_closed_postgresql_leaves_no_files(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    folder = server._home
    server.close()
    assert not folder.exists()


def test_what_a_killed_owner_left_is_removed_by_the_next(own_postgres: PostgresServer, tmp_path: Path) -> None:
    left = own_postgres._home.with_name("blast-postgres-left")
    left.mkdir()
    killed = subprocess.Popen(["true"])
    killed.wait()
    (left / "owner").write_text(str(killed.pid))
    PostgresServer(tmp_path / "postgres", durable=True).close()
    assert not left.exists()


def _append_only_file(server: RedisServer) -> bytes:
    return b"".join(path.read_bytes() for path in server.directory.glob("appendonlydir/*.incr.aof"))


def _execute(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(statement.encode())
