"""Servers and processes go away in the middle: nobody is texted twice or after STOP, and nobody is forgotten."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery
from sandbox.story import agreeing, ending, leaving
from sandbox.story.audit import Finding, findings
from sandbox.story.awaiting import until
from sandbox.story.stand_ins import APPROVER
from sandbox.story.story import MARK, Story
from tests import databases
from tests.journeys.house import House

pytestmark = [pytest.mark.journey, pytest.mark.chaos, databases.on_sqlite]

# The shortest that a claim may hold; and how long it takes until the clock has noticed that it ended.
LEASE_SECONDS = 40
NOTICED_SECONDS = 30
_MOVING = ("pending", "claimed", "accepted", "sent")


def test_redis_may_be_away_while_people_approve_and_opt_out(house: House, story: Story) -> None:
    agreeing.compose(story)
    card = story.card_in("Waiting for approval", seconds=15)
    story.blast_id = agreeing.blast_id_of(card)
    house.redis.kill()
    approved = story.stand_ins.press(APPROVER, card, "blast.approve")
    assert approved["status"] == 200, approved
    leaving.stop_in_mid_send(story)
    assert story.terminal.status(story.blast_id)["status"] == "approved"
    assert not story.stand_ins.ledger()["accepted"]
    house.redis.start()
    story.card_in("Finished", seconds=60)
    assert wrong(story) == []
    assert story.terminal.status(story.blast_id)["skipped"] == {"opted_out": 1}


def test_a_worker_killed_in_mid_send_leaves_nobody_texted_twice_and_nobody_forgotten(
    house: House, story: Story
) -> None:
    house.env["CLAIM_LEASE_SECONDS"] = str(LEASE_SECONDS)
    house.restart("worker", "clock")
    story.stand_ins.behave(latency_ms=400)
    agreeing.compose(story)
    agreeing.agree(story)
    until("a third to be texted", lambda: texted(story) >= len(story.crowd.people) // 3, seconds=30)
    house.kill("worker")
    assert story.terminal.status(story.blast_id)["claimed"], "it was killed while it held nothing: nothing is shown"
    let_leases_end(house)
    house.start("worker")
    known = until("everybody's end", lambda: settled(story), seconds=LEASE_SECONDS + NOTICED_SECONDS, step_s=3)
    texts = [text["to"] for text in story.stand_ins.texts() if MARK in text["body"]]
    assert len(texts) == len(set(texts))
    gone = known["delivered"] + known["undelivered"] + known["failed"]
    assert gone == len(texts), known
    assert gone + known["refused"] + known["unknown"] + sum(known["skipped"].values()) == len(story.crowd.people)


def texted(story: Story) -> int:
    taken: int = story.stand_ins.ledger()["accepted"]
    return taken


def let_leases_end(house: House) -> None:
    """Make what the dead worker held as old as a claim may be, rather than wait for it."""
    engine = db.connect(house.env["DATABASE_URL"])
    held = sa.update(Delivery).where(col(Delivery.status) == DeliveryStatus.CLAIMED)
    with db.transaction(engine) as session:
        session.execute(held.values(claimed_at=utc_now() - timedelta(seconds=LEASE_SECONDS)))
    engine.dispose()


def settled(story: Story) -> dict[str, Any] | None:
    """Return what the database says, once nothing moves any more."""
    known = story.terminal.status(story.blast_id)
    return None if any(known[state] for state in _MOVING) else known


def wrong(story: Story) -> list[Finding]:
    return [finding for finding in findings(ending.figures(story)) if not finding.is_right]
