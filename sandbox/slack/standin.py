"""The stand-in as a whole: its routes, its state as the page reads it, its start and stop."""

import time

from starlette.routing import Route

from sandbox.settings import SandboxSettings
from sandbox.slack import state
from sandbox.slack.deliveries import RETRY_DELAYS_S, Deliveries
from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.ui import Page
from sandbox.slack.web_api import WebApi
from sandbox.slack.wire import TEAM_NAME, Clock, Json
from sandbox.traffic import Feed, Traffic


class SlackStandIn:
    """Slack, as far as one app in one workspace can tell."""

    def __init__(
        self,
        settings: SandboxSettings,
        feed: Feed,
        traffic: Traffic,
        *,
        clock: Clock = time.time,
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
    ) -> None:
        self._slack = state.fresh(settings, feed, clock)
        self._socket = SocketMode()
        self._deliveries = Deliveries(self._slack, traffic, self._socket, retry_delays_s)
        self.routes: list[Route] = [
            *WebApi(self._slack, traffic, self._socket.connect).routes,
            *Page(self._slack, self._deliveries, self._socket).routes,
        ]

    async def start(self) -> None:
        """Be ready to deliver, and to be connected to."""
        await self._socket.start()
        await self._deliveries.start()

    async def stop(self) -> None:
        """End retries and connections."""
        await self._deliveries.stop()
        await self._socket.stop()

    def snapshot(self) -> Json:
        """Return all that people see, as the page reads it."""
        views = self._slack.views
        return {
            "team": {"id": self._slack.team_id, "name": TEAM_NAME},
            **self._slack.workspace.snapshot(),
            "views": {user_id: views.shown(user_id) for user_id, stack in views.stacks.items() if stack},
            "homes": {user_id: view.as_json() for user_id, view in views.homes.items()},
            "is_socket_connected": self._socket.is_connected,
        }
