"""The actor that has the assistant draft an answer; nothing waits for it, and nothing it writes is sent by itself."""

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
    """Have one draft written; a failure is recorded with it, and staff write by themselves."""
    config, wanted = settings.current(), UUID(draft_id)
    with db.reading() as session:
        told = drafts.messages(session, wanted, organization=config.organization_name, now=utc_now())
    if told is None:
        return
    body, error = "", ""
    try:
        body = assistant.complete(config, told)[: config.message_max_length]
    except NoDraft as why:
        error = str(why)
        log.warning("draft.failed", draft_id=draft_id, error=error)
    with db.transaction() as session:
        drafts.record(session, wanted, model=config.assistant_model, body=body, error=error, now=utc_now())
