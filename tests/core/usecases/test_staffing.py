"""Who is on the staff, and what their role lets them do."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import Invalid, NotAllowed
from core.models import AuditEntry, Role
from core.usecases import staffing
from tests.factories import NOON


def test_each_role_includes_the_ones_before(session: Session) -> None:
    approver = staffing.add(session, "U0APPROVER", Role.APPROVER, now=NOON)
    assert staffing.may(approver, Role.ORGANIZER)
    assert staffing.may(approver, Role.APPROVER)
    assert not staffing.may(approver, Role.ADMIN)
    with pytest.raises(NotAllowed, match="Only admins"):
        staffing.require(approver, Role.ADMIN)


def test_the_first_admins_are_made_once_and_stay_admins(session: Session) -> None:
    staffing.add(session, "U0DEMOTED", Role.ORGANIZER, now=NOON)
    for _ in range(2):
        staffing.bootstrap(session, ("U0ADMIN", "U0DEMOTED"), now=NOON)
    found = [staffing.find(session, each) for each in ("U0ADMIN", "U0DEMOTED")]
    assert [staff and staff.role for staff in found] == [Role.ADMIN, Role.ADMIN]
    added = session.scalars(sa.select(AuditEntry).where(col(AuditEntry.action) == "staff.add")).all()
    assert len(added) == 3


def test_a_role_given_again_replaces_the_old_one(session: Session) -> None:
    first = staffing.add(session, "U0SOMEBODY", Role.ADMIN, now=NOON)
    again = staffing.add(session, "U0SOMEBODY", Role.ORGANIZER, now=NOON)
    assert (first.id, again.role) == (again.id, Role.ORGANIZER)


def test_who_was_made_inactive_is_not_found(session: Session) -> None:
    staff = staffing.add(session, "U0SOMEBODY", Role.ADMIN, now=NOON)
    staff.is_active = False
    session.flush()
    assert staffing.find(session, "U0SOMEBODY") is None
    assert not staffing.may(staff, Role.ORGANIZER)


@pytest.mark.parametrize("slack_user_id", ["", "somebody", "@ann", "C0CHANNEL", "U0 1", "U0;DROP"])
def test_only_the_id_of_a_slack_user_is_taken(session: Session, slack_user_id: str) -> None:
    with pytest.raises(Invalid, match="Copy member ID"):
        staffing.add(session, slack_user_id, Role.ADMIN, now=NOON)
