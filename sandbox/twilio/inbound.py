"""Texts that members send: Twilio's own reaction, the signed post to the product, and the texts it answers with."""

import asyncio
import mimetypes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sandbox.twilio import errors, optouts, segments, twiml
from sandbox.twilio.account import Account
from sandbox.twilio.courier import Answer, Courier
from sandbox.twilio.deliveries import Deliveries
from sandbox.twilio.ledger import Message, NewMessage
from sandbox.twilio.limits import BODY_LIMIT
from sandbox.twilio.numbers import is_number
from sandbox.twilio.optouts import Kind
from sandbox.twilio.resource import API_VERSION

INBOUND_PATH = "/twilio/inbound"
# Twilio looks places up by number and in capitals; fictional numbers have none, so all live here.
PLACE = {"City": "NEW YORK", "State": "NY", "Zip": "10001", "Country": "US"}


@dataclass(frozen=True, slots=True)
class MemberText:
    """What a member sends. `kind` is what Twilio's own list makes of it, `revokes` says that its words mean STOP."""

    member: str
    sender: str
    body: str
    media: tuple[str, ...] = ()
    kind: Kind | None = None
    revokes: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The text's SID, and what the webhook answered (status 0: nobody did)."""

    sid: str
    status: int
    response: str
    error: str = ""


class Inbox:
    """Takes members' texts in."""

    def __init__(self, account: Account, courier: Courier, deliveries: Deliveries) -> None:
        self._account = account
        self._courier = courier
        self._deliveries = deliveries
        self._replies: set[asyncio.Task[Outcome]] = set()
        deliveries.reply = self._reply_soon

    async def stop(self) -> None:
        """Give up the replies under way."""
        for task in self._replies:
            task.cancel()
        await asyncio.gather(*self._replies, return_exceptions=True)

    def read(self, member: str, sender: str, body: str, *, media: Sequence[str] = ()) -> MemberText:
        """Return a text with what the account's opt-out list makes of it."""
        words = body.encode("utf-8", "replace").decode()
        return MemberText(member, sender, words, tuple(media), optouts.kind_of(words, sender=sender))

    async def receive(self, text: MemberText) -> Outcome:
        """Take a text in: react to a keyword, tell the product, deliver what either answers."""
        account = self._account
        order = self._enter(text)
        own_answer = None
        if text.kind is not None and account.behaviour.opt_out_list:
            own_answer = account.opt_outs.react(text.member, text.sender, text.kind)
        if own_answer is not None:
            self._deliver(text.member, text.sender, twiml.Reply(own_answer))
        params = self._params(account.ledger.read(order), text)
        answer = await self._courier.post(self._address(), params, algorithm=account.behaviour.signature)
        return self._conclude(text, account.ledger.sid(order), answer)

    def _reply_soon(self, message: Message, words: str) -> None:
        task = asyncio.create_task(self.receive(self.read(message.member, message.sender, words)))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    def _enter(self, text: MemberText) -> int:
        account = self._account
        new = NewMessage(
            member=text.member,
            sender=text.sender,
            body=text.body,
            direction="inbound",
            status="received",
            segments=segments.count(text.body),
            media=text.media,
        )
        account.tally.inbound += 1
        order = account.ledger.add(new, now=time.time())
        account.board.show(order, text.member)
        return order

    def _address(self) -> str:
        settings, fragment = self._account.settings, self._account.behaviour.webhook_fragment
        url = (settings.public_url or settings.webhooks_url) + INBOUND_PATH
        return f"{url}#{fragment}" if fragment else url

    def _params(self, message: Message, text: MemberText) -> dict[str, str]:
        """Return the form of Twilio's request to the incoming message webhook.

        Source: https://www.twilio.com/docs/messaging/guides/webhook-request
        """
        params = {f"{end}{name}": value for end in ("To", "From") for name, value in PLACE.items()}
        params |= {
            "ApiVersion": API_VERSION,
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "MessageSid": message.sid,
            "SmsStatus": "received",
            "NumSegments": str(message.segments),
            "NumMedia": str(len(message.media)),
            "AccountSid": self._account.sid,
            "To": message.sender,
            "From": message.member,
            "Body": message.body,
        }
        for number, url in enumerate(message.media):
            address, kind = self._account.media.told(url, self._account.sid, message.sid)
            guessed = kind or mimetypes.guess_type(urlsplit(url).path)[0] or "image/jpeg"
            params |= {f"MediaUrl{number}": address, f"MediaContentType{number}": guessed}
        if text.kind is not None and self._account.behaviour.advanced_opt_out:
            params["OptOutType"] = text.kind.value
        return params

    def _conclude(self, text: MemberText, sid: str, answer: Answer) -> Outcome:
        if answer.failure:
            self._account.tally.inbound_failed += 1
            return Outcome(sid, answer.status, answer.text, f"The webhook failed ({answer.failure}).")
        kind = Kind.STOP if text.revokes else text.kind
        if kind is not None:
            self._account.opt_outs.note_answered(text.member, kind, is_keyword=text.kind is not None)
        try:
            for reply in twiml.read(answer.text, answer.content_type):
                self._deliver(text.member, text.sender, reply)
        except twiml.BadTwiml as error:
            return Outcome(sid, answer.status, answer.text, str(error))
        return Outcome(sid, answer.status, answer.text)

    def _deliver(self, member: str, sender: str, reply: twiml.Reply) -> None:
        """Send a text that answers one; Twilio's own answer to STOP is the last that gets through."""
        account = self._account
        new = NewMessage(
            member=reply.to if is_number(reply.to) else member,
            sender=sender,
            body=reply.body,
            direction="outbound-reply",
            status="queued",
            segments=segments.count(reply.body),
            media=reply.media,
        )
        error_code = self._blocked_by(new)
        if not error_code:
            self._deliveries.accept(new)
            return
        order = account.ledger.add(new, now=time.time())
        account.ledger.advance(order, "failed", error_code, now=time.time())
        account.board.show(order, new.member)

    def _blocked_by(self, new: NewMessage) -> int:
        """Return the error that keeps an answer from being sent, 0 if none does."""
        if len(new.body) > BODY_LIMIT:
            return errors.BODY_TOO_LONG.code
        has_stopped = self._account.opt_outs.has_stopped(new.member, new.sender)
        return errors.UNSUBSCRIBED.code if has_stopped and not optouts.is_own_answer(new.body) else 0
