"""Texts through Vonage's Messages API: the same port as Twilio's, the second provider for when the first one fails.

Source: https://developer.vonage.com/en/api/messages
"""

import json
import re
from base64 import b64encode
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from core.channels.answers import code_of, id_of, trace_of, words_of
from core.channels.posting import Poster, posted
from core.domain import senders, vonage
from core.domain.channel import Accepted, Outcome, Outgoing, Refused, Trace, Unknown
from core.settings import Settings

_CONNECT_S = 5.0
_ANSWER_S = 35.0
# Vonage takes no shorter validity.
_SHORTEST_TTL_S = 20
# As for Twilio.
_SKEW = timedelta(days=1)
_code_in = re.compile(r"#(\d{3,5})$").search


class Vonage:
    """The SMS channel. Make it inside the event loop that uses it."""

    def __init__(self, settings: Settings) -> None:
        self._webhook = f"{settings.public_url.rstrip('/')}/vonage/status"
        headers = {
            "Authorization": _authorization(settings),
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        url = f"{settings.vonage_api_url.rstrip('/')}/v1/messages"
        self._poster = Poster(url, headers, connect_s=_CONNECT_S, answer_s=_ANSWER_S)

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Post one message, once; whatever the network does is told as an outcome.

        Raises:
            TooLate: connecting took longer than it may wait; nothing has left.
            Unsendable: it can't be written as JSON; nothing has left.
        """
        return await posted(self._poster, outgoing, self._body, _outcome, to="Vonage")

    def _body(self, outgoing: Outgoing) -> bytes:
        return json.dumps(self.message(outgoing), ensure_ascii=False).encode()

    def message(self, outgoing: Outgoing) -> dict[str, Any]:
        """Return the message to post; its reference comes back with each status and finds its delivery."""
        ttl = {} if outgoing.validity_s is None else {"ttl": max(outgoing.validity_s, _SHORTEST_TTL_S)}
        return {
            "channel": "sms",
            "message_type": "text",
            "from": senders.number_of(outgoing.sender).removeprefix("+"),
            "to": outgoing.address.removeprefix("+"),
            "text": outgoing.body,
            "client_ref": vonage.reference(outgoing.delivery_id, outgoing.attempt),
            "webhook_url": self._webhook,
            "webhook_version": "v1",
            **ttl,
        }

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._poster.close()


class Lookup:
    """What Vonage knows of our messages, asked through its Reports API; it blocks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def find(self, outgoing: Outgoing, *, since: datetime, others: Container[str] = ()) -> Trace | None:
        """Look for a message that may have left, by the reference that we gave it; none of `others`.

        A record without any reference, of the same two numbers since the claim, counts: better one too few than twice.

        Raises:
            OSError: Vonage doesn't answer, or refuses.
        """
        mine = vonage.reference(outgoing.delivery_id, outgoing.attempt)
        for record in self._records(outgoing.address, since=since - _SKEW):
            is_ours = record.get("client_ref", mine) in (mine, None, "") and record.get("message_id")
            if is_ours and str(record["message_id"]) not in others:
                return _trace(record)
        return None

    def fetch(self, sid: str, *, address: str, since: datetime) -> Trace | None:
        """Return how a message to `address` stands that Vonage has taken since then, or None when it has no record.

        Raises:
            OSError: Vonage doesn't answer, or refuses.
        """
        records = self._records(address, since=since - _SKEW)
        return next((_trace(record) for record in records if record.get("message_id") == sid), None)

    def _records(self, address: str, *, since: datetime) -> list[dict[str, Any]]:
        wanted = {
            "account_id": self._settings.vonage_api_key,
            "product": "MESSAGES",
            "direction": "outbound",
            "to": address.removeprefix("+"),
            "date_start": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        url = f"{self._settings.vonage_api_url.rstrip('/')}/v2/reports/records?{urlencode(wanted)}"
        request = Request(url, headers={"Authorization": _authorization(self._settings)})  # noqa: S310  # https, by the settings
        try:
            with urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310  # as above
                records = json.load(answer).get("records", [])
        except (ValueError, AttributeError) as error:
            raise HTTPError(url, 502, "not a report", None, None) from error  # type: ignore[arg-type]  # no headers
        return [record for record in records if isinstance(record, dict)]


def _trace(record: dict[str, Any]) -> Trace:
    status = vonage.STATUSES.get(str(record.get("status", "")).lower(), "accepted")
    return trace_of(record.get("message_id"), status, vonage.code(code_of(record.get("error_code"), otherwise=0)))


def _authorization(settings: Settings) -> str:
    pair = f"{settings.vonage_api_key}:{settings.vonage_api_secret}"
    return "Basic " + b64encode(pair.encode()).decode()


def _outcome(status: int, body: bytes) -> Outcome:
    if status >= 500 or 300 <= status < 400:
        return Unknown(f"Vonage answered {status}.")
    try:
        answer = json.loads(body)
    except ValueError:
        return Unknown(f"Vonage answered {status} with something that isn't JSON.")
    if not isinstance(answer, dict):
        return Unknown(f"Vonage answered {status} with something that isn't an object.")
    if status < 300:
        uuid = id_of(answer.get("message_uuid"))
        return Accepted(uuid) if uuid else Unknown("Vonage's answer has no message_uuid.")
    found = _code_in(str(answer.get("type") or ""))
    told = words_of(answer.get("detail") or answer.get("title"), otherwise=str(status))
    return Refused(vonage.code(int(found[1]) if found else 0, http_status=status), told, status)
