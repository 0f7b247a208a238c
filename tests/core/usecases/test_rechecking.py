"""An approval is for what was seen: when that has grown or changed by the time of sending, it is asked for again."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus
from core.models import Audience, Blast, Contact, Membership, Role, Staff
from core.usecases import rechecking
from tests import factories
from tests.factories import NOON

BEFORE = NOON - timedelta(hours=1)


def approved(session: Session, count: int = 2, **values: Any) -> Blast:
    contacts = [factories.contact(session, number, created_at=BEFORE, updated_at=BEFORE) for number in range(count)]
    blast = factories.blast(session, [factories.audience(session, contacts=contacts)], approved_at=BEFORE, **values)
    factories.approval(session, blast)
    return blast


def may_start(session: Session, blast: Blast, *, limit: int = 3) -> bool:
    is_fine = rechecking.recheck(session, blast.id, second_approver_above=limit, now=NOON)
    session.flush()
    session.expire_all()
    assert (session.get_one(Blast, blast.id).status is BlastStatus.APPROVED) is is_fine
    return is_fine


def test_what_was_approved_and_is_unchanged_may_start(session: Session) -> None:
    assert may_start(session, approved(session))


def test_an_audience_that_grew_past_one_approver_goes_back_to_review(session: Session) -> None:
    blast = approved(session)
    pool = session.scalars(sa.select(Audience)).one().id
    for number in range(10, 14):
        contact = factories.contact(session, number)
        session.add(Membership(audience_id=pool, contact_id=contact.id, created_at=NOON))
    session.flush()
    assert not may_start(session, blast)
    assert (blast.revision, blast.starts_at) == (2, None)
    assert "6 recipients by now and needs 2 approvers" in blast.held_reason


def test_an_approver_who_lost_the_role_meanwhile_does_not_count(session: Session) -> None:
    blast = approved(session)
    session.execute(sa.update(Staff).where(col(Staff.slack_user_id) == "U0APPROVER").values(role=Role.ORGANIZER))
    assert not may_start(session, blast)


def test_words_that_were_imported_anew_after_the_approval_are_looked_at_again(session: Session) -> None:
    blast = approved(session, 30, body="Hi {first_name|friend}")
    session.execute(sa.update(Contact).values(updated_at=NOON))
    assert not may_start(session, blast, limit=100)
    assert "details of 30 recipients" in blast.held_reason


def test_a_text_without_tokens_minds_no_change_of_contacts(session: Session) -> None:
    blast = approved(session, 30)
    session.execute(sa.update(Contact).values(updated_at=NOON))
    assert may_start(session, blast, limit=100)


def test_a_few_corrected_contacts_change_nothing(session: Session) -> None:
    blast = approved(session, 30, body="Hi {first_name|friend}")
    few = sa.select(col(Contact.id)).limit(20)
    session.execute(sa.update(Contact).where(col(Contact.id).in_(few)).values(updated_at=NOON))
    assert may_start(session, blast, limit=100)
