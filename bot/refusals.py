"""How a refusal reaches whoever asked: beside the field, in the modal, or as a line that only they see."""

from collections.abc import Mapping
from typing import Any

import structlog
from slack_bolt import BoltResponse

from core import db, outbox
from core.clock import utc_now
from core.domain.events import BlastChanged, HomeOpened
from core.errors import IllegalMove, Invalid, NotAllowed, Rejected, Stale
from core.slack import blocks
from core.slack.gateway import Gateway, SlackFailed
from core.slack.views import card

log = structlog.get_logger()

_BUG = (
    "Something went wrong on our side, and nothing was changed. Try again; if it stays so, tell your operator: {ref}."
)


def answer(error: Exception, body: Mapping[str, Any], gateway: Gateway, *, ref: str) -> BoltResponse:
    """Tell the person who asked, in a sentence; a bug is logged, once, under `ref`.

    Slack is answered 200 so that it shows what we say, but for events that failed: those it brings again.
    """
    sentence = _sentence(error, ref)
    if isinstance(error, Stale | IllegalMove):
        _refresh_card(body)
    kind = body.get("type")
    if kind == "view_submission":
        return _in_view(error, sentence, body["view"])
    if "command" in body:
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": blocks.escape(sentence)})
    if kind == "block_suggestion":
        return BoltResponse(status=200, body={"options": []})
    if kind == "event_callback":
        _tell_at_home(error, body["event"])
        return BoltResponse(status=200 if isinstance(error, Rejected) else 500, body="")
    _whisper(sentence, body, gateway, holder=error.holder if isinstance(error, NotAllowed) else None)
    return BoltResponse(status=200, body="")


def _sentence(error: Exception, ref: str) -> str:
    if isinstance(error, Rejected):
        log.info("request.refused", why=type(error).__name__)
        return error.sentence
    log.error("request.failed", ref=ref, exc_info=error)
    return _BUG.format(ref=ref)


def _in_view(error: Exception, sentence: str, view: Mapping[str, Any]) -> BoltResponse:
    """Show the sentence beside the field that it is about, else beside the first; without any, in place of the view."""
    inputs = [block["block_id"] for block in view.get("blocks", []) if block.get("type") == "input"]
    field = field_of(error.field or "", inputs) if isinstance(error, Invalid) else None
    if inputs:
        errors = {field or inputs[0]: sentence}
        return BoltResponse(status=200, body={"response_action": "errors", "errors": errors})
    return BoltResponse(status=200, body={"response_action": "update", "view": notice(sentence)})


def field_of(field: str, inputs: list[str]) -> str | None:
    """Return the block_id of a field among those there are; one that we had to rename is still found."""
    return next((name for name in inputs if name == field or name.startswith(f"{field}.")), None)


def _tell_at_home(error: Exception, event: Mapping[str, Any]) -> None:
    """Let somebody who may not use Blast read so where they look for it."""
    if isinstance(error, Rejected) and event.get("type") == "app_home_opened" and event.get("user"):
        with db.transaction() as session:
            outbox.record(session, HomeOpened(event["user"], error.sentence), now=utc_now())


def _whisper(sentence: str, body: Mapping[str, Any], gateway: Gateway, *, holder: str | None) -> None:
    container, user = body.get("container") or {}, body["user"]["id"]
    # A thread's first message names its thread in itself only. Slack shows nothing in a thread that has no replies.
    thread_ts = container.get("thread_ts") or (body.get("message") or {}).get("thread_ts")
    try:
        if container.get("channel_id"):
            named = f" {blocks.person(holder)} has it." if holder else ""
            gateway.ephemeral(container["channel_id"], user, blocks.escape(sentence) + named, thread_ts=thread_ts)
        elif "trigger_id" not in body:
            log.warning("refusal.untold", code="no_trigger")
        elif container.get("type") == "view" and (body.get("view") or {}).get("type") == "modal":
            gateway.push_view(body["trigger_id"], notice(sentence))
        else:
            gateway.open_view(body["trigger_id"], notice(sentence))
    except SlackFailed as failure:
        log.warning("refusal.untold", code=failure.code)


def notice(sentence: str) -> blocks.Block:
    """Draw a modal that holds nothing but a sentence."""
    return blocks.modal("blast.notice", "Blast", [blocks.section(blocks.escape(sentence))])


def _refresh_card(body: Mapping[str, Any]) -> None:
    """Have the card drawn again that showed what isn't so any more."""
    actions = body.get("actions") or [{}]
    try:
        button = card.read(actions[0])
    except Rejected:
        return
    with db.transaction() as session:
        outbox.record(session, BlastChanged(button.blast_id), now=utc_now())
