"""The doors for calls: who rings is told who we are, the key that stops texts is in force before it is confirmed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import db
from core.clock import utc_now
from core.domain import email_events
from core.domain import voice as spoken
from core.domain.voice import Recording, Ring, Words
from core.errors import Invalid
from core.models import ChannelName
from core.settings import UNNAMED, Settings
from core.usecases import answers, events, processors, suppression, twilio_posts, voice
from core.usecases.processors import ENDED, OPT_OUT, RECORDING, RING, House
from core.usecases.twilio_posts import Form
from webhooks import twilio, twiml
from webhooks.metrics import Metrics
from webhooks.transacting import transact

log = structlog.get_logger()

PATH = "/twilio/voice"
_AGAIN = "It could not be saved now: send it again."
_THREADS = 4
T = TypeVar("T")
Leave: TypeAlias = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Caller:
    """In which words to speak with somebody; `is_served`: whether calls are taken at all."""

    words: Words
    is_served: bool = True


class Calls:
    """Takes calls. Everything may come again: Twilio repeats what it got no answer to."""

    def __init__(self, settings: Settings, bind: sa.Engine, metrics: Metrics, *, let_leave: Leave) -> None:
        """`let_leave` waits for what was on its way to an address when its opt-out came."""
        self._bind = bind
        self._metrics = metrics
        self._latency = metrics.latency.labels("voice")
        self._let_leave = let_leave
        self._house = House.of(settings)
        self._gate = twilio.Gate(settings)
        name = settings.organization_name.strip()
        base = f"{settings.public_url.rstrip('/')}{PATH}"
        self._script = twiml.Script(base, "" if name == UNNAMED else name)
        # Apart from what receipts wait for: somebody holds the line.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="calls")
        self._waiting = 0
        metrics.watch("calls", lambda: self._waiting)

    @property
    def routes(self) -> list[Route]:
        """Where Twilio posts."""
        doors = {"": self.ring, "/key": self.key, "/recorded": self.recorded, "/recording": self.recording}
        doors["/ended"] = self.ended
        return [Route(PATH + path, door, methods=["POST"]) for path, door in doors.items()]

    def close(self) -> None:
        """Take no more."""
        self._threads.shutdown()

    async def ring(self, request: Request) -> Response:
        """Greet a caller; even while the database is away somebody who calls hears who we are."""
        with self._latency.time():
            _, ring = await self._admit(request, RING)
            caller = await self._in_thread(self._look_up, ring)
            await self._saved(RING, ring)
            if not caller.is_served:
                return _say(twiml.end(caller.words, caller.words.closed))
            return _say(self._script.greet(caller.words, may_opt_out=bool(ring.caller)))

    async def key(self, request: Request) -> Response:
        """Unsubscribe whoever presses the key for it; any other leads on to the tone."""
        with self._latency.time():
            form, ring = await self._admit(request, OPT_OUT)
            caller = await self._in_thread(self._look_up, ring)
            if _is_opt_out(form):
                return await self._opt_out(ring, caller.words)
            return _say(self._script.take_message(caller.words))

    async def recorded(self, request: Request) -> Response:
        """Take what a caller has left, as soon as they have ended it; they may be gone, or have pressed the key."""
        with self._latency.time():
            form, ring = await self._admit(request, RECORDING)
            caller = await self._in_thread(self._look_up, ring)
            pressed = await self._opt_out(ring, caller.words) if _is_opt_out(form) else None
            recording = await self._read(RECORDING, form, twilio_posts.read_recording)
            if not (await self._saved(RING, ring) and await self._saved(RECORDING, recording)) and not pressed:
                raise HTTPException(503, _AGAIN)
            words = caller.words
            return pressed or _say(twiml.end(words, words.thanks if recording else words.silence))

    async def recording(self, request: Request) -> Response:
        """Take a message once Twilio has it ready: the other way to hear of it."""
        with self._latency.time():
            form = await self._gate.admit(request)
            if not await self._saved(RECORDING, await self._read(RECORDING, form, twilio_posts.read_recording)):
                raise HTTPException(503, _AGAIN)
        return Response(status_code=204)

    async def ended(self, request: Request) -> Response:
        """Note that a call is over."""
        with self._latency.time():
            _, ring = await self._admit(request, ENDED)
            if not await self._saved(ENDED, ring):
                raise HTTPException(503, _AGAIN)
        return Response(status_code=204)

    async def _admit(self, request: Request, kind: str) -> tuple[Form, Ring]:
        form = await self._gate.admit(request)
        return form, await self._read(kind, form, twilio_posts.read_ring)

    async def _read(self, kind: str, form: Form, read: Callable[[Form], T]) -> T:
        """Read a genuine post; one that can't be read is kept for a person."""
        try:
            return read(form)
        except Invalid as refusal:
            posted = form.as_posted()
            key = email_events.digest(posted)
            if not await self._in_thread(self._keep, kind, key, posted, refusal):
                raise HTTPException(503, _AGAIN) from None
            raise HTTPException(400, refusal.sentence) from None

    async def _opt_out(self, ring: Ring, words: Words) -> Response:
        """Confirm it once it is committed, and once nothing is on its way to them any more."""
        if not ring.caller:
            return _say(twiml.end(words, words.withheld))
        if not await self._saved(OPT_OUT, ring):
            return _say(twiml.end(words, words.unsaved))
        if not await self._in_thread(self._is_out_of_reach, ring.caller):
            # The request has come again, and they have come back since: nobody is on the line.
            return _say(twiml.HANG_UP)
        await self._let_leave(ring.caller)
        return _say(twiml.end(words, words.stopped))

    async def _saved(self, kind: str, event: Ring | Recording | None) -> bool:
        """Do what an event asks for, or keep it to be tried again; return whether either is committed."""
        return event is None or await self._in_thread(self._process, kind, event)

    def _process(self, kind: str, event: Ring | Recording) -> bool:
        self._count("received")
        try:
            transact(self._bind, lambda session: self._do(session, kind, event))
        except (OperationalError, InterfaceError) as error:
            log.error("call.not_saved", sid=event.sid, kind=kind, error=type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001  # an edge: whatever it is, the event is kept
            log.error("call.failed", sid=event.sid, kind=kind, error=type(error).__name__)
            return self._put_off(kind, event, error)
        self._count("processed")
        log.info("call.taken", sid=event.sid, kind=kind)
        return True

    def _do(self, session: Session, kind: str, event: Ring | Recording) -> None:
        if kind in (RING, ENDED) and not processors.takes(session, ChannelName.VOICE):
            return  # nothing is asked for, so nothing is kept either
        fields, now = processors.fields_of(event), utc_now()
        processor = processors.of_channel(session, ChannelName.VOICE)
        processor.process(session, kind, fields, house=self._house, came_at=now, now=now)

    def _put_off(self, kind: str, event: Ring | Recording, error: Exception) -> bool:
        """Keep an event that can't be taken in; who asked for no more texts gets none all the same."""
        try:
            if isinstance(event, Ring) and kind == OPT_OUT:
                address, now = event.caller, utc_now()
                transact(self._bind, lambda s: suppression.opt_out(s, address, source=voice.SOURCE, now=now))
        except Exception as worse:  # noqa: BLE001  # an edge: it is tried again, but must not be confirmed
            log.error("call.not_heeded", sid=event.sid, error=type(worse).__name__)
            self._keep(kind, event.sid, processors.fields_of(event), error)
            return False
        return self._keep(kind, event.sid, processors.fields_of(event), error)

    def _keep(self, kind: str, key: str, fields: Mapping[str, Any], error: Exception) -> bool:
        """Keep what could not be taken in; return whether it is committed. What can't be read waits for a person."""
        told, is_hopeless = events.told(error), isinstance(error, Invalid)
        try:
            transact(
                self._bind,
                lambda s: events.keep(
                    s, ChannelName.VOICE, kind, key, fields, error=told, is_hopeless=is_hopeless, now=utc_now()
                ),
            )
        except Exception as worse:  # noqa: BLE001  # an edge: what isn't kept must come again
            log.error("call.not_kept", kind=kind, error=type(worse).__name__)
            return False
        self._count("failed")
        return True

    def _count(self, state: str) -> None:
        self._metrics.events.labels("voice", state).inc()

    def _look_up(self, ring: Ring) -> _Caller:
        """Find out how to speak with a caller; while that can't be asked, it is English."""
        try:
            with db.reading(self._bind) as session:
                language = answers.language_at(session, ring.caller, now=utc_now())
                return _Caller(spoken.words(language), is_served=processors.takes(session, ChannelName.VOICE))
        except SQLAlchemyError as error:
            log.warning("call.language_unknown", sid=ring.sid, error=type(error).__name__)
            return _Caller(spoken.words(None))

    def _is_out_of_reach(self, address: str) -> bool:
        with db.reading(self._bind) as session:
            return suppression.active(session, address) is not None

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        finally:
            self._waiting -= 1


def _is_opt_out(form: Form) -> bool:
    return form.fields.get("Digits", "").strip() == spoken.OPT_OUT_KEY


def _say(script: str) -> Response:
    return Response(script, media_type=twiml.KIND)
