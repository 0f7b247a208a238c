"""What members say into our number's answering machine: heard in their threads, then deleted where Twilio keeps it."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog
from sqlmodel import Session

from core import db, outbox, settings
from core.channels import media
from core.channels.media import NoFile
from core.clock import utc_now
from core.domain.events import CallEnded, RecordingUnwanted, VoiceReceived
from core.models import Inbound
from core.slack.gateway import Gateway, SlackFailed
from core.slack.views import attached, thread
from core.usecases import voice
from workers import sharing
from workers.sharing import Kind

log = structlog.get_logger()


def _forget(session: Session, inbound: Inbound) -> None:
    """Have what staff can hear now deleted at Twilio, in a transaction of its own."""
    outbox.record(session, RecordingUnwanted(inbound.provider_sid), now=utc_now())


def _unheard(number: int, why: str, inbound: Inbound) -> str:
    return attached.unheard(number, why, inbound, trusted_host=settings.current().media_host)


RECORDINGS = Kind(
    word="recording",
    event=VoiceReceived,
    is_it=attached.is_recording,
    fetch=media.fetch_recording,
    stem=lambda number: "voice-message",
    unseen=_unheard,
    when_shared=_forget,
)


def _unwanted(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Delete a recording at Twilio; until that has worked it comes again."""
    try:
        media.delete_recording(settings.current(), payload["recording_sid"])
    except NoFile as why:
        raise SlackFailed("recording", str(why)) from None
    log.info("recording.deleted", recording_sid=payload["recording_sid"])


def _call_ended(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Say in their thread that somebody called, if no message came of it meanwhile."""
    with db.reading() as session:
        conversation = voice.without_message(session, payload["call_sid"])
    if conversation is not None and conversation.thread_ts:
        drawn = thread.render_step("They called, and left no message.", by=None)
        channel, ts = conversation.thread_channel, conversation.thread_ts
        gateway.post(channel, drawn.text, blocks=drawn.blocks, thread_ts=ts)


TELLERS: Mapping[str, Callable[[Gateway, Mapping[str, Any]], None]] = MappingProxyType(
    {
        VoiceReceived.name: partial(sharing.share, RECORDINGS),
        RecordingUnwanted.name: _unwanted,
        CallEnded.name: _call_ended,
    }
)
