"""Socket Mode: the same listeners over a connection that we open, for those who have no public address."""

import structlog
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode.internals import build_headers, send_response
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.websocket_client import SocketModeClient

from bot import doors
from core.clock import utc_now
from core.errors import Misconfigured
from core.usecases.requests import Seen

log = structlog.get_logger()

_THREADS = 16


class Connection:
    """An open socket; what comes over it goes to Bolt, each once."""

    def __init__(self, app: App, client: SocketModeClient) -> None:
        self._app = app
        self._client = client
        client.socket_mode_request_listeners.append(self._answer)

    def open(self) -> None:
        """Connect; when Slack can't be reached now, go on trying.

        Raises:
            Misconfigured: Slack refuses the token.
        """
        try:
            self._client.connect()
        except SlackApiError as refusal:
            raise Misconfigured(
                f"SLACK_APP_TOKEN: Slack refuses it ({refusal.response.get('error')}). Make one with connections:write."
            ) from None
        except (SlackClientError, OSError) as failure:
            log.warning("socket.unreachable", why=type(failure).__name__)
            self._client.current_app_monitor_started = True
            self._client.current_app_monitor.start()

    def close(self) -> None:
        """Take nothing new, answer what is being done, then hang up."""
        self._client.auto_reconnect_enabled = False
        self._client.message_processor.shutdown()  # type: ignore[no-untyped-call]  # slack_sdk left it out
        self._client.message_workers.shutdown()
        self._client.close()

    def _answer(self, client: BaseSocketModeClient, envelope: SocketModeRequest) -> None:
        request = BoltRequest(mode="socket_mode", body=envelope.payload, headers=build_headers(envelope))
        event_id = envelope.payload.get("event_id")
        key = f"event:{event_id}" if event_id else f"envelope:{envelope.envelope_id}"
        answers: list[BoltResponse] = []
        started = utc_now().timestamp()
        seen = doors.seen_once(key, lambda: doors.dispatch(self._app, request, answers))
        if seen is None or seen is Seen.RUNNING:
            return  # unanswered, it comes again
        response = answers[0] if answers else BoltResponse(status=200, body="")
        if event_id and response.status == 404:
            response = BoltResponse(status=200, body="")
        send_response(client, envelope, response, started)


def connect(app: App, app_token: str) -> Connection:
    """Open a socket for `app`.

    Raises:
        Misconfigured: Slack refuses the token.
    """
    client = SocketModeClient(app_token=app_token, web_client=app.client, logger=app.logger, concurrency=_THREADS)
    connection = Connection(app, client)
    connection.open()
    return connection
