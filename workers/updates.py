"""Telling people in Slack what has happened: each event once, again until it is told; and cards kept up to date."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import dramatiq
import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

from core import db, outbox, settings
from core.clock import utc_now
from core.domain.events import StaffTold
from core.domain.lifecycles import OVER
from core.errors import NotFound
from core.models import Blast, OutboxEvent, Staff
from core.slack import blocks
from core.slack.gateway import Gateway, SlackFailed, web_client
from core.slack.views import card, home, outcome
from core.slack.views.card import Card
from core.usecases import cards, staffing
from core.usecases.cards import Facts
from workers import backfilling, imports, pictures, recordings, threads
from workers.broker import UPDATES

log = structlog.get_logger()

Teller = Callable[[Gateway, Mapping[str, Any]], None]

_FIRST_RETRY_S = 2
_LONGEST_RETRY_S = 300
# A channel that the bot isn't in, a revoked token: somebody must act first, and hurry changes nothing.
_LASTING_RETRY_S = 60


@dramatiq.actor(queue_name=UPDATES)
def tell(outbox_id: int) -> None:
    """Tell whom an event concerns; a failure is kept with it, and it is due again later."""
    with db.reading() as session:
        event = session.get(OutboxEvent, outbox_id)
    if event is None or event.done_at is not None:
        return
    teller = TELLERS.get(event.name)
    if teller is not None:
        try:
            teller(gateway(), event.payload)
        except SlackFailed as failure:
            _postpone(event, str(failure), _wait_s(failure, event.attempts))
            return
        except Exception as failure:
            # Whatever a bug does, the other events go on; this one keeps its error and is tried again.
            _postpone(event, type(failure).__name__, _backoff_s(event.attempts))
            log.exception("event.failed", outbox_id=outbox_id, name=event.name)
            return
    with db.transaction() as session:
        session.execute(sa.update(OutboxEvent).where(col(OutboxEvent.id) == outbox_id).values(done_at=utc_now()))


@dramatiq.actor(queue_name=UPDATES)
def refresh_card(blast_id: str) -> None:
    """Bring a blast's card up to date, if it isn't."""
    try:
        _show(gateway(), UUID(blast_id), is_forced=False)
    except SlackFailed as failure:
        # The clock asks again within seconds.
        log.warning("card.late", blast_id=blast_id, code=failure.code)
    except NotFound:
        log.info("card.gone", blast_id=blast_id)


@lru_cache(maxsize=1)
def gateway() -> Gateway:
    """Return this process's way to Slack."""
    chosen = settings.current()
    return Gateway(web_client(chosen.slack_bot_token, chosen.slack_api_url))


