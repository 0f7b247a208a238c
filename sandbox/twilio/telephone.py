"""Calling from the phones (/ui/phones/call)."""

from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.twilio.account import Account
from sandbox.twilio.calls import Call, Switchboard
from sandbox.twilio.numbers import is_number
from sandbox.twilio.recordings import LONGEST_S

_KEYS = "0123456789*#"


class BadCall(ValueError):
    """Something can't be done as asked; the sentence says why."""


class Telephone:
    """Places calls, and does in them what a person would."""

    def __init__(self, account: Account, switchboard: Switchboard) -> None:
        self._account = account
        self._switchboard = switchboard
        self.routes = [
            Route("/ui/phones/call", self.place, methods=["POST"]),
            Route("/ui/phones/call/{sid}/{act}", self.act, methods=["POST"]),
        ]

    async def place(self, request: Request) -> JSONResponse:
        """Answer POST /ui/phones/call: call `to` (the account's first number) as `from`; `withheld` hides it."""
        host, port = request.scope["server"]
        self._account.media.origin = f"http://{host}:{port}"
        try:
            fields = await _fields(request)
            member, number = fields.get("from"), fields.get("to") or self._account.senders()[0]
            if not isinstance(member, str) or not is_number(member):
                raise BadCall("from must be a number such as +12125550123.")
            if number not in self._account.senders():
                raise BadCall("to is not one of the account's numbers: leave it out, or add it to the senders.")
        except BadCall as error:
            return _sentence(400, str(error))
        is_withheld = fields.get("withheld") is True
        call = await self._switchboard.place(member, str(number), is_withheld=is_withheld)
        return JSONResponse(call.as_json())

    async def act(self, request: Request) -> JSONResponse:
        """Answer POST /ui/phones/call/SID/ACT: press a `key`, wait, speak for `seconds` (5), or hangup."""
        call = self._switchboard.find(request.path_params["sid"])
        if call is None:
            return _sentence(404, "There is no such call: place another one.")
        try:
            fields = await _fields(request)
            await self._do(call, request.path_params["act"], fields)
        except BadCall as error:
            return _sentence(400, str(error))
        if fields.get("revokes") is True:
            self._switchboard.note_stopped(call)
        return JSONResponse(call.as_json())

    def _do(self, call: Call, act: str, fields: dict[str, object]) -> Awaitable[None]:
        board = self._switchboard
        if act == "press":
            key = fields.get("key")
            if not isinstance(key, str) or len(key) != 1 or key not in _KEYS:
                raise BadCall("key must be one of 0 to 9, * and #.")
            return board.press(call, key)
        if act == "speak":
            seconds = fields.get("seconds", 5)
            if not isinstance(seconds, int) or not 0 < seconds <= LONGEST_S:
                raise BadCall(f"seconds must be a number from 1 to {LONGEST_S}.")
            return board.speak(call, seconds)
        if act in ("wait", "hangup"):
            return board.wait(call) if act == "wait" else board.hang_up(call)
        raise BadCall("A caller can press, wait, speak or hangup.")


async def _fields(request: Request) -> dict[str, object]:
    try:
        fields = await request.json()
    except ValueError:
        raise BadCall("That is not JSON: send an object.") from None
    return fields if isinstance(fields, dict) else {}


def _sentence(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status_code=status)
