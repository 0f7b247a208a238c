"""The doors that the sandbox's page knocks at: people's acts, faults, replays."""

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.slack.acts import Acts, Impossible
from sandbox.slack.cast import Person
from sandbox.slack.deliveries import Deliveries
from sandbox.slack.modals import Modals
from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.state import Slack
from sandbox.slack.wire import Json, Refused

# What /ui/slack/faults takes, beside what Faults.switch explains: `scopes` that the token has, channels that are
# `archived`, `disconnect` all sockets, `replay_last` delivery.
FAULTS: dict[str, type] = {
    "rate_limit": dict, "errors": dict, "slow_ms": int, "retry_events": int, "standing_limits": bool,
    "scopes": list, "archived": list, "disconnect": bool, "replay_last": bool,
}  # fmt: skip

SHOWN = ("image/jpeg", "image/png", "image/gif", "image/webp", "audio/x-wav", "audio/wav", "audio/mpeg")

Act = Callable[[Person, Json], Awaitable[Json]]


class Page:
    """Routes under /ui/slack: JSON in, JSON out; a sentence with 400 for what nobody could do."""

    def __init__(self, slack: Slack, deliveries: Deliveries, socket: SocketMode) -> None:
        self._slack = slack
        self._deliveries = deliveries
        self._socket = socket
        self._acts = Acts(slack, deliveries)
        self._modals = Modals(slack, deliveries, self._acts)
        acts: dict[str, Act] = {
            "command": self._command,
            "action": self._action,
            "input": self._input,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "options": self._options,
            "message": self._message,
            "upload": self._upload,
        }
        self.routes = [
            *(self._route(name, self._by_somebody(act)) for name, act in acts.items()),
            self._route("faults", self._faults),
            self._route("replay", self._replay),
            Route("/ui/slack/files/{file_id}", self._picture),
        ]

    def _route(self, name: str, answer: Callable[[Json], Awaitable[Json]]) -> Route:
        async def respond(request: Request) -> JSONResponse:
            try:
                return JSONResponse(await answer(await self._read(request)))
            except Impossible as impossible:
                return JSONResponse({"error": str(impossible)}, status_code=400)

        return Route(f"/ui/slack/{name}", respond, methods=["POST"])

    def _by_somebody(self, act: Act) -> Callable[[Json], Awaitable[Json]]:
        async def answer(body: Json) -> Json:
            return await act(self._acts.person(_text(body, "user")), body)

        return answer

    async def _command(self, person: Person, body: Json) -> Json:
        channel = self._acts.channel(_text(body, "channel"))
        return await self._acts.command(person, channel, _text(body, "command"), str(body.get("text", "")))

    async def _action(self, person: Person, body: Json) -> Json:
        if body.get("view_id"):
            view = self._modals.view(person, _text(body, "view_id"))
            return await self._acts.use_in_view(person, view, body)
        channel = self._acts.channel(_text(body, "channel"))
        return await self._acts.use_in_message(person, channel, _text(body, "ts"), body)

    async def _input(self, person: Person, body: Json) -> Json:
        if body.get("view_id"):
            return await self._modals.fill_in(person, self._modals.view(person, _text(body, "view_id")), body)
        channel = self._acts.channel(_text(body, "channel"))
        return self._acts.fill_in_message(person, channel, _text(body, "ts"), body)

    async def _submit(self, person: Person, body: Json) -> Json:
        view = self._modals.view(person, _text(body, "view_id"))
        values = body.get("values") or {}
        if not isinstance(values, dict) or not all(isinstance(actions, dict) for actions in values.values()):
            raise Impossible("`values` must be {block_id: {action_id: state}}.")
        return await self._modals.submit(person, view, values)

    async def _close(self, person: Person, body: Json) -> Json:
        view = self._modals.view(person, _text(body, "view_id"))
        return await self._modals.close(person, view, all_of_them=body.get("all") is True)

    async def _home(self, person: Person, _: Json) -> Json:
        return await self._acts.open_home(person)

    async def _options(self, person: Person, body: Json) -> Json:
        return await self._acts.options(person, self._modals.view(person, _text(body, "view_id")), body)

    async def _message(self, person: Person, body: Json) -> Json:
        channel = self._acts.channel(_text(body, "channel"))
        return await self._acts.write(person, channel, _text(body, "text"), body.get("thread_ts"))

    async def _upload(self, person: Person, body: Json) -> Json:
        return self._modals.attach(person, self._modals.view(person, _text(body, "view_id")), body)

    async def _picture(self, request: Request) -> Response:
        """Show the page a file that is a picture or a sound; others it has no use for."""
        try:
            file = self._slack.files.get(str(request.path_params["file_id"]))
        except Refused:
            return JSONResponse({"error": "There is no such file."}, status_code=404)
        kind = str(file.as_json("")["mimetype"])
        if kind not in SHOWN or file.content is None:
            return JSONResponse({"error": "This file is neither a picture nor a sound."}, status_code=404)
        return Response(file.content, media_type=kind)

    async def _faults(self, body: Json) -> Json:
        _refuse_strange_faults(body)
        self._slack.faults.switch(body)
        self._slack.scopes = tuple(body.get("scopes", self._slack.scopes))
        if "archived" in body:
            self._slack.workspace.archive(body["archived"])
        if body.get("disconnect"):
            await self._socket.disconnect("refresh_requested")
        replayed = await self._deliveries.replay() if body.get("replay_last") else None
        return {"ok": True, "replay_status": replayed.status if replayed else None}

    async def _replay(self, body: Json) -> Json:
        answer = await self._deliveries.replay(_whole_number(body.get("index", -1)))
        if answer is None:
            raise Impossible("Nothing was delivered yet that could be sent again.")
        return {"status": answer.status, "response": answer.as_json() or answer.body}

    async def _read(self, request: Request) -> Json:
        self._slack.origin = str(request.base_url).rstrip("/")
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError as error:
            raise Impossible("Send a JSON object.") from error
        if not isinstance(body, dict):
            raise Impossible("Send a JSON object.")
        return body


def _refuse_strange_faults(body: Json) -> None:
    for name, value in body.items():
        if name not in FAULTS:
            raise Impossible(f"There is no fault called {name}: use {', '.join(FAULTS)}.")
        if not isinstance(value, FAULTS[name]):
            raise Impossible(f"`{name}` must be of type {FAULTS[name].__name__}.")


def _whole_number(value: object) -> int:
    if not isinstance(value, int):
        raise Impossible("`index` must be a whole number: 0 is the oldest kept, -1 the last.")
    return value


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Impossible(f"Say which `{name}`.")
    return value
