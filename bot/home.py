"""The Home tab: it is drawn by the workers, once somebody has opened it."""

from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App

from core import db, outbox
from core.clock import utc_now
from core.domain.events import HomeOpened
from core.models import Staff
from core.slack.gateway import Gateway


def register(app: App, gateway: Gateway) -> None:
    """Listen for people who open the Home tab."""
    app.event("app_home_opened")(_opened)


def _opened(ack: Ack, event: Mapping[str, Any], staff: Staff) -> None:
    if event.get("tab", "home") == "home":
        with db.transaction() as session:
            outbox.record(session, HomeOpened(staff.slack_user_id), now=utc_now())
    ack()
