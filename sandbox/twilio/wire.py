"""The API's HTTP, as a raw ASGI callable: a router and request objects would cost a third of every message."""

import asyncio
import base64
import json
import random
import re
import secrets
import time
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from sandbox.traffic import Exchange, Traffic
from sandbox.twilio import directory, errors, listing, magic, recordings, resource
from sandbox.twilio.account import API_KEY_SECRET, API_KEY_SID, Account
from sandbox.twilio.deliveries import Deliveries
from sandbox.twilio.errors import Refusal
from sandbox.twilio.magic import Magic
from sandbox.twilio.media import PLACE
from sandbox.twilio.sending import Form, Sending, parse

PREFIX = "/twilio"
BODY_LIMIT = 256 * 1024  # bytes
_JSON = "application/json;charset=utf-8"
_media_path = re.compile(r"/Messages/[SM]M[0-9a-f]{32}/Media/(ME[0-9a-f]{32})").fullmatch
_recording_path = re.compile(r"/Recordings/(RE[0-9a-f]{32})(\.json|\.wav)?").fullmatch
_message_path = re.compile(r"/Messages/([SM]M[0-9a-f]{32})\.json").fullmatch


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    kind: str = _JSON
    location: str = ""


_CUT = Answer(0, b"")  # the connection ends instead


def _refuse(refusal: Refusal) -> Answer:
    return Answer(refusal.status, refusal.body())


def _tell(status: int, fields: dict[str, object]) -> Answer:
    return Answer(status, json.dumps(fields).encode())


