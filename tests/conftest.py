"""Real servers for the tests: started once, stopped by pid; each test gets a database and a Redis of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog

from deploy import ports
from deploy.postgres import PostgresServer
from deploy.redis import RedisServer
from tests import databases, turns

_SETTINGS_OF_REAL_ACCOUNTS = ("SLACK_", "TWILIO_", "ASSISTANT_", "SMTP_", "DATABASE_URL", "REDIS_URL", "PUBLIC_URL")


def pytest_configure(config: pytest.Config) -> None:
    """In one of several processes: take turns with the others (`make test` starts them)."""
    worker: dict[str, object] | None = getattr(config, "workerinput", None)
    if worker is not None:
        config.pluginmanager.register(turns.Turns(config.rootpath / "var" / "tests"))


@pytest.fixture(autouse=True, scope="session")
def _nobody_elses_settings() -> Iterator[None]:
    """Keep the developer's own settings out: no test can reach a real account or database."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_SETTINGS_OF_REAL_ACCOUNTS)]:
            patch.delenv(name)
        patch.setenv("ENV_FILE", "")
        yield


@pytest.fixture(autouse=True, scope="session")
def _plain_tracebacks() -> None:
    """Write what failed as the product does: in colours, with all variables, it takes seconds each time."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.fixture(autouse=True, scope="session")
def _ports_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let each of several test processes choose ports that no other chooses."""
    worker: dict[str, str] = getattr(request.config, "workerinput", {})
    with pytest.MonkeyPatch.context() as patch:
        if worker:
            turns.give_ports(patch, number=int(worker["workerid"].removeprefix("gw")), of=int(worker["workercount"]))
        yield


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A real PostgreSQL server."""
    server = PostgresServer(request.config.rootpath / "var" / "tests")
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis server."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis, up even if the test before killed it."""
    if not redis_server.is_running:
        redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def _postgresql_copies(postgres: PostgresServer) -> databases.PostgresqlCopies:
    return databases.PostgresqlCopies(postgres)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("sqlite") / "template.db"
    databases.prepare_sqlite(template)
    return template


@pytest.fixture(params=["postgresql", "sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated, empty database; one kind only if the test is marked `databases.on_postgresql`."""
    if request.param == "sqlite":
        yield databases.fresh_sqlite(request.getfixturevalue("_sqlite_template"), tmp_path / "blast.db")
        return
    copies: databases.PostgresqlCopies = request.getfixturevalue("_postgresql_copies")
    with copies.fresh() as url:
        yield url


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens on."""
    return ports.free_port()
