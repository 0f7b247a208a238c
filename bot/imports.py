"""CSV in a modal: who is in the file goes into an audience; the work is the workers', and its outcome is told later."""

from collections.abc import Mapping
from typing import Any

import structlog
from slack_bolt import Ack, App

from core import db, outbox
from core.clock import utc_now
from core.domain.events import ImportRequested
from core.models import Staff
from core.slack.gateway import Gateway
from core.slack.views import imports
from core.usecases import audiences

log = structlog.get_logger()


def register(app: App, gateway: Gateway) -> None:
    """Listen to the modal."""
    app.view(imports.CALLBACK)(_submit)


def open_modal(trigger_id: str, gateway: Gateway) -> None:
    """Open the modal for somebody."""
    gateway.open_view(trigger_id, imports.render())


def _submit(ack: Ack, view: Mapping[str, Any], staff: Staff) -> None:
    upload = imports.read(view)
    # A large file takes longer than Slack waits, so only what can be told at once is refused here.
    with db.transaction() as session:
        audiences.refuse_mixing(session, upload.audience, upload.kind)
        event = ImportRequested(upload.file_id, upload.audience, upload.kind.value, staff.id, staff.slack_user_id)
        outbox.record(session, event, now=utc_now())
    log.info("import.requested", file_id=upload.file_id, staff_id=str(staff.id))
    ack(response_action="update", view=imports.accepted(upload))
