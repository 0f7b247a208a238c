"""The two doors and the lanes behind them: receipts are committed in groups, texts one by one, and texts go first."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core import db
from core.clock import utc_now
from core.domain import email_events
from core.domain.receipts import Incoming
from core.errors import Invalid
from core.models import ChannelName
from core.models.dialect import wait_at_most
from core.settings import Settings
from core.usecases import events, heeding, inbound, processors, receipts, sending, twilio_posts, vonage_posts
from core.usecases.inbound import Text
from core.usecases.processors import House
from core.usecases.twilio_posts import Form
from webhooks import email, twilio, vonage
from webhooks.batching import Batcher, Full, NotWritten
from webhooks.metrics import Metrics
from webhooks.transacting import transact

log = structlog.get_logger()
T = TypeVar("T")

_NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_AGAIN = "It could not be saved now: send it again."
_REPEATED, _FAILED = "repeated", "failed"
# One that comes again may be a STOP whose answer was lost, and one that failed may be heeded as one.
_MAY_BE_A_STOP = frozenset({"opt_out", _REPEATED, _FAILED})
_INBOUND_THREADS = 4
_MOST_INBOUND_WAITING = 2_000
_GIVE_WAY_AT_MOST_S = 0.5
# A claim is posted and recorded within a moment; Twilio waits for an answer for up to fifteen seconds.
_LEAVES_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.05
_CLAIMED_WITHIN_S = 0.1


class Doors:
    """Receipts are committed in groups; texts have threads of their own, and receipts give way to them."""

    def __init__(self, settings: Settings, bind: sa.Engine) -> None:
        self.metrics = Metrics()
        self._of_receipts = self.metrics.latency.labels("status")
        self._settings = settings
        self._bind = bind
        self._step = partial(db.transaction, bind)
        self._house = House.of(settings)
        self._gate = twilio.Gate(settings)
        self._email_gate = email.Gate(settings)
        self._second_gate = vonage.Gate(settings)
        self._texts = ThreadPoolExecutor(_INBOUND_THREADS, thread_name_prefix="inbound")
        self._texts_waiting = 0
        self._no_texts_wait = asyncio.Event()
        self._no_texts_wait.set()
        self._receipts: Batcher[Incoming] = Batcher(self._apply, give_way=self._give_way)
        self.metrics.watch("receipts", lambda: self._receipts.depth)
        self.metrics.watch("inbound", lambda: self._texts_waiting)

    def open(self) -> None:
        """Begin to write; call it on the event loop that serves."""
        self._receipts.start()

    async def close(self) -> None:
        """Write what waits, and take no more."""
        await self._receipts.stop()
        self._texts.shutdown()

    async def status(self, request: Request) -> Response:
        """Take a receipt; 204 once it is committed."""
        with self._of_receipts.time():
            form = await self._gate.admit(request)
            try:
                receipt = twilio_posts.read_receipt(form)
            except Invalid as refusal:
                raise await self._put_aside(processors.RECEIPT, form, refusal) from None
            await self._put(receipt)
        return Response(status_code=204)

    async def vonage_status(self, request: Request) -> Response:
        """Take a receipt of the second provider; 200, which it insists on, once it is committed."""
        with self._of_receipts.time():
            posted = await self._second_gate.admit(request)
            try:
                receipt = vonage_posts.read_receipt(posted)
            except Invalid as refusal:
                raise await self._put_aside(processors.RECEIPT, posted, refusal) from None
            await self._put(receipt)
        return Response()

    async def _put(self, receipt: Incoming) -> None:
        self.metrics.received.inc()
        try:
            await self._receipts.put(receipt)
        except (Full, NotWritten):
            raise HTTPException(503, _AGAIN) from None

    async def inbound(self, request: Request) -> Response:
        """Take a text; it is answered by a message of ours, never in this response."""
        with self.metrics.latency.labels("inbound").time():
            form = await self._gate.admit(request)
            try:
                text = twilio_posts.read_text(form, services=self._house.services)
            except Invalid as refusal:
                raise await self._put_aside(processors.TEXT, form, refusal) from None
            await self._take(text)
        return Response(_NOTHING_TO_SAY, media_type="text/xml")

    async def vonage_inbound(self, request: Request) -> Response:
        """Take a text to a number of the second provider's."""
        with self.metrics.latency.labels("inbound").time():
            posted = await self._second_gate.admit(request)
            try:
                text = vonage_posts.read_text(posted)
            except Invalid as refusal:
                raise await self._put_aside(processors.TEXT, posted, refusal) from None
            await self._take(text)
        return Response()

    async def let_leave(self, address: str) -> None:
        """Wait for what had been claimed when the STOP came: once we have answered it, nothing more reaches them.

        Looks once more after a while, since a claim that began before the STOP may not have come to their text.
        """
        deadline = monotonic() + _LEAVES_WITHIN_S
        since = utc_now() - timedelta(seconds=_LEAVES_WITHIN_S)
        for pause_s in (0.0, _CLAIMED_WITHIN_S):
            await asyncio.sleep(pause_s)
            # No event tells of it: who records that it has left is another process.
            while (left_s := deadline - monotonic()) > 0:
                if not await asyncio.to_thread(self._is_leaving, address, since, left_s):
                    break
                await asyncio.sleep(_LOOK_AGAIN_S)

    def _is_leaving(self, address: str, since: datetime, patience_s: float) -> bool:
        # A limit holds within a transaction only; on SQLite that would wait until nobody else writes.
        look = db.transaction if self._bind.dialect.name == "postgresql" else db.reading
        try:
            with look(self._bind) as session:
                wait_at_most(session, patience_s)
                return sending.is_leaving(session, address, since=since)
        except SQLAlchemyError:  # the STOP is saved, and that is what counts
            return False

    async def _take(self, text: Text) -> None:
        if self._texts_waiting >= _MOST_INBOUND_WAITING:
            raise HTTPException(503, "Too much is waiting: send it again.")
        self._texts_waiting += 1
        self._no_texts_wait.clear()
        try:
            became = await asyncio.get_running_loop().run_in_executor(self._texts, self._take_now, text)
        except (OperationalError, InterfaceError) as error:
            log.error("inbound.not_saved", provider_sid=text.provider_sid, error=type(error).__name__)
            raise HTTPException(503, _AGAIN) from None
        finally:
            self._texts_waiting -= 1
            if not self._texts_waiting:
                self._no_texts_wait.set()
        self.metrics.inbound.labels(became).inc()
        if became in _MAY_BE_A_STOP:
            await self.let_leave(text.address)

    def _take_now(self, text: Text) -> str:
        """Return what it was read as, or that it was taken before, or is kept to be tried again."""
        organization, twice = self._house.organization, self._house.asks_twice
        try:
            reading = self._transact(
                lambda s: inbound.take(s, text, organization=organization, asks_twice=twice, now=utc_now())
            )
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  # an edge: whatever it is, the text is kept
            log.error("inbound.failed", provider_sid=text.provider_sid, error=type(error).__name__)
            self._put_off(text, error)
            return _FAILED
        became = reading.kind if reading else _REPEATED
        log.info("inbound.taken", provider_sid=text.provider_sid, kind=became)
        return became

    def _put_off(self, text: Text, error: Exception) -> None:
        """Keep a text that can't be taken in; what it asks to be left out of is in force all the same."""
        try:
            try:
                heeding.heed(text, step=self._step, at=utc_now())
            finally:
                self._keep(processors.TEXT, text.provider_sid, text, error)
        except Exception as worse:  # noqa: BLE001  # an edge: what isn't in force must come again
            log.error("inbound.not_heeded", provider_sid=text.provider_sid, error=type(worse).__name__)
            raise HTTPException(503, _AGAIN) from None

    async def email(self, request: Request) -> Response:
        """Take events of e-mails; what can't be processed now is kept, and tried again."""
        with self.metrics.latency.labels("email").time():
            items = await self._email_gate.admit(request)
            try:
                told = await asyncio.to_thread(email.take, items, bind=self._bind, house=self._house)
            except (OperationalError, InterfaceError):
                raise HTTPException(503, _AGAIN) from None
        for state, count in told.items():
            self.metrics.events.labels("email", state).inc(count)
        return JSONResponse(told)

    def _apply(self, batch: Sequence[Incoming]) -> None:
        try:
            new = self._transact(lambda session: receipts.apply(session, batch, now=utc_now()))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # whatever it is, the receipt is kept
            if len(batch) > 1:
                raise  # the batcher finds the one by halves
            log.error("receipt.failed", provider_sid=batch[0].provider_sid, error=type(error).__name__)
            key = f"{batch[0].provider_sid}:{batch[0].status}:{batch[0].error_code}"
            self._keep(processors.RECEIPT, key, batch[0], error)
            return
        self.metrics.applied.inc(new)
        self.metrics.batches.observe(len(batch))

    def _keep(self, kind: str, key: str, event: Incoming | Text, error: Exception) -> None:
        """Keep what could not be taken in; the workers try it again."""
        fields, told = processors.fields_of(event), events.told(error)
        self._transact(lambda s: events.keep(s, ChannelName.SMS, kind, key, fields, error=told, now=utc_now()))
        self.metrics.events.labels("sms", "failed").inc()

    async def _put_aside(self, kind: str, form: Form | Mapping[str, Any], refusal: Invalid) -> HTTPException:
        """Keep what is genuine and can't be read, for a person to look at; returns how it is answered.

        What a text asks to be left out of is in force if that much can be read.
        """
        self.metrics.events.labels("sms", "failed").inc()
        try:
            await asyncio.to_thread(self._put_aside_now, kind, form, refusal)
        except Exception as error:  # noqa: BLE001  # an edge: what isn't kept, or isn't in force, must come again
            log.error("post.not_kept", kind=kind, error=type(error).__name__)
            return HTTPException(503, _AGAIN)
        return HTTPException(400, refusal.sentence)

    def _put_aside_now(self, kind: str, form: Form | Mapping[str, Any], refusal: Invalid) -> None:
        words = processors.read_words(form) if kind == processors.TEXT else None
        try:
            if words is not None:
                heeding.heed(words, step=self._step, at=utc_now())
        finally:
            posted, sms = processors.as_posted(form), ChannelName.SMS
            key, told = email_events.digest(posted), refusal.sentence
            self._transact(
                lambda s: events.keep(s, sms, kind, key, posted, error=told, is_hopeless=True, now=utc_now())
            )

    async def _give_way(self) -> None:
        """Let texts through first: with one writer (SQLite), a flood of receipts would keep a STOP waiting."""
        if self._texts_waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._no_texts_wait.wait(), _GIVE_WAY_AT_MOST_S)

    def _transact(self, work: Callable[[Session], T]) -> T:
        return transact(self._bind, work)
