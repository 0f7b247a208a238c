"""The doors that programs knock at: Web API methods, uploads, downloads, and response URLs."""

import asyncio
import json
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.slack import calls, respond
from sandbox.slack.api import METHODS
from sandbox.slack.calls import Call
from sandbox.slack.faults import RateLimited
from sandbox.slack.state import Slack
from sandbox.slack.wire import Json, Refused, random_word, readable
from sandbox.traffic import Exchange, Traffic

BODY_LIMIT = 20 * 1024 * 1024  # bytes
_SIGN_IN_PAGE = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in</body></html>"


class WebApi:
    """Answers as slack.com would; `connect` returns a new Socket Mode address."""

    def __init__(self, slack: Slack, traffic: Traffic, connect: Callable[[], str]) -> None:
        self._slack = slack
        self._traffic = traffic
        self._connect = connect
        self.routes = [
            Route("/slack/api/{method}", self._method, methods=["GET", "POST"]),
            Route("/slack/upload/{file_id}", self._upload, methods=["POST"]),
            Route("/slack/files/{file_id}/{name}", self._download, methods=["GET"]),
            Route("/slack/respond/{name}", self._respond, methods=["POST"]),
        ]

    async def _method(self, request: Request) -> Response:
        self._slack.origin = str(request.base_url).rstrip("/")
        if self._slack.faults.slow_ms:
            await asyncio.sleep(self._slack.faults.slow_ms / 1_000)
        method = str(request.path_params["method"])
        response = await self._answer(request, method)
        response.headers["x-oauth-scopes"] = ",".join(self._slack.scopes)
        if method in METHODS:
            response.headers["x-accepted-oauth-scopes"] = ",".join(METHODS[method].scopes)
        response.headers["x-slack-req-id"] = random_word(32)
        await self._record(request, response)
        return response

    async def _answer(self, request: Request, method: str) -> JSONResponse:
        try:
            call = await calls.read(request, method)
            self._slack.faults.strike(method, call.arguments)
            return JSONResponse({"ok": True, **self._checked(call)})
        except RateLimited as limit:
            headers = {"retry-after": str(limit.retry_after)}
            return JSONResponse({"ok": False, "error": "ratelimited"}, status_code=429, headers=headers)
        except Refused as refusal:
            return JSONResponse(refusal.as_json())

    def _checked(self, call: Call) -> Json:
        if not call.token:
            raise Refused("not_authed")
        is_app_token = call.token == self._slack.settings.slack_app_token
        if not is_app_token and call.token != self._slack.settings.slack_bot_token:
            raise Refused("invalid_auth")
        if call.method == "apps.connections.open":
            return self._opened(is_app_token=is_app_token)
        method = METHODS.get(call.method)
        if method is None:
            raise Refused("unknown_method", req_method=call.method)
        if is_app_token:
            raise Refused("not_allowed_token_type")
        if method.scopes and not set(method.scopes) & set(self._slack.scopes):
            raise Refused("missing_scope", needed=",".join(method.scopes), provided=",".join(self._slack.scopes))
        return method.answer(self._slack, call)

    def _opened(self, *, is_app_token: bool) -> Json:
        if not is_app_token:
            raise Refused("not_allowed_token_type")
        return {"url": self._connect()}

    async def _upload(self, request: Request) -> Response:
        try:
            file = self._slack.files.get(str(request.path_params["file_id"]))
        except Refused:
            return PlainTextResponse("invalid upload URL", status_code=404)
        content = await _uploaded_bytes(request)
        if len(content) != file.declared_length or len(content) > BODY_LIMIT:
            return PlainTextResponse("size mismatch", status_code=400)
        file.content = content
        return PlainTextResponse(f"OK - {len(content)}")

    async def _download(self, request: Request) -> Response:
        # Slack shows a sign-in page, with status 200, to whom it doesn't know.
        if request.headers.get("authorization") != f"Bearer {self._slack.settings.slack_bot_token}":
            return HTMLResponse(_SIGN_IN_PAGE)
        try:
            file = self._slack.files.get(str(request.path_params["file_id"]))
        except Refused:
            return HTMLResponse("<!DOCTYPE html><title>Not found</title>", status_code=404)
        kind = file.as_json("")["mimetype"]
        return Response(file.content or b"", media_type=str(kind))

    async def _respond(self, request: Request) -> Response:
        try:
            body = _as_json(await request.body())
            respond.answer(self._slack, str(request.path_params["name"]), body)
            response = PlainTextResponse("ok")
        except Refused as refusal:
            is_gone = refusal.error in ("no_such_url", "used_url", "expired_url")
            response = PlainTextResponse(refusal.error, status_code=404 if is_gone else 400)
        await self._record(request, response)
        return response

    async def _record(self, request: Request, response: Response) -> None:
        self._traffic.add(
            Exchange(
                at=self._slack.clock(),
                direction="in",
                peer="slack",
                method=request.method,
                url=request.url.path,
                request=await _read_again(request),
                status=response.status_code,
                response=bytes(response.body).decode(errors="replace"),
            )
        )


def _as_json(body: bytes) -> Json:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise Refused("invalid_payload") from error
    if not isinstance(content, dict):
        raise Refused("invalid_payload")
    return content


async def _read_again(request: Request) -> str:
    # A multipart body is read as it streams in, and is gone then.
    if request.headers.get("content-type", "").startswith("multipart/"):
        return "(multipart form)"
    return readable(await request.body())


async def _uploaded_bytes(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form() as form:
        for part in form.values():
            if not isinstance(part, str):
                return await part.read()
    return b""
