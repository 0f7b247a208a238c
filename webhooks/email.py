"""What e-mail providers post: a list of events in JSON, with a token of ours; each is stored once, then processed."""

import asyncio
import hmac
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request

from core import db
from core.clock import utc_now
from core.domain import email_events
from core.domain.email_events import EmailEvent
from core.errors import Invalid
from core.models import ChannelName
from core.settings import Settings
from core.usecases import events, mail, processors
from core.usecases.processors import House
from webhooks.bodies import read_body, read_json

log = structlog.get_logger()

_MOST_EVENTS = 1_000
# Few enough that with one writer (SQLite) a STOP by text waits for no longer than it takes to read this.
_AT_ONCE = 50
# An answer may have pictures attached, which we don't keep; its words may ask for an end all the same.
MOST_BYTES = 40 * 2**20


class Gate:
    """Lets in who has the token, as a bearer or as the password of the address."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.email_events_token

    async def admit(self, request: Request) -> list[Any]:
        """Read a request.

        Raises:
            HTTPException: 404 the door is closed, 403 the token isn't ours, 413 too large, 400 not a list in JSON.
        """
        if not self._token:
            raise HTTPException(404, "E-mail events aren't taken here: EMAIL_EVENTS_TOKEN is not set.")
        if not hmac.compare_digest(_given(request.headers.get("authorization", "")), self._token.encode()):
            raise HTTPException(403, "The token is not ours.")
        try:
            told = await asyncio.to_thread(read_json, await read_body(request, most=MOST_BYTES))
        except ValueError:
            raise HTTPException(400, "The body is not JSON.") from None
        found = told if isinstance(told, list) else [told]
        if len(found) > _MOST_EVENTS:
            raise HTTPException(413, f"There are more than {_MOST_EVENTS:,} events.")
        return found


def take(items: list[Any], *, bind: sa.Engine, house: House) -> dict[str, int]:
    """Store and process events; one that fails is kept with its error, and stops no other. Returns the counts.

    Raises:
        Exception: the database doesn't answer, or doesn't take one of them; all must come again, and count once.
    """
    told = Counter(received=len(items), processed=0, failed=0, repeated=0)
    unkept: list[Exception] = []
    for at in range(0, len(items), _AT_ONCE):
        _take(items[at : at + _AT_ONCE], told, unkept, bind=bind, house=house)
    if unkept:
        raise unkept[0]
    return dict(told)


def _take(items: Sequence[Any], told: Counter[str], unkept: list[Exception], *, bind: sa.Engine, house: House) -> None:
    """Store some events, then process what is new of them: a commit each would cost more than all the rest.

    Where they can't be stored together, each is stored by itself.
    """
    stored: dict[int, EmailEvent] = {}
    here: Counter[str] = Counter()
    try:
        with db.transaction(bind) as session:
            for item in items:
                here[_store(session, item, stored)] += 1
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001  # an edge: the others go on
        if len(items) > 1:
            for item in items:
                _take([item], told, unkept, bind=bind, house=house)
            return
        log.error("email_event.unkept", error=type(error).__name__)
        unkept.append(error)
        return
    failed = _process(stored, bind, house)
    told.update(here - Counter(processed=failed) + Counter(failed=failed))


def _store(session: Session, item: Any, stored: dict[int, EmailEvent]) -> str:
    now = utc_now()
    try:
        event = email_events.read(item)
    except Exception as error:  # noqa: BLE001  # an edge: whatever it is, the event is kept with it
        kept = email_events.kept(item)
        events.keep(
            session,
            ChannelName.EMAIL,
            processors.UNREAD,
            email_events.digest(item),
            kept if isinstance(kept, dict) else {"value": kept},
            error=events.told(error),
            is_hopeless=isinstance(error, Invalid),
            now=now,
        )
        return "failed"
    fields = processors.fields_of(event)
    event_id = events.store(session, ChannelName.EMAIL, event.kind, event.key, fields, now=now)
    if event_id is None:
        return "repeated"
    stored[event_id] = event
    return "processed"


def _process(stored: Mapping[int, EmailEvent], bind: sa.Engine, house: House) -> int:
    """Process stored events, each so that it fails alone; returns how many did."""
    failed: dict[int, Exception] = {}
    try:
        with db.transaction(bind) as session:
            for event_id, event in stored.items():
                try:
                    with db.alone(session):
                        _do(session, event_id, event, house)
                except OperationalError:
                    raise
                except Exception as error:  # noqa: BLE001  # an edge: whatever it is, the event keeps it
                    failed[event_id] = error
    except OperationalError:
        return len(stored)  # they are stored, and due: the worker takes them up
    for event_id, failure in failed.items():
        log.error("email_event.failed", event_id=event_id, error=type(failure).__name__)
        _heed(stored[event_id], bind)
        with db.transaction(bind) as session:
            events.fail(session, event_id, error=events.told(failure), now=utc_now())
    return len(failed)


def _do(session: Session, event_id: int, event: EmailEvent, house: House) -> None:
    now = utc_now()
    processor = processors.of_channel(session, ChannelName.EMAIL)
    processor.process(session, event.kind, processors.fields_of(event), house=house, came_at=now, now=now)
    events.finish(session, event_id, now=now)


def _heed(event: EmailEvent, bind: sa.Engine) -> None:
    """Put whoever asks for it out of reach all the same: the answer may wait, what it asks for may not."""
    try:
        with db.transaction(bind) as session:
            if event.kind == "replied":
                mail.heed(session, event, now=utc_now())
    except Exception as error:  # noqa: BLE001  # the event is kept, and tried again
        log.error("email_event.not_heeded", error=type(error).__name__)


def _given(authorization: str) -> bytes:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    try:
        return b64decode(value, validate=True).partition(b":")[2] if scheme.lower() == "basic" else b""
    except ValueError:
        return b""
