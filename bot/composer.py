"""The composer: opened, measured as somebody types, and sent to review."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from slack_bolt import Ack, App
from sqlmodel import Session

from bot.refusals import field_of
from core import db
from core.clock import utc_now
from core.errors import Invalid
from core.models import Blast, Staff
from core.slack import blocks
from core.slack.blocks import Block
from core.slack.gateway import Gateway
from core.slack.views import card, composer
from core.slack.views.composer import Form
from core.usecases import choices, composing, requests
from core.usecases.choices import Choice

log = structlog.get_logger()


def register(app: App, gateway: Gateway) -> None:
    """Listen to everything in the composer, and to the buttons that open it."""
    app.action(composer.OPEN)(partial(_compose, gateway=gateway))
    app.action(card.action_id("edit"))(partial(_edit, gateway=gateway))
    for action_id in composer.INPUTS:
        app.action(action_id, matchers=[_is_composer])(partial(_measure, gateway=gateway))
    for action_id in (composer.AUDIENCES, composer.EXCLUDED):
        app.options(action_id)(_suggest)
    app.action(composer.FIX)(partial(_fix, gateway=gateway))
    app.view(composer.CALLBACK)(_submit)


def open_with(form: Form, trigger_id: str, gateway: Gateway) -> None:
    """Open the composer for somebody, filled in as far as `form` is."""
    with db.reading() as session:
        if not choices.count(session):
            raise Invalid("There is no audience yet. Import one: `/blast import`.")
        view = _draw(session, form)
    gateway.open_view(trigger_id, view)


def _is_composer(body: Mapping[str, Any]) -> bool:
    return bool((body.get("view") or {}).get("callback_id") == composer.CALLBACK)


def _compose(ack: Ack, body: Mapping[str, Any], gateway: Gateway) -> None:
    open_with(Form(), body["trigger_id"], gateway)
    ack()


def _edit(ack: Ack, action: Mapping[str, Any], body: Mapping[str, Any], staff: Staff, gateway: Gateway) -> None:
    button = card.read(action)
    with db.reading() as session:
        blast = composing.editable(session, button.blast_id, by=staff, seen=button.revision)
        form = composer.form_of(blast, composing.content_of(session, blast))
    open_with(form, body["trigger_id"], gateway)
    ack()


def _measure(ack: Ack, body: Mapping[str, Any], gateway: Gateway) -> None:
    view = body["view"]
    _redraw(view, composer.read(view), gateway)
    ack()


def _fix(ack: Ack, body: Mapping[str, Any], gateway: Gateway) -> None:
    view = body["view"]
    _redraw(view, composer.read(view).with_fixed_body(), gateway)
    ack()


def _redraw(view: Mapping[str, Any], form: Form, gateway: Gateway) -> None:
    with db.reading() as session:
        drawn = _draw(session, form)
    gateway.update_view(view["id"], drawn, seen_hash=view.get("hash"))


def _suggest(ack: Ack, payload: Mapping[str, Any]) -> None:
    with db.reading() as session:
        found = choices.offered(session, typed=str(payload.get("value") or ""))
    ack(options=composer.options(found))


def _submit(ack: Ack, view: Mapping[str, Any], staff: Staff) -> None:
    form, now = composer.read(view), utc_now()
    with db.reading() as session:
        preview, found = composing.check(session, form.content(), now=now)
    faults = found | form.faults()
    if faults:
        ack(response_action="errors", errors=_beside_inputs(faults, view))
        return
    with db.transaction() as session:
        if requests.is_first(session, view["id"], now=now):
            blast = _save(session, form, staff)
            composing.submit(session, blast.id, by=staff, now=now, found=preview)
            log.info("blast.submitted", blast_id=str(blast.id))
    ack()


def _save(session: Session, form: Form, staff: Staff) -> Blast:
    now = utc_now()
    if form.blast_id is None:
        return composing.draft(session, form.content(), by=staff, now=now)
    return composing.edit(session, form.blast_id, form.content(), by=staff, seen_revision=form.revision, now=now)


def _beside_inputs(faults: Mapping[str, str], view: Mapping[str, Any]) -> dict[str, str]:
    """Key the faults by the inputs that the modal has; what belongs to none goes beside the time."""
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    shown: dict[str, str] = {}
    for field, sentence in faults.items():
        place = field_of(field, inputs) or field_of(composer.WHEN, inputs) or inputs[0]
        shown[place] = f"{shown[place]} {sentence}" if place in shown else sentence
    return shown


def _draw(session: Session, form: Form) -> Block:
    """Draw the composer with its meter; nothing is complained of before there is something to complain of."""
    now = utc_now()
    preview, faults = composing.check(session, form.content(), now=now)
    known = {fault: sentence for fault, sentence in faults.items() if _is_filled(form, fault)}
    offered: dict[Any, Choice] = {
        choice.id: choice
        for choice in (
            *choices.offered(session, most=blocks.OPTIONS + 1),
            *choices.chosen(session, (*form.audience_ids, *form.excluded_ids)),
        )
    }
    return composer.render(form, list(offered.values()), preview=preview, faults=known, now=now)


def _is_filled(form: Form, field: str) -> bool:
    filled = {"name": False, "audiences": bool(form.audience_ids), "body": bool(form.body.strip()), "send_at": True}
    return filled.get(field, True)
