"""Putting the pictures that members send where staff see them: each once, after its text, and nothing waits for it."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog
from sqlmodel import Session

from core import db, outbox, settings
from core.channels import media
from core.channels.media import NoPicture, Picture
from core.clock import utc_now
from core.domain.events import PictureReceived, StaffTold
from core.models import Conversation, Inbound
from core.slack.gateway import Gateway, SlackFailed
from core.slack.views import thread
from core.usecases import requests
from workers.once import once

log = structlog.get_logger()

# A slow provider may hold two of a worker's threads for some seconds; the others tell what is more urgent.
_AT_ONCE = threading.BoundedSemaphore(2)
_GIVEN_UP_AFTER = timedelta(minutes=5)
# Longer than Slack's three calls can take together, so that no other worker begins meanwhile.
_UPLOAD = timedelta(minutes=1)


def expect(inbound: Inbound) -> None:
    """Have the pictures of a text that staff have been told of shown in its thread, each by an event of its own."""
    host = settings.current().media_host
    wanted = [
        number for number, part in enumerate(inbound.media, start=1) if thread.is_picture(part, trusted_host=host)
    ]
    if not wanted or inbound.id is None:
        return
    now = utc_now()
    until = int((now + _GIVEN_UP_AFTER).timestamp())
    with db.transaction() as session:
        for number in wanted:
            outbox.record(session, PictureReceived(inbound.id, number, until), now=now)


def _received(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Put one picture into its thread; where that can't be done, say so there, beside the link that its text has."""
    number = int(payload["number"])
    with db.reading() as session:
        inbound, conversation = _find(session, payload["inbound_id"])
    if inbound is None or conversation is None or not conversation.thread_ts or len(inbound.media) < number:
        log.info("picture.gone", inbound_id=payload["inbound_id"])
        return
    if not _AT_ONCE.acquire(blocking=False):
        raise SlackFailed("picture", "busy")
    key = f"picture:{inbound.id}:{number}"
    try:
        with once(key) as is_new:
            if is_new:
                picture = _fetched(str(inbound.media[number - 1].get("url", "")), until=payload["until"])
                why = picture if isinstance(picture, str) else _unshared(gateway, conversation, number, picture, key)
                _tell(inbound, conversation, number, why)
    finally:
        _AT_ONCE.release()


TELLERS: Mapping[str, Callable[[Gateway, Mapping[str, Any]], None]] = MappingProxyType({"picture.received": _received})


def _find(session: Session, inbound_id: int) -> tuple[Inbound | None, Conversation | None]:
    inbound = session.get(Inbound, inbound_id)
    if inbound is None or inbound.conversation_id is None:
        return inbound, None
    return inbound, session.get(Conversation, inbound.conversation_id)


def _fetched(url: str, *, until: float) -> Picture | str:
    """Return the picture, or why there is none; what may pass is tried again until then."""
    try:
        return media.fetch(settings.current(), url)
    except NoPicture as why:
        if why.is_passing and utc_now().timestamp() < until:
            raise SlackFailed("picture", str(why)) from None
        return str(why)


def _unshared(gateway: Gateway, conversation: Conversation, number: int, picture: Picture, key: str) -> str:
    """Upload a picture; return why it isn't there, nothing if it is, or if its thread is gone.

    An upload whose answer is lost may have worked, so it isn't tried again; one that Slack put off surely hasn't.
    """
    with db.transaction() as session:
        requests.prolong(session, key, now=utc_now() + _UPLOAD)
    try:
        gateway.share_file(
            conversation.thread_channel,
            f"picture-{number}.{picture.suffix}",
            picture.content,
            thread_ts=conversation.thread_ts,
        )
    except SlackFailed as failure:
        if failure.retry_after_s or failure.code == "ratelimited":
            raise
        log.warning("picture.unshared", conversation_id=str(conversation.id), code=failure.code)
        if failure.is_about_gone_message:
            return ""
        is_forbidden = failure.code == "missing_scope"
        return "the app lacks the scope files:write" if is_forbidden else "Slack did not confirm that it took it"
    log.info("picture.shared", conversation_id=str(conversation.id), number=number)
    return ""


def _tell(inbound: Inbound, conversation: Conversation, number: int, why: str) -> None:
    if not why:
        return
    log.warning("picture.unseen", inbound_id=inbound.id, number=number, why=why)
    told = thread.unseen_picture(number, why, of=inbound.received_at)
    with db.transaction() as session:
        event = StaffTold(conversation.thread_channel, told, conversation.thread_ts)
        outbox.record(session, event, now=utc_now())
