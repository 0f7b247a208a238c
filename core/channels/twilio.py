"""Texts through Twilio: connections kept by the process, posts without retries, and what each answer means.

The resource layer of Twilio's SDK costs more than the rest of a send, so the hot path posts by itself, with the same
request to the letter (a test compares them); look-ups and lists go through the SDK.
"""

import json
import re
from base64 import b64encode
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]  # ships no types
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]  # ships no types
from twilio.rest import Client  # type: ignore[import-untyped]  # ships no types

from core.channels.answers import code_of, id_of, trace_of, words_of
from core.channels.posting import Poster, posted
from core.domain.channel import Accepted, Outcome, Outgoing, Refused, Trace, Unknown
from core.settings import Settings

_CONNECT_S = 5.0
ANSWER_S = 35.0
# Behind a callback's address, unsigned: try again when we couldn't take it, five times within Twilio's 15 seconds.
_INSIST = quote_plus("#rc=5&rp=all&rt=2500")
# Our clock and Twilio's may differ, ours may have been wrong when it was claimed, and a text found too much is one not
# sent twice.
_SKEW = timedelta(days=1)
_LATEST = 50
_NOT_FOUND = 404


class Twilio:
    """The SMS channel. Make it inside the event loop that uses it."""

    def __init__(self, settings: Settings) -> None:
        account = f"{settings.twilio_api_url.rstrip('/')}/2010-04-01/Accounts/{settings.twilio_account_sid}"
        self._callback = quote_plus(f"{settings.public_url.rstrip('/')}/twilio/status")
        headers = {
            "Authorization": authorization(settings),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        self._poster = Poster(f"{account}/Messages.json", headers, connect_s=_CONNECT_S, answer_s=ANSWER_S)

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Post one message, once; whatever the network does is told as an outcome.

        Raises:
            TooLate: connecting took longer than it may wait; nothing has left.
            Unsendable: it can't be written as a form; nothing has left.
        """
        return await posted(self._poster, outgoing, self.form, _outcome, to="Twilio")

    def form(self, outgoing: Outgoing) -> bytes:
        """Return the form to post; the callback's address carries our id, so that a receipt finds its delivery."""
        callback = f"{self._callback}%3Fdelivery%3D{outgoing.delivery_id}%26attempt%3D{outgoing.attempt}{_INSIST}"
        validity = f"&ValidityPeriod={outgoing.validity_s}" if outgoing.validity_s is not None else ""
        sender = "MessagingServiceSid" if outgoing.sender.startswith("MG") else "From"
        return (
            f"To={_quoted_address(outgoing.address)}&StatusCallback={callback}{validity}"
            f"&{sender}={_quoted(outgoing.sender)}&Body={_quoted(outgoing.body)}"
        ).encode()

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._poster.close()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where what comes to a number is posted: texts, calls (None when it takes none), and that a call is over."""

    texts: str
    calls: str | None
    ended: str


class Lookup:
    """What Twilio knows of our messages, asked through its SDK; it blocks."""

    def __init__(self, settings: Settings) -> None:
        self._sdk = sdk(settings)

    def find(self, outgoing: Outgoing, *, since: datetime, others: Container[str] = ()) -> Trace | None:
        """Look for a message that may have left: the same recipient and text, made since the claim, none of `others`.

        It is matched here: Twilio's filter goes by when a text was sent, and one may wait in its queue for hours.
        Without a text to compare, any counts.

        Raises:
            TwilioException: Twilio doesn't answer, or refuses.
        """
        messages = self._sdk.messages.list(to=outgoing.address, limit=_LATEST)
        for message in messages:
            is_new = message.date_created is not None and message.date_created >= since - _SKEW
            is_alike = message.body == outgoing.body or not outgoing.body
            if is_new and is_alike and message.direction != "inbound" and message.sid not in others:
                return trace_of(message.sid, message.status, message.error_code)
        return None

    def fetch(self, sid: str, *, address: str, since: datetime) -> Trace | None:
        """Return how a message stands that Twilio has taken, or None when it has none of this id (any more).

        Raises:
            TwilioException: Twilio doesn't answer, or refuses.
        """
        return on_record(self._sdk, sid)

    def account_status(self) -> str:
        """Return how the account stands ("active"). Only its own token may ask; an API key is told of its numbers.

        Raises:
            TwilioException: Twilio doesn't answer, or refuses.
        """
        if self._sdk.username != self._sdk.account_sid:
            self._sdk.incoming_phone_numbers.list(limit=1)
            return "active"
        return str(self._sdk.api.accounts(self._sdk.account_sid).fetch().status)

    def addresses(self, number: str) -> Addresses | None:
        """Return where Twilio posts what comes to a number of ours; None when the number isn't ours.

        Raises:
            TwilioException: Twilio doesn't answer, or refuses.
        """
        found = self._sdk.incoming_phone_numbers.list(phone_number=number, limit=_LATEST)
        return next((_addresses(each) for each in found if each.phone_number == number), None)


def _addresses(number: Any) -> Addresses:
    takes_calls = bool((number.capabilities or {}).get("voice"))
    calls = str(number.voice_url or "") if takes_calls else None
    return Addresses(str(number.sms_url or ""), calls, str(number.status_callback or ""))


def on_record(client: Client, sid: str) -> Trace | None:
    """Return how a message stands, or None when Twilio has none of this id (any more)."""
    try:
        message = client.messages(sid).fetch()
    except TwilioRestException as refusal:
        if refusal.status == _NOT_FOUND:
            return None
        raise
    return trace_of(message.sid, message.status, message.error_code)


def sdk(settings: Settings, http: TwilioHttpClient | None = None) -> Client:
    """Return Twilio's own client for this account; its calls block, and none waits for ever."""
    user, secret = _credentials(settings)
    way = http or TwilioHttpClient(timeout=ANSWER_S)
    client = Client(user, secret, account_sid=settings.twilio_account_sid, http_client=way)
    client.api.base_url = settings.twilio_api_url.rstrip("/")
    return client


def authorization(settings: Settings) -> str:
    """Return the header that lets us in."""
    user, secret = _credentials(settings)
    return "Basic " + b64encode(f"{user}:{secret}".encode()).decode()


def _credentials(settings: Settings) -> tuple[str, str]:
    if settings.twilio_api_key_sid:
        return settings.twilio_api_key_sid, settings.twilio_api_key_secret
    return settings.twilio_account_sid, settings.twilio_auth_token


# Most of a blast's copies say the same: quoting is a tenth of what a send costs.
_quoted = lru_cache(maxsize=1024)(quote_plus)
# What Twilio answers to what it takes is long, and of all that only this counts: reading it whole is a twentieth of
# what a send costs. A quote inside of a value comes with a backslash, so nothing that a text says can look like this.
_sid = re.compile(rb'"sid": ?"([SM]M[0-9a-f]{32})"').search


def _quoted_address(address: str) -> str:
    digits = address[1:]
    return f"%2B{digits}" if digits.isdecimal() and digits.isascii() and address[0] == "+" else quote_plus(address)


def _outcome(status: int, body: bytes) -> Outcome:
    if status == 201 and (found := _sid(body)):
        return Accepted(found[1].decode())
    if status >= 500 or 300 <= status < 400:
        return Unknown(f"Twilio answered {status}.")
    try:
        answer = json.loads(body)
    except ValueError:
        return Unknown(f"Twilio answered {status} with something that isn't JSON.")
    if not isinstance(answer, dict):
        return Unknown(f"Twilio answered {status} with something that isn't an object.")
    if status < 300:
        sid = id_of(answer.get("sid"))
        return Accepted(sid) if sid else Unknown("Twilio's answer has no sid.")
    code = code_of(answer.get("code"), otherwise=status)
    return Refused(code, words_of(answer.get("message"), otherwise=str(status)), status)
