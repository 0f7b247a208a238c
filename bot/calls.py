"""Follow-up calls from a conversation's thread: planned in a modal, their number shown to who calls only."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from slack_bolt import Ack, App

from core import db
from core.clock import utc_now
from core.models import Conversation, Staff
from core.slack.gateway import Gateway
from core.slack.views import calls as view_of_calls
from core.slack.views import thread
from core.usecases import calls, conversations, requests, threads

log = structlog.get_logger()


def register(app: App, gateway: Gateway) -> None:
    """Listen to the button that opens the modal, to the modal, and to the button that shows the number."""
    app.action(thread.CALL)(partial(_ask, gateway=gateway))
    app.view(view_of_calls.VIEW)(_plan)
    app.action(view_of_calls.NUMBER)(partial(_show_number, gateway=gateway))


def _ask(ack: Ack, action: Mapping[str, Any], body: Mapping[str, Any], staff: Staff, gateway: Gateway) -> None:
    conversation_id, now = thread.read(action), utc_now()
    with db.reading() as session:
        conversations.require_answerable(session, conversation_id, by=staff, now=now)
        facts = threads.facts(session, conversation_id, now=now)
    gateway.open_view(body["trigger_id"], view_of_calls.ask(facts, caller=staff.slack_user_id, now=now))
    ack()


def _plan(ack: Ack, view: Mapping[str, Any], staff: Staff) -> None:
    conversation_id, wanted = view_of_calls.read(view)
    now = utc_now()
    with db.transaction() as session:
        if requests.is_first(session, view["id"], now=now):
            calls.plan(session, conversation_id, wanted, by=staff, now=now)
    log.info("call.planned", conversation_id=str(conversation_id), staff_id=str(staff.id))
    ack()


def _show_number(ack: Ack, action: Mapping[str, Any], staff: Staff, gateway: Gateway) -> None:
    conversation_id, call_id = view_of_calls.read_button(action)
    with db.transaction() as session:
        number = calls.number(session, conversation_id, call_id, by=staff, now=utc_now())
        found = session.get_one(Conversation, conversation_id)
        channel, ts = found.thread_channel, found.thread_ts
    gateway.ephemeral(channel, staff.slack_user_id, view_of_calls.number(number), thread_ts=ts)
    log.info("call.number_shown", call_id=str(call_id), staff_id=str(staff.id))
    ack()
