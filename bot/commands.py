"""/blast and its subcommands: each answers with a line or a list that only who asked sees."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from slack_bolt import Ack, App

from bot import composer, imports, when, words
from bot.people import Person
from bot.words import Shorthand, Verb
from core import db
from core.clock import utc_now
from core.errors import Invalid
from core.models import Role, Staff
from core.slack import blocks
from core.slack.gateway import Gateway
from core.slack.views import card, home, story, thread
from core.slack.views.composer import Form
from core.usecases import approval, backfill, cards, choices, inbox, lifting, staffing, tracing

log = structlog.get_logger()

_NAME_LENGTH = 50
_ACTIONS = {
    "pause": (approval.pause, "is paused"),
    "resume": (approval.resume, "goes on"),
    "cancel": (approval.cancel, "is cancelled"),
    "stop": (approval.cancel, "is cancelled"),
}


def register(app: App, gateway: Gateway) -> None:
    """Listen to the command."""
    app.command("/blast")(partial(_blast, gateway=gateway))


def _blast(ack: Ack, command: Mapping[str, Any], staff: Staff, person: Person, gateway: Gateway) -> None:
    asked = words.parse(command.get("text") or "")
    if isinstance(asked, Shorthand):
        composer.open_with(_form(asked, person), command["trigger_id"], gateway)
        ack()
    elif not asked.name or asked.name == "compose":
        composer.open_with(Form(), command["trigger_id"], gateway)
        ack()
    elif asked.name == "import":
        imports.open_modal(command["trigger_id"], gateway)
        ack()
    else:
        ack(response_type="ephemeral", **_answer(asked, staff))


def _form(asked: Shorthand, person: Person) -> Form:
    send_at = when.parse(asked.at, tz=person.tz, now=utc_now()) if asked.at else None
    with db.reading() as session:
        chosen = choices.named(session, asked.audiences)
        excluded = choices.named(session, asked.excluded)
    return Form(
        name=blocks.cut(" ".join(asked.text.split()), _NAME_LENGTH),
        audience_ids=tuple(choice.id for choice in chosen),
        excluded_ids=tuple(choice.id for choice in excluded),
        body=asked.text,
        is_later=send_at is not None,
        send_at=send_at,
    )


def _answer(asked: Verb, staff: Staff) -> dict[str, Any]:
    if asked.name in _ACTIONS:
        return _line(_act(asked, staff))
    if asked.name in _ORDERS:
        return _ORDERS[asked.name](asked.rest, staff)
    answer = _ANSWERS.get(asked.name)
    if answer is None:
        raise Invalid(f"I don't know “{asked.name[:40]}”. `/blast help` lists what I can do.")
    return answer(asked.rest)


def _act(asked: Verb, staff: Staff) -> str:
    decide, outcome = _ACTIONS[asked.name]
    with db.transaction() as session:
        blast = cards.find(session, asked.rest)
        decide(session, blast.id, by=staff, seen=blast.revision, now=utc_now())
    log.info("blast.commanded", verb=asked.name, blast_id=str(blast.id), staff_id=str(staff.id))
    return f"*{blocks.escape(blast.name)}* {outcome}."


def _list(rest: str) -> dict[str, Any]:
    with db.reading() as session:
        running, recent = cards.listed(session, is_over=False, most=20), cards.listed(session, is_over=True, most=5)
    if not running and not recent:
        return _line("There is no blast yet. `/blast` composes one.")
    drawn = [*home.listing(running), *([blocks.context("Lately")] if recent else []), *home.listing(recent)]
    return {"text": f"Going on: {len(running)}", "blocks": drawn}


def _status(rest: str) -> dict[str, Any]:
    now = utc_now()
    with db.reading() as session:
        drawn = card.render(cards.facts(session, cards.find(session, rest).id, now=now), now)
    # Buttons belong to the card in the approvals channel, where others see what was pressed.
    return {"text": drawn.text, "blocks": [block for block in drawn.blocks if block["type"] != "actions"]}


def _audiences(rest: str) -> dict[str, Any]:
    with db.reading() as session:
        found = choices.offered(session, typed=rest)
    if not found:
        return _line("There is no such audience. `/blast import` makes one.")
    lines = [
        f"• *{blocks.escape(choice.name)}* ({choice.kind.value}): {blocks.counted(choice.count, 'contact')}"
        for choice in found
    ]
    return {"text": f"{len(found)} audiences", "blocks": blocks.paragraphs(lines)}


def _lift(rest: str, staff: Staff) -> dict[str, Any]:
    staffing.require(staff, Role.APPROVER)
    if not rest:
        raise Invalid("Say whose phone or e-mail: `/blast lift 212 555 0123`.")
    with db.transaction() as session:
        found = lifting.lift(session, tracing.parse(rest), by=staff, now=utc_now())
    log.info("suppression.lifted", staff_id=str(staff.id))
    told = story.lifted(found)
    return {"text": told[0], "blocks": blocks.paragraphs(told)}


def _why(rest: str) -> dict[str, Any]:
    if not rest:
        raise Invalid("Say whose phone or e-mail: `/blast why 212 555 0123`.")
    with db.reading() as session:
        told = story.render(tracing.why(session, rest))
    return {"text": told[0], "blocks": blocks.paragraphs(told)}


def _inbox(rest: str) -> dict[str, Any]:
    with db.reading() as session:
        waiting = inbox.listed(session)
    if not waiting:
        return _line("Nobody waits for an answer.")
    lines = thread.listing(waiting)
    return {"text": f"{len(waiting)} open conversations", "blocks": blocks.paragraphs(lines)}


def _help(rest: str) -> dict[str, Any]:
    return {"text": "What /blast can do", "blocks": [blocks.section(home.help_text())]}


def _backfill(rest: str, staff: Staff) -> dict[str, Any]:
    staffing.require(staff, Role.ADMIN)
    with db.transaction() as session:
        backfill.request(session, rest, by=staff, now=utc_now())
    return _line("I go through the history now, and tell you what came of it. Nothing is sent to anybody.")


def _line(text: str) -> dict[str, Any]:
    return {"text": text}


_ANSWERS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "list": _list,
    "status": _status,
    "audiences": _audiences,
    "why": _why,
    "inbox": _inbox,
    "help": _help,
}
# What only some of the staff may have done.
_ORDERS: Mapping[str, Callable[[str, Staff], dict[str, Any]]] = {"backfill": _backfill, "lift": _lift}
