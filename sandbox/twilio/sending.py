"""Creates messages: checks a form as strictly as Twilio does, then accepts it."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from sandbox.twilio import errors, magic, segments
from sandbox.twilio.account import Account
from sandbox.twilio.deliveries import Deliveries
from sandbox.twilio.errors import Refusal
from sandbox.twilio.ledger import NewMessage
from sandbox.twilio.limits import BODY_LIMIT, MEDIA_LIMIT
from sandbox.twilio.magic import Magic
from sandbox.twilio.numbers import is_number

CALLBACK_LIMIT = 4_000  # characters
_BUSY_TRIES = 2
_SCHEDULE_S = (300.0, 35 * 86_400.0)
_service_sid = re.compile(r"MG[0-9a-f]{32}").fullmatch

Form = dict[str, list[str]]


def parse(raw: bytes) -> Form:
    """Return a form's values by name.

    Raises:
        ValueError: it has more than a hundred fields.
    """
    form: Form = {}
    for name, value in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100):
        form.setdefault(name, []).append(value)
    return form


class Sending:
    """POST Messages.json, without its HTTP."""

    def __init__(self, account: Account, deliveries: Deliveries) -> None:
        self._account = account
        self._deliveries = deliveries
        self._busy_tries: dict[tuple[str, str], int] = {}

    def create(self, form: Form) -> int | Refusal:
        """Accept a message and return its order, or say why not; counts either."""
        self._account.tally.requests += 1
        outcome = self._create(form)
        if isinstance(outcome, Refusal):
            self._account.tally.refused[outcome.code] += 1
        return outcome

    def _create(self, form: Form) -> int | Refusal:
        new = self._read(form)
        if isinstance(new, Refusal):
            return new
        refusal = self._refused_by_magic(new) or self._refused_by_list(new)
        if refusal is not None:
            return refusal
        validity_s = _validity(form)
        send_in_s = _send_in(form)
        if isinstance(validity_s, Refusal):
            return validity_s
        if isinstance(send_in_s, Refusal):
            return send_in_s
        return self._deliveries.accept(new, validity_s=validity_s, send_in_s=send_in_s)

    def _read(self, form: Form) -> NewMessage | Refusal:
        member, sender, service = _first(form, "To"), _first(form, "From"), _first(form, "MessagingServiceSid")
        body, media = _first(form, "Body"), tuple(form.get("MediaUrl", ()))
        callback = _first(form, "StatusCallback")
        refusal = (
            _bad_content(body, media)
            if member and (sender or service)
            else (errors.FROM_MISSING if member else errors.TO_MISSING)
        )
        refusal = refusal or self._bad_numbers(member, sender, service) or _bad_callback(callback)
        if refusal is not None:
            return refusal
        is_scheduled = _first(form, "ScheduleType") == "fixed"
        return NewMessage(
            member=member,
            sender=sender or self._account.senders()[0],
            body=body,
            direction="outbound-api",
            status="scheduled" if is_scheduled else "accepted" if service else "queued",
            segments=segments.count(body),
            callback=callback,
            media=media,
            service=service,
        )

    def _bad_numbers(self, member: str, sender: str, service: str) -> Refusal | None:
        if not is_number(member) or magic.of(member) is Magic.INVALID:
            return errors.bad_to(member)
        if service and not _service_sid(service):
            return errors.bad_service(service)
        if sender and not is_number(sender):
            return errors.bad_from(sender)
        if sender == member:
            return errors.SAME_NUMBERS
        if sender and sender not in self._account.senders():
            return errors.foreign_from(sender)
        return None

    def _refused_by_magic(self, new: NewMessage) -> Refusal | None:
        if magic.of(new.member) is not Magic.BUSY_TWICE:
            return None
        tries = self._busy_tries.get((new.member, new.body), 0)
        self._busy_tries[new.member, new.body] = tries + 1
        return errors.TOO_MANY_REQUESTS if tries < _BUSY_TRIES else None

    def _refused_by_list(self, new: NewMessage) -> Refusal | None:
        account = self._account
        if account.behaviour.opt_out_list and account.opt_outs.has_stopped(new.member, new.sender):
            return errors.UNSUBSCRIBED
        return None


def _first(form: Form, name: str) -> str:
    values = form.get(name)
    return values[0] if values else ""


def _bad_content(body: str, media: tuple[str, ...]) -> Refusal | None:
    if not body and not media:
        return errors.BODY_MISSING
    if len(body) > BODY_LIMIT:
        return errors.BODY_TOO_LONG
    return errors.TOO_MANY_MEDIA if len(media) > MEDIA_LIMIT else None


def _bad_callback(url: str) -> Refusal | None:
    if not url:
        return None
    is_good = len(url) <= CALLBACK_LIMIT and _is_endpoint(url.partition("?")[0])
    return None if is_good else errors.bad_callback(url)


@lru_cache(maxsize=1024)
def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and "_" not in str(host)


def _validity(form: Form) -> int | Refusal:
    text = _first(form, "ValidityPeriod") or "36000"
    is_good = text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= 36_000
    return int(text) if is_good else errors.BAD_VALIDITY


def _send_in(form: Form) -> float | Refusal:
    """Return the seconds until a scheduled message is due, 0 for one that isn't scheduled."""
    if _first(form, "ScheduleType") != "fixed":
        return 0.0
    if not _first(form, "MessagingServiceSid"):
        return errors.SERVICE_NEEDED
    if not _first(form, "SendAt"):
        return errors.SEND_AT_MISSING
    try:
        send_at = datetime.fromisoformat(_first(form, "SendAt"))
    except ValueError:
        return errors.bad_parameter("SendAt")
    away_s = (send_at.replace(tzinfo=send_at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return away_s if _SCHEDULE_S[0] <= away_s <= _SCHEDULE_S[1] else errors.SEND_AT_OUT_OF_RANGE