class Wire:
    """Answers every request under /twilio/."""

    def __init__(self, account: Account, deliveries: Deliveries, traffic: Traffic) -> None:
        self._account = account
        self._deliveries = deliveries
        self._sending = Sending(account, deliveries)
        self._traffic = traffic
        self._in_flight = 0
        self._stopping = asyncio.Event()
        self._root = f"{PREFIX}/{resource.API_VERSION}/Accounts/{account.sid}"
        self._messages_path = f"{self._root}/Messages.json"
        pairs = ((account.sid, account.settings.twilio_auth_token), (API_KEY_SID, API_KEY_SECRET))
        self._credentials = {base64.b64encode(f"{name}:{secret}".encode()) for name, secret in pairs}

    def stop(self) -> None:
        """Let go of the requests that are never answered."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self._in_flight += 1
        try:
            body = await _read(receive)
            if body is None:
                return
            answer = self._answer(scope, body)
            if self._account.behaviour.latency_ms:
                await asyncio.sleep(self._account.behaviour.latency_ms / 1000)
            self._note(scope, body, answer)
            if answer is None:
                await self._stay_silent(receive)
            elif answer is _CUT:
                await _cut(send)
            else:
                await _send(send, answer, in_flight=self._in_flight)
        finally:
            self._in_flight -= 1

    def _answer(self, scope: Scope, body: bytes) -> Answer | None:
        path, method = scope["path"], scope["method"]
        if path.startswith(PLACE):
            return self._picture(path.removeprefix(PLACE), scope)
        if not self._is_authentic(scope):
            return _refuse(errors.UNAUTHENTICATED)
        if len(body) > BODY_LIMIT:
            return _refuse(Refusal(413, 20413, "Request Entity Too Large"))
        try:
            form = parse(body if method == "POST" else scope["query_string"])
        except ValueError:
            return _refuse(errors.bad_parameter("too many fields"))
        if path == self._messages_path:
            return self._messages(method, form)
        return self._elsewhere(method, path, form)

    def _is_authentic(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, credentials = value.partition(b" ")
                return scheme.lower() == b"basic" and credentials.strip() in self._credentials
        return False

    def _messages(self, method: str, form: Form) -> Answer | None:
        if method == "POST":
            return self._create(form)
        if method != "GET":
            return _refuse(errors.method_not_allowed(method))
        page = listing.page(self._account, form)
        return _refuse(page) if isinstance(page, Refusal) else _tell(200, page)

    def _create(self, form: Form) -> Answer | None:
        behaviour = self._account.behaviour
        kind = magic.of(form.get("To", [""])[0])
        if 0 < behaviour.max_concurrent_requests < self._in_flight:
            return self._refuse_unread(errors.TOO_MANY_REQUESTS)
        if kind is Magic.BROKEN_BEFORE or _happens(behaviour.break_before):
            return self._refuse_unread(errors.BROKEN)
        if _happens(behaviour.cut_before):
            return _CUT
        outcome = self._sending.create(form)
        if isinstance(outcome, Refusal):
            return _refuse(outcome)
        return self._told(outcome, kind)

    def _told(self, order: int, kind: Magic | None) -> Answer | None:
        """Answer for a text that was accepted, unless the answer is lost."""
        behaviour = self._account.behaviour
        if kind is Magic.BROKEN_AFTER or _happens(behaviour.break_after):
            return _refuse(errors.BROKEN)
        if _happens(behaviour.cut_after):
            return _CUT
        is_silent = kind is Magic.SILENT or _happens(behaviour.silent)
        return None if is_silent else _tell(201, self._render(order))

    def _refuse_unread(self, refusal: Refusal) -> Answer:
        self._account.tally.requests += 1
        self._account.tally.refused[refusal.code] += 1
        return _refuse(refusal)

    def _elsewhere(self, method: str, path: str, form: Form) -> Answer:
        media = _media_path(path.removeprefix(self._root))
        if media and (place := self._account.media.signed(media[1])):
            return Answer(307, b"", location=place) if method == "GET" else _refuse(errors.method_not_allowed(method))
        recording = _recording_path(path.removeprefix(self._root))
        if recording:
            return self._recording(method, recording[1], recording[2] or "")
        found = _message_path(path.removeprefix(self._root).replace("/Media.json", ".json"))
        order = self._account.ledger.order(found[1]) if found and path.startswith(self._root) else None
        if order is not None and path.endswith("/Media.json"):
            message = self._account.ledger.read(order)
            return _tell(200, self._account.media.listed(message.media, self._account.sid, message.sid))
        if order is not None:
            return self._message(method, order, form)
        fields = directory.find(self._account, path.removeprefix(self._root)) if path.startswith(self._root) else None
        if fields is None:
            return _refuse(errors.not_found(path.removeprefix(PREFIX)))
        return _tell(200, fields) if method == "GET" else _refuse(errors.method_not_allowed(method))

    def _recording(self, method: str, sid: str, suffix: str) -> Answer:
        """Hand out a message as sound, tell of it (.json), or delete it.

        Source: https://www.twilio.com/docs/voice/api/recording
        """
        kept = self._account.recordings.find(sid)
        if kept is None:
            return _refuse(errors.not_found(f"/Recordings/{sid}"))
        if method == "DELETE":
            self._account.recordings.delete(sid)
            return Answer(204, b"")
        if method != "GET":
            return _refuse(errors.method_not_allowed(method))
        if suffix == ".json":
            told = {"sid": sid, "call_sid": kept.call_sid, "duration": str(kept.seconds), "status": "completed"}
            return _tell(200, {**told, "account_sid": self._account.sid, "api_version": resource.API_VERSION})
        return Answer(200, recordings.sound(kept.seconds), recordings.KIND)

    def _picture(self, sid: str, scope: Scope) -> Answer:
        """Hand out a picture to whoever has its pass; two passes at once are refused, as Amazon's storage does."""
        kept = self._account.media.find(sid)
        if any(name == b"authorization" for name, _ in scope["headers"]):
            return Answer(400, b"<Error><Code>InvalidArgument</Code></Error>", "application/xml")
        if kept is None or scope["query_string"] != f"Signature={kept.signature}".encode():
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
        return Answer(200, kept.content, kept.kind)

    def _message(self, method: str, order: int, form: Form) -> Answer:
        """Fetch a message, or cancel a scheduled one."""
        if method == "POST" and form.get("Status") == ["canceled"]:
            if self._account.ledger.status(order) != "scheduled":
                return _refuse(errors.NOT_CANCELABLE)
            self._deliveries.cancel(order)
        elif method != "GET":
            return _refuse(errors.method_not_allowed(method))
        return _tell(200, self._render(order))

    def _render(self, order: int) -> dict[str, object]:
        return resource.render(self._account.sid, self._account.ledger.read(order))

    async def _stay_silent(self, receive: Receive) -> None:
        """Hold the request until its client gives up or the stand-in stops."""
        gone = asyncio.ensure_future(_gone(receive))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((gone, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            stopping.cancel()

    def _note(self, scope: Scope, body: bytes, answer: Answer | None) -> None:
        query = scope["query_string"].decode("latin-1")
        self._traffic.add(
            Exchange(
                at=time.time(),
                direction="in",
                peer="twilio",
                method=scope["method"],
                url=f"{scope['path']}?{query}" if query else scope["path"],
                request=body.decode("utf-8", "replace"),
                status=answer.status if answer else 0,
                response=_readable(answer) if answer else "",
            )
        )


def _readable(answer: Answer) -> str:
    return f"({len(answer.body)} bytes)" if answer.kind.startswith(("image/", "audio/")) else answer.body.decode()


async def _read(receive: Receive) -> bytes | None:
    """Return the request's body, of a too long one only enough to tell, or None if its client left half-way."""
    body = b""
    while len(body) <= BODY_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(send: Send) -> None:
    """Begin an answer; the server closes the connection when nothing of what it announced follows."""
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"1")]})


async def _send(send: Send, answer: Answer, *, in_flight: int) -> None:
    headers = [
        (b"content-type", answer.kind.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        (b"twilio-concurrent-requests", b"%d" % in_flight),
        (b"twilio-request-id", b"RQ" + secrets.token_hex(16).encode()),
        (b"x-api-domain", b"api.twilio.com"),
    ]
    if answer.location:
        headers.append((b"location", answer.location.encode()))
    if answer.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="Twilio API"'))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _happens(probability: float) -> bool:
    return probability > 0 and random.random() < probability
