"""Every event is told in the end, once; and a card is drawn again only when it looks different."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, outbox
from core.clock import utc_now
from core.domain.events import BlastExpired, BlastSubmitted, StaffTold
from core.domain.lifecycles import BlastStatus
from core.models import Blast, OutboxEvent
from core.slack.gateway import Gateway, SlackFailed
from tests import factories
from workers import updates


class Slack(Gateway):
    """Slack as far as events are told to it: it keeps what it was given, or fails as it is told to."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, str]] = []
        self.updated: list[str] = []
        self.failures: list[Exception] = []

    def post(self, channel: str, text: str, **_: Any) -> tuple[str, str]:
        self._fail()
        self.posted.append((channel, text))
        return channel, f"1.{len(self.posted)}"

    def update(self, channel: str, ts: str, text: str, **_: Any) -> None:
        self._fail()
        self.updated.append(text)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def slack(in_a_worker: pytest.MonkeyPatch) -> Slack:
    in_a_worker.setenv("SLACK_APPROVALS_CHANNEL", "C0APPROVALS")
    found = Slack()
    in_a_worker.setattr(updates, "gateway", lambda: found)
    return found


def record(event: Any) -> int:
    with db.transaction() as session:
        outbox.record(session, event, now=utc_now())
        session.flush()
        return session.scalars(sa.select(sa.func.max(col(OutboxEvent.id)))).one() or 0


def event(outbox_id: int) -> OutboxEvent:
    with db.reading() as session:
        return session.get_one(OutboxEvent, outbox_id)


def make_blast(**values: Any) -> Blast:
    with db.transaction() as session:
        return factories.blast(session, [factories.audience(session)], **values)


def saved(blast: Blast) -> Blast:
    with db.reading() as session:
        return session.get_one(Blast, blast.id)


def test_what_was_told_is_not_told_again(slack: Slack) -> None:
    outbox_id = record(StaffTold("U1", "Hi"))
    for _ in range(2):
        updates.tell.fn(outbox_id)
    assert slack.posted == [("U1", "Hi")]
    assert event(outbox_id).done_at is not None


@pytest.mark.parametrize(
    ("failure", "least_s", "most_s"),
    [
        (SlackFailed("chat.postMessage", "ratelimited", retry_after_s=37), 36, 38),
        (SlackFailed("chat.postMessage", "TimeoutError"), 1, 3),
        (SlackFailed("chat.postMessage", "not_in_channel"), 59, 61),
        (RuntimeError("a bug"), 1, 3),
    ],
)
def test_what_failed_keeps_its_error_and_is_due_again(
    slack: Slack, failure: Exception, least_s: int, most_s: int
) -> None:
    outbox_id = record(StaffTold("U1", "Hi"))
    slack.failures = [failure]
    began = utc_now()
    updates.tell.fn(outbox_id)
    kept = event(outbox_id)
    assert (kept.done_at, kept.attempts) == (None, 1)
    assert kept.error
    # However long the machine took over it: not before the wait from when it began, nor after it from now.
    assert began + timedelta(seconds=least_s) < kept.due_at < utc_now() + timedelta(seconds=most_s)
    updates.tell.fn(outbox_id)
    assert event(outbox_id).done_at is not None


def test_an_event_that_nobody_tells_of_is_done(slack: Slack) -> None:
    with db.transaction() as session:
        session.add(OutboxEvent(name="nobody.cares", payload={}, created_at=utc_now(), due_at=utc_now()))
    updates.tell.fn(1)
    assert event(1).done_at is not None


def test_a_submitted_blast_gets_its_card_once(slack: Slack) -> None:
    blast = make_blast(status=BlastStatus.IN_REVIEW)
    updates.tell.fn(record(BlastSubmitted(blast.id)))
    assert [channel for channel, _ in slack.posted] == ["C0APPROVALS"]
    assert saved(blast).card_ts == "1.1"
    updates.tell.fn(record(BlastSubmitted(blast.id)))
    assert len(slack.updated) == 1
    assert "to review again" in slack.posted[-1][1]


def test_a_card_is_drawn_again_only_when_it_looks_different(slack: Slack) -> None:
    blast = make_blast(status=BlastStatus.SENDING, card_channel="C0APPROVALS", card_ts="1.0")
    for _ in range(3):
        updates.refresh_card.fn(str(blast.id))
    assert len(slack.updated) == 1
    with db.transaction() as session:
        factories.delivery(session, 1, blast_id=blast.id)
    updates.refresh_card.fn(str(blast.id))
    assert len(slack.updated) == 2


def test_a_card_that_slack_did_not_take_is_drawn_again(slack: Slack) -> None:
    blast = make_blast(status=BlastStatus.SENDING, card_channel="C0APPROVALS", card_ts="1.0")
    slack.failures = [SlackFailed("chat.update", "ratelimited", retry_after_s=3)]
    for _ in range(2):
        updates.refresh_card.fn(str(blast.id))
    assert len(slack.updated) == 1


def test_a_card_that_is_gone_from_slack_is_posted_anew(slack: Slack) -> None:
    blast = make_blast(status=BlastStatus.SENDING, card_channel="C0APPROVALS", card_ts="0.1")
    slack.failures.append(SlackFailed("chat.update", "message_not_found"))
    updates.refresh_card.fn(str(blast.id))
    assert [channel for channel, _ in slack.posted] == ["C0APPROVALS"]
    assert saved(blast).card_ts == "1.1"
    updates.refresh_card.fn(str(blast.id))
    assert (len(slack.posted), slack.updated) == (1, [])


def test_the_card_of_a_blast_that_is_over_stays_gone(slack: Slack) -> None:
    blast = make_blast(status=BlastStatus.FINISHED, card_channel="C0APPROVALS", card_ts="0.1")
    slack.failures.append(SlackFailed("chat.update", "message_not_found"))
    for _ in range(2):
        updates.refresh_card.fn(str(blast.id))
    assert (slack.posted, slack.updated) == ([], [])


def test_a_failing_message_does_not_repeat_the_others(slack: Slack) -> None:
    blast = make_blast(status=BlastStatus.EXPIRED, card_channel="C0APPROVALS", card_ts="1.0")
    updates.tell.fn(record(BlastExpired(blast.id)))
    with db.reading() as session:
        (told,) = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "staff.told")).all()
    slack.failures = [SlackFailed("chat.postMessage", "fatal_error")]
    for _ in range(2):
        updates.tell.fn(told.id or 0)
    assert len(slack.updated) == 1
    assert [channel for channel, _ in slack.posted] == ["U0ORGANIZER"]