def _submitted(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Post the card where approvers see it; one that was sent back and comes again is announced in its thread."""
    blast_id = UUID(payload["blast_id"])
    facts, drawn = _drawn(blast_id)
    if facts.blast.card_ts:
        _show(gateway, blast_id, is_forced=True)
        with db.reading() as session:
            by = session.get(Staff, UUID(payload["by"])) if payload.get("by") else None
        who = blocks.person(by.slack_user_id if by else facts.author)
        text = f"{who} has sent it to review again (revision {facts.blast.revision})."
        gateway.post(facts.blast.card_channel, text, thread_ts=facts.blast.card_ts, reply_broadcast=True)
        return
    _post(gateway, blast_id, drawn)


def _changed(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    _show(gateway, UUID(payload["blast_id"]), is_forced=True)


def _sent_back(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Tell the author what should be changed."""
    facts = _show(gateway, UUID(payload["blast_id"]), is_forced=True)
    with db.transaction() as session:
        by = session.get(Staff, UUID(payload["by"])) if payload.get("by") else None
        who = blocks.person(by.slack_user_id) if by else "Somebody"
        note = blocks.escape(payload.get("note") or "")
        _say(session, facts, facts.author, f"{who} asks for changes to {_name(facts)}: {note}\nPress Edit on its card.")


def _finished(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Report how it went, in the card's thread and to its author."""
    facts = _show(gateway, UUID(payload["blast_id"]), is_forced=True)
    report = outcome.report(facts)
    with db.transaction() as session:
        if facts.blast.card_ts:
            _say(session, facts, facts.blast.card_channel, report, thread_ts=facts.blast.card_ts)
        _say(session, facts, facts.author, f"{_name(facts)} is finished.\n{report}")


def _expired(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Tell the author that nothing was sent."""
    facts = _show(gateway, UUID(payload["blast_id"]), is_forced=True)
    text = (
        f"{_name(facts)} expired: it was found more than {settings.current().scheduled_message_max_lag:,} minutes "
        "after its time, so nothing was sent. Compose it again with a new time."
    )
    with db.transaction() as session:
        _say(session, facts, facts.author, text)


def _home_opened(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    user, refusal = payload["slack_user_id"], payload.get("refusal")
    if refusal:
        gateway.publish_home(user, home.refusal(refusal))
        return
    with db.reading() as session:
        is_staff = staffing.find(session, user) is not None
        running, recent = cards.listed(session, is_over=False), cards.listed(session, is_over=True)
    if is_staff:
        gateway.publish_home(user, home.render(running, recent))


def _told(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    gateway.post(payload["channel"], payload["text"], thread_ts=payload.get("thread_ts"))


TELLERS: Mapping[str, Teller] = {
    "blast.submitted": _submitted,
    "blast.approved": _changed,
    "blast.changes_requested": _sent_back,
    "blast.changed": _changed,
    "blast.started": _changed,
    "blast.cancelled": _changed,
    "blast.finished": _finished,
    "blast.expired": _expired,
    "home.opened": _home_opened,
    "staff.told": _told,
    **threads.TELLERS,
    **pictures.TELLERS,
    **recordings.TELLERS,
    **imports.TELLERS,
    **backfilling.TELLERS,
}


def _show(gateway: Gateway, blast_id: UUID, *, is_forced: bool) -> Facts:
    """Draw a blast's card again, if it has one; unless forced, only when it would look different."""
    facts, drawn = _drawn(blast_id)
    blast, digest = facts.blast, _digest(drawn)
    if blast.card_ts and (is_forced or digest != blast.card_digest):
        try:
            gateway.update(blast.card_channel, blast.card_ts, drawn.text, blocks=drawn.blocks)
        except SlackFailed as failure:
            if not failure.is_about_gone_message:
                raise
            _replace(gateway, blast, drawn)
            return _drawn(blast_id)[0]
        with db.transaction() as session:
            session.execute(sa.update(Blast).where(col(Blast.id) == blast_id).values(card_digest=digest))
    return facts


def _replace(gateway: Gateway, blast: Blast, drawn: Card) -> None:
    """Post a card anew that somebody has deleted: a blast that isn't over must stay in reach of its buttons."""
    log.warning("card.gone", blast_id=str(blast.id))
    if blast.status not in OVER:
        _post(gateway, blast.id, drawn)
        return
    with db.transaction() as session:
        session.execute(sa.update(Blast).where(col(Blast.id) == blast.id).values(card_ts=""))


def _post(gateway: Gateway, blast_id: UUID, drawn: Card) -> None:
    channel, ts = gateway.post(settings.current().slack_approvals_channel, drawn.text, blocks=drawn.blocks)
    with db.transaction() as session:
        session.execute(
            sa.update(Blast)
            .where(col(Blast.id) == blast_id)
            .values(card_channel=channel, card_ts=ts, card_digest=_digest(drawn))
        )


def _drawn(blast_id: UUID) -> tuple[Facts, Card]:
    now = utc_now()
    with db.reading() as session:
        facts = cards.facts(session, blast_id, now=now)
    return facts, card.render(facts, now)


def _say(session: Session, facts: Facts, channel: str, text: str, *, thread_ts: str | None = None) -> None:
    """Have something said by an event of its own, so that a failure of one message doesn't repeat the others."""
    outbox.record(session, StaffTold(channel, text, thread_ts), now=utc_now())


def _name(facts: Facts) -> str:
    return f"*{blocks.escape(facts.blast.name)}*"


def _digest(drawn: Card) -> str:
    return hashlib.sha256(json.dumps(drawn).encode()).hexdigest()


def _postpone(event: OutboxEvent, error: str, wait_s: int) -> None:
    log.warning("event.postponed", outbox_id=event.id, name=event.name, attempts=event.attempts + 1, wait_s=wait_s)
    with db.transaction() as session:
        session.execute(
            sa.update(OutboxEvent)
            .where(col(OutboxEvent.id) == event.id)
            .values(error=error[:500], attempts=event.attempts + 1, due_at=utc_now() + timedelta(seconds=wait_s))
        )


def _wait_s(failure: SlackFailed, attempts: int) -> int:
    if failure.retry_after_s:
        return failure.retry_after_s
    return max(_LASTING_RETRY_S, _backoff_s(attempts)) if failure.is_lasting else _backoff_s(attempts)


def _backoff_s(attempts: int) -> int:
    return int(min(_FIRST_RETRY_S * 2 ** min(attempts, 10), _LONGEST_RETRY_S))
