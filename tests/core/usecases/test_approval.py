"""Two people agree, on exactly this content; and of all who press at once, one moves the blast."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db, settings
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.errors import IllegalMove, Invalid, NotAllowed, NotFound, Rejected, Stale
from core.models import AuditEntry, Blast, BlastAudience, ChannelName, Membership, OutboxEvent, Role, Staff
from core.usecases import approval, composing, staffing
from core.usecases.composing import Content
from tests import factories
from tests.factories import NOON


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SECOND_APPROVER_ABOVE", "3")
    monkeypatch.setenv("UNDO_SECONDS", "30")
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()


def people(session: Session) -> tuple[Staff, Staff, Staff, Staff]:
    """The author (who could approve others' blasts), two approvers, an organizer."""
    return (
        factories.staff(session, "U0AUTHOR", role=Role.APPROVER),
        factories.staff(session, "U0APPROVER", role=Role.APPROVER),
        factories.staff(session, "U0APPROVER2", role=Role.APPROVER),
        factories.staff(session, "U0ORGANIZER"),
    )


def in_review(session: Session, *, contacts: int = 2, **content: Any) -> Blast:
    """A blast of the author's, sent to review."""
    author = people(session)[0]
    members = [factories.contact(session, number) for number in range(contacts)]
    pool = factories.audience(session, f"pool of {contacts}", members)
    given = {"name": "Rent", "channel": ChannelName.SMS, "body": "Hi.", "audience_ids": (pool.id,)} | content
    blast = composing.draft(session, Content(**given), by=author, now=NOON)
    return composing.submit(session, blast.id, by=author, now=NOON)


def approve(session: Session, blast: Blast, by: Staff) -> Blast:
    return approval.approve(session, blast.id, by=by, seen=blast.revision, now=NOON)


def events(session: Session) -> list[str]:
    return list(session.scalars(sa.select(col(OutboxEvent.name)).order_by(col(OutboxEvent.id))))


def test_an_author_who_is_no_approver_is_told_that_it_is_theirs(session: Session) -> None:
    """Another role would be no help."""
    blast = in_review(session)
    author = session.get_one(Staff, blast.author_id)
    author.role = Role.ORGANIZER
    with pytest.raises(NotAllowed, match="You wrote this"):
        approve(session, blast, author)


def test_an_author_may_not_approve_their_own_blast(session: Session) -> None:
    blast = in_review(session)
    with pytest.raises(NotAllowed, match="You wrote this"):
        approve(session, blast, people(session)[0])


def test_an_admin_who_changed_a_blast_may_not_approve_it_either(session: Session) -> None:
    blast = in_review(session)
    author, approver, _, _ = people(session)
    admin = factories.staff(session, "U0ADMIN", role=Role.ADMIN)
    content = composing.content_of(session, blast)
    composing.edit(session, blast.id, content, by=admin, seen_revision=1, now=NOON)
    composing.submit(session, blast.id, by=author, now=NOON)
    with pytest.raises(NotAllowed, match="You wrote this"):
        approve(session, blast, admin)
    assert approve(session, blast, approver).status is BlastStatus.APPROVED


def test_an_organizer_may_not_approve(session: Session) -> None:
    with pytest.raises(NotAllowed, match="Only approvers"):
        approve(session, in_review(session), people(session)[3])


def test_an_approved_blast_starts_after_the_time_to_undo_it(session: Session) -> None:
    blast = approve(session, in_review(session), people(session)[1])
    assert (blast.status, blast.approved_at) == (BlastStatus.APPROVED, NOON)
    assert blast.starts_at == NOON + timedelta(seconds=30)
    assert events(session) == ["blast.submitted", "blast.approved"]


def test_a_scheduled_one_starts_at_its_time(session: Session) -> None:
    send_at = NOON + timedelta(hours=3)
    assert approve(session, in_review(session, send_at=send_at), people(session)[1]).starts_at == send_at


def test_a_large_blast_takes_two_approvers(session: Session) -> None:
    blast = in_review(session, contacts=4)
    _, first, second, _ = people(session)
    assert approve(session, blast, first).status is BlastStatus.IN_REVIEW
    with pytest.raises(NotAllowed, match="already"):
        approve(session, blast, first)
    assert approve(session, blast, second).status is BlastStatus.APPROVED


def test_who_has_lost_the_role_has_not_approved_any_more(session: Session) -> None:
    blast = in_review(session, contacts=4)
    _, approver, second, _ = people(session)
    third = factories.staff(session, "U0APPROVER3", role=Role.APPROVER)
    approve(session, blast, approver)
    staffing.add(session, approver.slack_user_id, Role.ORGANIZER, now=NOON)
    assert approve(session, blast, second).status is BlastStatus.IN_REVIEW
    assert [staff.id for staff in approval.approvers(session, blast)] == [second.id]
    assert approve(session, blast, third).status is BlastStatus.APPROVED


def test_an_audience_that_grew_since_takes_two_approvers_as_well(session: Session) -> None:
    blast = in_review(session)
    link = session.scalars(sa.select(BlastAudience)).one()
    for number in range(10, 13):
        session.add(
            Membership(audience_id=link.audience_id, contact_id=factories.contact(session, number).id, created_at=NOON)
        )
    session.flush()
    assert approve(session, blast, people(session)[1]).status is BlastStatus.IN_REVIEW


def test_any_change_voids_what_was_approved(session: Session) -> None:
    blast = in_review(session, contacts=4)
    author, first, second, _ = people(session)
    approve(session, blast, first)
    content = Content("Rent", ChannelName.SMS, "Hello.", composing.content_of(session, blast).audience_ids)
    composing.edit(session, blast.id, content, by=author, seen_revision=1, now=NOON)
    composing.submit(session, blast.id, by=author, now=NOON)
    with pytest.raises(Stale):
        approval.approve(session, blast.id, by=second, seen=1, now=NOON)
    assert approve(session, blast, second).status is BlastStatus.IN_REVIEW


def test_content_that_was_changed_behind_our_back_is_not_approved(session: Session) -> None:
    blast = in_review(session)
    session.execute(sa.update(Blast).values(body="Something else."))
    with pytest.raises(Stale):
        approve(session, blast, people(session)[1])


def test_what_is_undone_must_be_approved_anew(session: Session) -> None:
    blast = in_review(session, contacts=4)
    _, first, second, organizer = people(session)
    approve(session, blast, first)
    approve(session, blast, second)
    with pytest.raises(NotAllowed):
        approval.undo(session, blast.id, by=organizer, seen=1, now=NOON)
    undone = approval.undo(session, blast.id, by=first, seen=1, now=NOON)
    assert (undone.status, undone.revision, undone.starts_at) == (BlastStatus.IN_REVIEW, 2, None)
    assert approve(session, undone, first).status is BlastStatus.IN_REVIEW


def test_changes_are_requested_with_a_note_for_the_author(session: Session) -> None:
    blast = in_review(session)
    approver = people(session)[1]
    with pytest.raises(Invalid):
        approval.request_changes(session, blast.id, by=approver, seen=1, now=NOON, note=" ")
    back = approval.request_changes(session, blast.id, by=approver, seen=1, now=NOON, note="Say where.")
    assert (back.status, back.note, back.revision) == (BlastStatus.DRAFT, "Say where.", 2)
    assert events(session)[-1] == "blast.changes_requested"


def test_cancelling_keeps_what_has_not_left_from_leaving(session: Session) -> None:
    blast = factories.blast(session, status=BlastStatus.SENDING)
    pending = factories.delivery(session, 0, blast_id=blast.id)
    sent = factories.delivery(session, 1, blast_id=blast.id, status=DeliveryStatus.SENT)
    approval.cancel(session, blast.id, by=None, seen=1, now=NOON)
    session.expire_all()
    assert [pending.status, sent.status] == [DeliveryStatus.CANCELLED, DeliveryStatus.SENT]


def test_any_staff_may_pause_and_only_who_has_a_stake_may_resume(session: Session) -> None:
    author, approver, _, organizer = people(session)
    blast = factories.blast(session, status=BlastStatus.SENDING, author_id=author.id)
    approval.pause(session, blast.id, by=organizer, seen=1, now=NOON, note="Look at the link.")
    assert (blast.status, blast.held_reason) == (BlastStatus.PAUSED, "Look at the link.")
    with pytest.raises(NotAllowed):
        approval.resume(session, blast.id, by=organizer, seen=1, now=NOON)
    approval.resume(session, blast.id, by=approver, seen=1, now=NOON)
    assert (blast.status, blast.held_reason) == (BlastStatus.SENDING, "")


@pytest.mark.parametrize("status", BlastStatus)
def test_only_a_blast_in_review_is_approved(session: Session, status: BlastStatus) -> None:
    blast = in_review(session)
    blast.status, blast.starts_at = status, NOON
    session.flush()
    if status is BlastStatus.IN_REVIEW:
        assert approve(session, blast, people(session)[1]).status is BlastStatus.APPROVED
    else:
        with pytest.raises(IllegalMove):
            approve(session, blast, people(session)[1])


def test_a_blast_that_is_gone_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        approval.pause(session, UUID(int=1), by=None, seen=1, now=NOON)


def test_of_many_who_approve_at_once_one_moves_it(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        blast = in_review(session)
        approvers = [factories.staff(session, f"U0A{number}", role=Role.APPROVER) for number in range(8)]
    done = at_once(engine, [partial(approve, blast=blast, by=by) for by in approvers])
    assert done.count(BlastStatus.APPROVED) == 1
    assert done.count("IllegalMove") == 7
    with db.reading(engine) as session:
        assert events(session).count("blast.approved") == 1


def test_two_approvals_at_the_same_instant_are_both_counted(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        blast = in_review(session, contacts=4)
        _, first, second, _ = people(session)
    done = at_once(engine, [lambda s: approve(s, blast, first), lambda s: approve(s, blast, second)])
    assert sorted(map(str, done)) == ["approved", "in_review"]


def test_approving_and_cancelling_at_once_never_do_both(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        blast = in_review(session)
        _, first, second, _ = people(session)
    presses: list[Callable[[Session], Blast]] = [
        lambda s: approve(s, blast, first),
        lambda s: approval.cancel(s, blast.id, by=second, seen=1, now=NOON),
    ]
    done = at_once(engine, presses)
    with db.reading(engine) as session:
        assert session.get_one(Blast, blast.id).status is BlastStatus.CANCELLED
    assert BlastStatus.CANCELLED in done


@pytest.mark.parametrize("statement", ["UPDATE audit SET action = 'x'", "DELETE FROM audit"])
def test_the_audit_can_only_be_added_to(engine: sa.Engine, statement: str) -> None:
    with db.transaction(engine) as session:
        approve(session, in_review(session), people(session)[1])
    with pytest.raises(sa.exc.DBAPIError, match="can only be added"), db.transaction(engine) as session:
        session.execute(sa.text(statement))
    with db.reading(engine) as session:
        kept = session.scalars(sa.select(col(AuditEntry.action)).order_by(col(AuditEntry.id))).all()
    assert kept == ["blast.draft", "blast.submit", "blast.approve"]


def at_once(engine: sa.Engine, presses: list[Callable[[Session], Blast]]) -> list[BlastStatus | str]:
    """Let several people press, each in a transaction of their own; return what became of each."""

    def press(decide: Callable[[Session], Blast]) -> BlastStatus | str:
        try:
            with db.transaction(engine) as session:
                return decide(session).status
        except Rejected as refusal:
            return type(refusal).__name__

    with ThreadPoolExecutor(len(presses)) as pool:
        return list(pool.map(press, presses))
