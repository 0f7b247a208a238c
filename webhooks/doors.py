"""The two doors and the lanes behind them: receipts are committed in groups, texts one by one, and texts go first."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from core import db
from core.clock import utc_now
from core.domain.keywords import Reading
from core.domain.receipts import Incoming
from core.settings import Settings
from core.usecases import inbound, receipts
from core.usecases.inbound import Text
from webhooks import twilio, vonage
from webhooks.batching import Batcher, Full, NotWritten
from webhooks.metrics import Metrics

log = structlog.get_logger()
T = TypeVar("T")

_NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_INBOUND_THREADS = 4
_MOST_INBOUND_WAITING = 2_000
_GIVE_WAY_AT_MOST_S = 0.5
_COLLISIONS = frozenset({"40P01", "40001"})  # PostgreSQL: deadlock detected, serialization failure


class Doors:
    """Receipts are committed in groups; texts have threads of their own, and receipts give way to them."""

    def __init__(self, settings: Settings, bind: sa.Engine) -> None:
        self.metrics = Metrics()
        self._settings = settings
        self._bind = bind
        self._services = frozenset(each.address for each in settings.senders if each.address.startswith("MG"))
        self._gate = twilio.Gate(settings)
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
        with self.metrics.latency.labels("status").time():
            await self._put(twilio.read_receipt(await self._gate.admit(request)))
        return Response(status_code=204)

    async def vonage_status(self, request: Request) -> Response:
        """Take a receipt of the second provider; 200, which it insists on, once it is committed."""
        with self.metrics.latency.labels("status").time():
            await self._put(vonage.read_receipt(await self._second_gate.admit(request)))
        return Response()

    async def _put(self, receipt: Incoming) -> None:
        self.metrics.received.inc()
        try:
            await self._receipts.put(receipt)
        except (Full, NotWritten):
            raise HTTPException(503, "It could not be saved now: send it again.") from None

    async def inbound(self, request: Request) -> Response:
        """Take a text; it is answered by a message of ours, never in this response."""
        with self.metrics.latency.labels("inbound").time():
            text = twilio.read_text(await self._gate.admit(request), services=self._services)
            reading = await self._take(text)
        self.metrics.inbound.labels(reading.kind if reading else "repeated").inc()
        return Response(_NOTHING_TO_SAY, media_type="text/xml")

    async def vonage_inbound(self, request: Request) -> Response:
        """Take a text to a number of the second provider's."""
        with self.metrics.latency.labels("inbound").time():
            reading = await self._take(vonage.read_text(await self._second_gate.admit(request)))
        self.metrics.inbound.labels(reading.kind if reading else "repeated").inc()
        return Response()

    async def _take(self, text: Text) -> Reading | None:
        if self._texts_waiting >= _MOST_INBOUND_WAITING:
            raise HTTPException(503, "Too much is waiting: send it again.")
        self._texts_waiting += 1
        self._no_texts_wait.clear()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._texts, self._take_now, text)
        except SQLAlchemyError as error:
            log.error("inbound.not_saved", provider_sid=text.provider_sid, error=type(error).__name__)
            raise HTTPException(503, "It could not be saved now: send it again.") from None
        finally:
            self._texts_waiting -= 1
            if not self._texts_waiting:
                self._no_texts_wait.set()

    def _take_now(self, text: Text) -> Reading | None:
        organization, twice = self._settings.organization_name, self._settings.double_opt_in
        reading = self._transact(
            lambda s: inbound.take(s, text, organization=organization, asks_twice=twice, now=utc_now())
        )
        log.info("inbound.taken", provider_sid=text.provider_sid, kind=reading.kind if reading else "repeated")
        return reading

    def _apply(self, batch: Sequence[Incoming]) -> None:
        new = self._transact(lambda session: receipts.apply(session, batch, now=utc_now()))
        self.metrics.applied.inc(new)
        self.metrics.batches.observe(len(batch))

    async def _give_way(self) -> None:
        """Let texts through first: with one writer (SQLite), a flood of receipts would keep a STOP waiting."""
        if self._texts_waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._no_texts_wait.wait(), _GIVE_WAY_AT_MOST_S)

    def _transact(self, work: Callable[[Session], T], *, tries: int = 3) -> T:
        """Run one transaction, again when it collided with another: nothing of it was saved then."""
        try:
            with db.transaction(self._bind) as session:
                return work(session)
        except OperationalError as error:
            if tries == 1 or getattr(error.orig, "sqlstate", None) not in _COLLISIONS:
                raise
        return self._transact(work, tries=tries - 1)
