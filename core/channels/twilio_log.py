"""What Twilio has on record of our messages, out and in: fetched one by one or listed, through its SDK; it blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # ships no types
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]  # ships no types

from core.channels.twilio import ANSWER_S, on_record, sdk
from core.domain import message_log
from core.domain.backlog import Entry as History
from core.settings import Settings

_PAGE = 200
_MOST_NUMBERS = 100
_MOST_MEDIA = 10


@dataclass(frozen=True, slots=True)
class Received:
    """A text on record that came from a member. `sender`: to whom, our messaging service if it is in one."""

    sid: str
    address: str
    sender: str
    body: str
    at: datetime
    media: tuple[tuple[str, str], ...] = ()


class _Counting(TwilioHttpClient):  # type: ignore[misc]  # ships no types
    """The SDK's way to Twilio, counted."""

    def __init__(self) -> None:
        super().__init__(timeout=ANSWER_S)
        self.calls = 0

    def request(self, *arguments: Any, **named: Any) -> Any:
        """Make one request."""
        self.calls += 1
        return super().request(*arguments, **named)


class Log:
    """Reads the record. Every method raises TwilioException when Twilio doesn't answer, or refuses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = _Counting()
        self._sdk = sdk(settings, self._http)

    def code(self, sid: str) -> int:
        """Return why a message failed, 0 when Twilio has no reason on record, or it went through somebody else."""
        trace = on_record(self._sdk, sid) if sid.startswith(("SM", "MM")) else None
        return trace.error_code if trace else 0

    def received(self, *, since: datetime) -> list[Received]:
        """Return the texts that came to our numbers and messaging services since then, oldest first."""
        ours = self._ours()
        found = [
            self._entry(message)
            for number in self._numbers()
            # Filters have a day's precision.
            for message in self._sdk.messages.stream(to=number, date_sent_after=since, page_size=_PAGE)
            if message.direction == "inbound"
            and _at(message, since) >= since
            # An account may have numbers that are none of our business.
            and ours & {message.messaging_service_sid, message.to}
        ]
        # Listed newest first, to the second: those of one second keep their order.
        found.reverse()
        return sorted(found, key=lambda entry: entry.at)

    def history(self, *, since: datetime, until: datetime) -> Iterator[History]:
        """Give what the messages between our numbers and members tell, on record between two instants, page by page."""
        ours = self._ours()
        listed = self._sdk.messages.stream(date_sent_after=since, date_sent_before=until, page_size=_PAGE)
        for message in listed:
            inbound, at = message.direction == "inbound", _at(message, until)
            # An account may have numbers that are none of our business.
            if not ours & {message.messaging_service_sid, message.to if inbound else message.from_}:
                continue
            told = message_log.entry(
                inbound=inbound,
                theirs=str((message.from_ if inbound else message.to) or ""),
                status=str(message.status),
                at=at,
                code=int(message.error_code or 0),
                body=str(message.body or ""),
                sid=str(message.sid),
            )
            if told is not None and since <= at <= until:
                yield told

    @property
    def calls(self) -> int:
        """How many requests this reader has made."""
        return self._http.calls

    def _ours(self) -> set[str]:
        return {sender.address for sender in self._settings.senders}

    def _numbers(self) -> list[str]:
        ours = self._ours()
        if not any(address.startswith("MG") for address in ours):
            return sorted(ours)
        return [str(each.phone_number) for each in self._sdk.incoming_phone_numbers.list(limit=_MOST_NUMBERS)]

    def _entry(self, message: Any) -> Received:
        has_media, service = message.num_media not in (None, "", "0"), message.messaging_service_sid
        return Received(
            sid=str(message.sid),
            address=str(message.from_ or ""),
            sender=str(service if service in self._ours() else message.to),
            body=str(message.body or ""),
            at=_at(message, None),
            media=tuple(self._media(str(message.sid))) if has_media else (),
        )

    def _media(self, sid: str) -> Iterator[tuple[str, str]]:
        try:
            listed = self._sdk.messages(sid).media.list(limit=_MOST_MEDIA)
        except TwilioException:
            # Pictures are kept for a while only; the words count.
            return
        for each in listed:
            path = str(each.uri).removesuffix(".json")
            yield f"{self._settings.twilio_api_url.rstrip('/')}{path}", str(each.content_type)


def _at(message: Any, otherwise: datetime | None) -> datetime:
    at: datetime | None = message.date_created or message.date_sent or otherwise
    if at is None:
        raise ValueError("a message on record has no date")
    return at
