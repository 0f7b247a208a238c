"""The bot behind its real door, in front of a stand-in for Slack, on this test's own database."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from bot import app, doors
from core import db, settings
from sandbox.settings import SandboxSettings
from sandbox.slack import SlackStandIn
from sandbox.traffic import Feed, Traffic
from tests.bot.stage import SECRET, Stage
from tests.sandbox.slack_stage import Clock, serving
from workers import updates


@pytest.fixture
def chosen(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The settings of the bot, with a Redis that isn't there: it needs none."""
    given = {
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_TEAM_ID": "T0SANDBOX",
        "SLACK_APPROVALS_CHANNEL": "C0APPROVALS",
        "SLACK_REPLIES_CHANNEL": "C0REPLIES",
        "TWILIO_FROM_NUMBER": "+12125550100",
        "QUIET_HOURS": "",
        "SECOND_APPROVER_ABOVE": "50",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield monkeypatch
    db.engine().dispose()
    _forget()


@pytest.fixture
def engine(chosen: pytest.MonkeyPatch) -> sa.Engine:
    """The bot's own engine."""
    return db.engine()


@pytest.fixture
def stage(chosen: pytest.MonkeyPatch, engine: sa.Engine) -> Iterator[Stage]:
    """The bot and Slack's stand-in, both over HTTP."""
    with ExitStack() as stack:
        own, door = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        slack_url = f"http://127.0.0.1:{own.getsockname()[1]}"
        chosen.setenv("SLACK_API_URL", f"{slack_url}/slack/api/")
        _forget()
        bot_url = f"http://127.0.0.1:{door.getsockname()[1]}"
        sandbox = SandboxSettings(port=own.getsockname()[1], bot_url=bot_url)
        stand_in = SlackStandIn(sandbox, (feed := Feed()), Traffic(feed), clock=Clock(), retry_delays_s=(0.0, 0.05))
        stack.enter_context(serving(_hosted(stand_in), own))
        bolt = app.create(settings.current())
        stack.enter_context(serving(doors.http(bolt, secret=SECRET), door))
        yield Stage(slack_url, bot_url, stand_in)


def _hosted(stand_in: SlackStandIn) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await stand_in.start()
        yield
        await stand_in.stop()

    return Starlette(routes=list(stand_in.routes), lifespan=lifespan)


def _forget() -> None:
    settings.current.cache_clear()
    db.engine.cache_clear()
    updates.gateway.cache_clear()
