"""`python -m bot`: listens to Slack over HTTP, or over a socket when there is a token for one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import sqlalchemy as sa
import structlog
import uvicorn
from slack_bolt import App

from bot import app, doors
from core import db, logs, settings
from core.clock import utc_now
from core.errors import Misconfigured, Rejected
from core.settings import A_SENDER, Settings
from core.usecases import staffing

log = structlog.get_logger()

_USUAL_PORT = 3000
# Slack waits three seconds for an answer; whoever stops us, ten.
_GRACE_S = 7


def main() -> None:
    """Run the bot until it is told to stop."""
    try:
        chosen = settings.current()
        logs.configure(chosen.log_level)
        _require(chosen)
        _make_admins(chosen)
    except Misconfigured as fault:
        sys.exit(str(fault))
    bolt = app.create(chosen)
    with _socket(bolt, chosen) if chosen.slack_app_token else nullcontext():
        _serve(bolt, chosen)


def _require(chosen: Settings) -> None:
    door = "SLACK_APP_TOKEN|SLACK_SIGNING_SECRET"
    chosen.require("SLACK_BOT_TOKEN", door, "SLACK_APPROVALS_CHANNEL", A_SENDER)


def _make_admins(chosen: Settings) -> None:
    try:
        with db.transaction() as session:
            staffing.bootstrap(session, chosen.slack_admins, now=utc_now())
    except Rejected as refusal:
        raise Misconfigured(f"SLACK_ADMINS: {refusal.sentence}") from None
    except (sa.exc.DBAPIError, OSError) as failure:
        log.error("database.unready", why=type(failure).__name__)
        raise Misconfigured(
            "DATABASE_URL: the database can't be used. Check that it is running, and run `blast migrate`."
        ) from None


@contextmanager
def _socket(bolt: App, chosen: Settings) -> Iterator[None]:
    from bot import socket_mode  # only who uses it pays for its libraries

    try:
        connection = socket_mode.connect(bolt, chosen.slack_app_token)
    except Misconfigured as fault:
        sys.exit(str(fault))
    try:
        yield
    finally:
        connection.close()


def _serve(bolt: App, chosen: Settings) -> None:
    port = chosen.port_for(chosen.bot_port, otherwise=_USUAL_PORT)
    secret = "" if chosen.slack_app_token else chosen.slack_signing_secret
    config = uvicorn.Config(
        doors.http(bolt, secret=secret),
        host=chosen.host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    log.info("bot.listening", host=chosen.host, port=port, mode="socket" if chosen.slack_app_token else "http")
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
