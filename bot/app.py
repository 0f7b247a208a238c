"""The Bolt app: who is asking, what they may touch, and the one place where refusals become sentences."""

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from slack_bolt import App, BoltContext, BoltResponse
from slack_sdk import WebClient

from bot import calls, card, commands, composer, home, imports, refusals, thread
from bot.people import Directory
from core import db
from core.errors import NotAllowed
from core.settings import Settings
from core.slack.gateway import Gateway, web_client
from core.usecases import staffing

_NO_ROLE = "You have no role in Blast yet. An admin can give you one: `blast staff add {user} --role organizer`."


def create(settings: Settings) -> App:
    """Return the app with all its listeners; it makes no call until the first request."""
    # Bolt's warnings quote what it was sent.
    quiet = logging.getLogger("bot.bolt")
    quiet.setLevel(logging.ERROR)
    app = App(
        logger=quiet,
        client=web_client(settings.slack_bot_token, settings.slack_api_url),
        # Listeners run to their end in the request's own thread, and what they `ack` is the response.
        process_before_response=True,
        token_verification_enabled=False,
        # The guard has verified the request before Bolt sees it; in Socket Mode the connection has.
        request_verification_enabled=False,
        ssl_check_enabled=True,
    )
    gateway = Gateway(app.client)
    app.use(_identify(Directory(), settings))
    app.error(_refuse(gateway))
    for surface in (commands, composer, card, home, imports, thread, calls):
        surface.register(app, gateway)
    return app


def _identify(directory: Directory, settings: Settings) -> Callable[..., None]:
    """Return the middleware that lets only staff through, and tells listeners who it is: `staff` and `person`."""

    def identify(
        context: BoltContext, client: WebClient, body: Mapping[str, Any], next_: Callable[[], BoltResponse]
    ) -> None:
        if context.authorize_result is None:  # Slack's own questions (ssl_check, url_verification) come from nobody
            next_()
            return
        structlog.contextvars.bind_contextvars(slack_user=context.user_id)
        own_team = settings.slack_team_id or context.authorize_result.team_id
        if context.team_id != own_team:
            raise NotAllowed("Only people of this workspace can use Blast.")
        if body.get("is_ext_shared_channel"):
            raise NotAllowed("I do nothing in channels that are shared with other workspaces.")
        person = directory.require_person(client, context.user_id, team_id=own_team)
        if body.get("type") != "event_callback":
            directory.require_own_channel(client, context.channel_id)
        with db.reading() as session:
            staff = staffing.find(session, person.id)
        if staff is None:
            raise NotAllowed(_NO_ROLE.format(user=person.id))
        context["person"], context["staff"] = person, staff
        next_()

    return identify


def _refuse(gateway: Gateway) -> Callable[..., BoltResponse]:
    def refuse(error: Exception, body: Mapping[str, Any]) -> BoltResponse:
        return refusals.answer(error, body, gateway, ref=secrets.token_hex(4))

    return refuse
