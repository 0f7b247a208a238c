"""The phones: what is on them, and texting from them (/ui/phones)."""

import re
from dataclasses import replace
from itertools import islice

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.twilio.account import Account
from sandbox.twilio.board import RECENT_PHONES, as_seen_on_phone
from sandbox.twilio.inbound import Inbox, MemberText
from sandbox.twilio.limits import BODY_LIMIT, MEDIA_LIMIT
from sandbox.twilio.numbers import is_number
from sandbox.twilio.optouts import Kind

MESSAGES_PER_PHONE = 50


class BadText(ValueError):
    """A text can't be sent as asked; the sentence says why."""


class Phones:
    """The phones of all members."""

    def __init__(self, account: Account, inbox: Inbox) -> None:
        self._account = account
        self._inbox = inbox
        self.routes = [
            Route("/ui/phones", self.show),
            Route("/ui/phones/text", self.text, methods=["POST"]),
            Route("/ui/phones/media/{sid}", self.picture),
        ]

    def snapshot(self) -> dict[str, object]:
        """Return the account's numbers and the phones that were active last."""
        phones = [self._phone(number) for number in self._account.board.recent_phones()]
        return {"senders": self._account.senders(), "phones": phones}

    async def show(self, request: Request) -> JSONResponse:
        """Answer GET /ui/phones: the last active ones, one whole (`phone=`), or those with some digits (`q=`)."""
        number, digits = request.query_params.get("phone"), request.query_params.get("q")
        if number is not None:
            if not is_number(number) or not self._account.ledger.knows(number):
                return _sentence(404, "No text went to or came from that number: check its digits.")
            return JSONResponse({"phones": [self._phone(number, limit=None)], "senders": self._account.senders()})
        if digits is not None:
            return JSONResponse(self.snapshot() | {"phones": [self._phone(one) for one in self._with_digits(digits)]})
        return JSONResponse(self.snapshot())

    async def text(self, request: Request) -> JSONResponse:
        """Answer POST /ui/phones/text: a member texts one of the account's numbers."""
        host, port = request.scope["server"]
        self._account.media.origin = f"http://{host}:{port}"
        try:
            text = self._read(await request.json())
        except BadText as error:
            return _sentence(400, str(error))
        except ValueError:
            return _sentence(400, "That is not JSON: send an object with from and body.")
        outcome = await self._inbox.receive(text)
        answer = {"sid": outcome.sid, "status": outcome.status, "response": outcome.response}
        return JSONResponse(answer | ({"warning": outcome.error} if outcome.error else {}))

    async def picture(self, request: Request) -> Response:
        """Answer GET /ui/phones/media/…: a picture that a member sent, for the page."""
        kept = self._account.media.find(request.path_params["sid"])
        if kept is None:
            return _sentence(404, "This picture is gone: the sandbox keeps the last ones only.")
        return Response(kept.content, media_type=kept.kind)

    def _with_digits(self, digits: str) -> list[str]:
        wanted = re.sub(r"\D", "", digits)
        return list(islice((phone for phone in self._account.ledger.phones() if wanted in phone), RECENT_PHONES))

    def _phone(self, number: str, *, limit: int | None = MESSAGES_PER_PHONE) -> dict[str, object]:
        ledger = self._account.ledger
        messages = [ledger.read(order) for order in islice(ledger.of_phone(number), limit)]
        return {
            "phone": number,
            "opted_out": self._account.opt_outs.stopped_any(number),
            "last_at": messages[0].created_at,
            "messages": [as_seen_on_phone(message) for message in reversed(messages)],
        }

    def _read(self, asked: object) -> MemberText:
        fields = asked if isinstance(asked, dict) else {}
        member, sender = fields.get("from"), fields.get("to") or self._account.senders()[0]
        body, media = fields.get("body", ""), fields.get("media") or []
        if not isinstance(member, str) or not is_number(member):
            raise BadText("from must be a number such as +12125550123.")
        if sender not in self._account.senders():
            raise BadText("to is not one of the account's numbers: leave it out, or add it to the senders.")
        if not isinstance(body, str) or len(body) > BODY_LIMIT:
            raise BadText(f"body must be text of at most {BODY_LIMIT} characters.")
        if not isinstance(media, list) or len(media) > MEDIA_LIMIT or not all(isinstance(url, str) for url in media):
            raise BadText(f"media must be a list of at most {MEDIA_LIMIT} addresses.")
        text = self._inbox.read(member, sender, body, media=[self._taken(url) for url in media])
        return self._with_kind(text, fields.get("opt_out_type"), revokes=fields.get("revokes") is True)

    def _taken(self, url: str) -> str:
        """Keep a picture that comes whole, as a data: address; leave other addresses as they are."""
        try:
            return self._account.media.keep(url) if url.startswith("data:") else url
        except ValueError as error:
            raise BadText(str(error)) from None

    def _with_kind(self, text: MemberText, opt_out_type: object, *, revokes: bool) -> MemberText:
        if opt_out_type is None:
            return replace(text, revokes=revokes)
        if not self._account.behaviour.advanced_opt_out:
            raise BadText("opt_out_type comes with advanced opt-out only: switch advanced_opt_out on first.")
        if not isinstance(opt_out_type, str) or opt_out_type not in set(Kind):
            raise BadText("opt_out_type must be STOP, START or HELP.")
        return replace(text, kind=Kind(opt_out_type), revokes=revokes)


def _sentence(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status_code=status)
