"""The actor that has the assistant draft an answer; nothing waits for it, and nothing it writes is sent by itself."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from uuid import UUID

import dramatiq
import structlog

from core import db, settings
from core.channels import assistant
from core.channels.assistant import NoDraft
from core.clock import utc_now
from core.usecases import drafts
from workers.broker import UPDATES, broker, nudge

log = structlog.get_logger()


def ask_for(inbound_id: int) -> None:
    """Want a draft for a text, if there is an assistant and it has been briefed."""
    if not settings.current().assistant_url:
        return
    with db.transaction() as session:
        draft_id = drafts.want(session, inbound_id, now=utc_now())
    if draft_id is not None:
        nudge("write_draft", str(draft_id), queue=UPDATES)


@dramatiq.actor(queue_name=UPDATES, broker=broker)
def write_draft(draft_id: str) -> None:
    """Have one draft written, by and by."""
    desk.take(UUID(draft_id))


class Desk:
    """A few threads of their own that write drafts: an assistant that hangs holds none of those that send or tell.

    They end with the process. A draft that is lost so is one that staff write by themselves.
    """

    def __init__(self, write: Callable[[UUID], None], *, threads: int) -> None:
        self._write = write
        self._waiting: SimpleQueue[UUID] = SimpleQueue()
        self._idle = threads
        self._starting = threading.Lock()

    def take(self, draft_id: UUID) -> None:
        """Have a draft written when there is a hand for it."""
        self._waiting.put(draft_id)
        with self._starting:
            if self._idle:
                self._idle -= 1
                threading.Thread(target=self._work, name="drafting", daemon=True).start()

    def _work(self) -> None:
        while True:
            draft_id = self._waiting.get()
            try:
                self._write(draft_id)
            except Exception:
                log.exception("draft.lost", draft_id=str(draft_id))


def write(wanted: UUID) -> None:
    """Write one draft; a failure is recorded with it, and staff write by themselves."""
    config = settings.current()
    with db.reading() as session:
        told = drafts.messages(session, wanted, organization=config.organization_name, now=utc_now())
    if told is None:
        return
    body, error = "", ""
    try:
        body = assistant.complete(config, told)[: config.message_max_length]
    except NoDraft as why:
        error = str(why)
        log.warning("draft.failed", draft_id=str(wanted), error=error)
    with db.transaction() as session:
        drafts.record(session, wanted, model=config.assistant_model, body=body, error=error, now=utc_now())


desk = Desk(write, threads=2)
