"""Putting what came with a text or a call where staff see it: each once, after its text, and nothing waits for it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import Session

from core import db, outbox, settings
from core.channels.media import File, NoFile
from core.clock import utc_now
from core.domain.events import FileErased, PictureReceived, StaffTold
from core.models import Conversation, Inbound
from core.settings import Settings
from core.slack.gateway import Gateway, SlackFailed
from core.usecases import requests
from workers.once import once

log = structlog.get_logger()

# A slow provider may hold two of a worker's threads for some seconds; the others tell what is more urgent.
_AT_ONCE = threading.BoundedSemaphore(2)
_GIVEN_UP_AFTER = timedelta(minutes=5)
# Longer than Slack's three calls can take together, so that no other worker begins meanwhile.
_UPLOAD = timedelta(minutes=1)


def _nothing(session: Session, inbound: Inbound) -> None:
    """Nothing more is to be done about most of what was shared."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of what comes along. `stem`: how a file is called; `unseen`: what is said where it can't be shown.

    `when_shared` is done once Slack has it for sure.
    """

    word: str
    event: type[PictureReceived]
    is_it: Callable[[Mapping[str, Any], str], bool]
    fetch: Callable[[Settings, str], File]
    stem: Callable[[int], str]
    unseen: Callable[[int, str, Inbound], str]
    when_shared: Callable[[Session, Inbound], None] = _nothing


def expect(kind: Kind, inbound: Inbound) -> None:
    """Have what came with a text that staff have been told of shown in its thread, each by an event of its own."""
    host = settings.current().media_host
    wanted = [number for number, part in enumerate(inbound.media, start=1) if kind.is_it(part, host)]
    if not wanted or inbound.id is None:
        return
    now = utc_now()
    until = int((now + _GIVEN_UP_AFTER).timestamp())
    with db.transaction() as session:
        for number in wanted:
            outbox.record(session, kind.event(inbound.id, number, until), now=now)


def share(kind: Kind, gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Put one file into its thread; where that can't be done, say so there."""
    number = int(payload["number"])
    with db.reading() as session:
        inbound, conversation = _find(session, payload["inbound_id"])
    if inbound is None or conversation is None or not conversation.thread_ts or len(inbound.media) < number:
        log.info("attachment.gone", kind=kind.word, inbound_id=payload["inbound_id"])
        return
    if not _AT_ONCE.acquire(blocking=False):
        raise SlackFailed(kind.word, "busy")
    try:
        with once(_key(kind, inbound, number)) as is_new:
            if is_new:
                url = str(inbound.media[number - 1].get("url", ""))
                file = _fetched(kind, url, until=payload["until"])
                why = file if isinstance(file, str) else _unshared(kind, gateway, (inbound, conversation), number, file)
                _finish(kind, inbound, conversation, number, why)
    finally:
        _AT_ONCE.release()


def erase(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Take a file out of Slack whose sender was erased."""
    gateway.delete_file(payload["file_id"])
    log.info("attachment.erased", file_id=payload["file_id"])


def _key(kind: Kind, inbound: Inbound, number: int) -> str:
    return f"{kind.word}:{inbound.id}:{number}"


def _find(session: Session, inbound_id: int) -> tuple[Inbound | None, Conversation | None]:
    inbound = session.get(Inbound, inbound_id)
    if inbound is None or inbound.conversation_id is None:
        return inbound, None
    return inbound, session.get(Conversation, inbound.conversation_id)


def _fetched(kind: Kind, url: str, *, until: float) -> File | str:
    """Return the file, or why there is none; what may pass is tried again until then."""
    try:
        return kind.fetch(settings.current(), url)
    except NoFile as why:
        if why.is_passing and utc_now().timestamp() < until:
            raise SlackFailed(kind.word, str(why)) from None
        return str(why)


def _unshared(kind: Kind, gateway: Gateway, to: tuple[Inbound, Conversation], number: int, file: File) -> str | None:
    """Upload a file; return why it isn't there, None if it is, nothing if its thread is gone.

    An upload whose answer is lost may have worked, so it isn't tried again; one that Slack put off surely hasn't.
    """
    inbound, conversation = to
    with db.transaction() as session:
        requests.prolong(session, _key(kind, inbound, number), now=utc_now() + _UPLOAD)
    try:
        name = f"{kind.stem(number)}.{file.suffix}"
        file_id = gateway.share_file(conversation.thread_channel, name, file.content, thread_ts=conversation.thread_ts)
    except SlackFailed as failure:
        if failure.retry_after_s or failure.code == "ratelimited":
            raise
        log.warning("attachment.unshared", kind=kind.word, inbound_id=inbound.id, code=failure.code)
        if failure.is_about_gone_message:
            return ""
        is_forbidden = failure.code == "missing_scope"
        return "the app lacks the scope files:write" if is_forbidden else "Slack did not confirm that it took it"
    _remember(inbound, number, file_id)
    log.info("attachment.shared", kind=kind.word, inbound_id=inbound.id, number=number)
    return None


def _remember(inbound: Inbound, number: int, file_id: str) -> None:
    """Keep with a text which file at Slack came with it, so that it goes with its sender, who may be gone already."""
    if not file_id:
        return
    with db.transaction() as session:
        found = session.get(Inbound, inbound.id, with_for_update=True)
        if found is None or len(found.media) < number:
            outbox.record(session, FileErased(file_id), now=utc_now())
            return
        before, part, after = found.media[: number - 1], found.media[number - 1], found.media[number:]
        found.media = [*before, {**part, "file": file_id}, *after]


def _finish(kind: Kind, inbound: Inbound, conversation: Conversation, number: int, why: str | None) -> None:
    with db.transaction() as session:
        if why is None:
            kind.when_shared(session, inbound)
        elif why:
            log.warning("attachment.unseen", kind=kind.word, inbound_id=inbound.id, number=number, why=why)
            told = kind.unseen(number, why, inbound)
            event = StaffTold(conversation.thread_channel, told, conversation.thread_ts)
            outbox.record(session, event, now=utc_now())
