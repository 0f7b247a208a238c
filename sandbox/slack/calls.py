"""One call of the Web API: how its arguments are read from form or JSON, and how they are asked for."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from sandbox.slack.wire import Json, Refused, invalid_arguments

# Arguments that hold JSON also where the body is a form.
STRUCTURED = ("blocks", "attachments", "metadata", "view", "files")


@dataclass(frozen=True)
class Call:
    """A method's name, its token, and its arguments."""

    method: str
    token: str
    arguments: Json

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text argument; without a default it must be there."""
        value = self.arguments.get(name)
        if value in (None, ""):
            if default is None:
                raise invalid_arguments(f"missing required field: {name}")
            return default
        if isinstance(value, dict | list):
            raise invalid_arguments(f"must be a string [json-pointer:/{name}]")
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes-or-no argument; forms say true, 1 or yes."""
        value = self.arguments.get(name, default)
        return value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes")

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = str(self.arguments.get(name, default))
        if not value.isdecimal():
            raise invalid_arguments(f"must be an integer [json-pointer:/{name}]")
        return int(value)

    def view(self) -> Json:
        """Return the view argument."""
        view = self.arguments.get("view")
        if view is None:
            raise invalid_arguments("missing required field: view")
        if not isinstance(view, dict):
            raise invalid_arguments("must be a valid JSON object [json-pointer:/view]")
        return view


async def read(request: Request, method: str) -> Call:
    """Read a request as Slack does: query, then form or JSON; the token from its header, else from the form.

    Raises:
        Refused: the body isn't what its content type says.
    """
    arguments: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        arguments |= _from_json(await request.body())
    elif kind == "multipart/form-data":
        async with request.form() as form:
            arguments |= {name: value for name, value in form.items() if isinstance(value, str)}
    else:
        arguments |= _from_form(await request.body())
    token = str(arguments.pop("token", ""))
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = given.strip()
    return Call(method, token, _unpacked(arguments))


def _from_json(body: bytes) -> Json:
    try:
        content = json.loads(body or b"{}")
    except ValueError as error:
        raise Refused("invalid_json") from error
    if not isinstance(content, dict):
        raise Refused("json_not_object")
    return {name: value for name, value in content.items() if value is not None}


def _from_form(body: bytes) -> Json:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    except UnicodeDecodeError as error:
        raise Refused("invalid_charset") from error


def _unpacked(arguments: Json) -> Json:
    return {name: _parsed(name, value) if name in STRUCTURED else value for name, value in arguments.items()}


def _parsed(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        if name == "blocks":
            raise Refused("invalid_blocks_format") from error
        raise invalid_arguments(f"must be valid JSON [json-pointer:/{name}]") from error
