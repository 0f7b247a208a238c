"""Who may do what: the staff, their roles, and the first admins."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import Invalid, NotAllowed
from core.models import AuditEntry, Role, Staff
from core.models.dialect import insert

# Each role includes the ones before it.
_ORDER = (Role.ORGANIZER, Role.APPROVER, Role.ADMIN)
_WORDS = {Role.ORGANIZER: "the staff", Role.APPROVER: "approvers", Role.ADMIN: "admins"}


def find(session: Session, slack_user_id: str) -> Staff | None:
    """Return the active member of staff with this Slack user id."""
    return session.scalar(
        sa.select(Staff).where(col(Staff.slack_user_id) == slack_user_id, col(Staff.is_active).is_(True))
    )


def bootstrap(session: Session, admins: Sequence[str], *, now: datetime) -> None:
    """Make the first admins active admins; it may run at every start."""
    is_admin = (col(Staff.role) == Role.ADMIN, col(Staff.is_active).is_(True))
    known = set(
        session.scalars(sa.select(col(Staff.slack_user_id)).where(col(Staff.slack_user_id).in_(admins), *is_admin))
    )
    for slack_user_id in admins:
        if slack_user_id not in known:
            add(session, slack_user_id, Role.ADMIN, now=now)


def add(session: Session, slack_user_id: str, role: Role, *, now: datetime) -> Staff:
    """Give a Slack user a role, whatever theirs was before.

    Raises:
        Invalid: it isn't the id of a Slack user.
    """
    if not (slack_user_id.isascii() and slack_user_id.isalnum() and slack_user_id[:1] in ("U", "W")):
        raise Invalid("A Slack user's id looks like U024BE7LH. It stands in their profile under “Copy member ID”.")
    # Several processes may make the same admin at their start.
    session.execute(
        insert(session, Staff)
        .values(id=uuid4(), slack_user_id=slack_user_id, role=role, is_active=True, created_at=now)
        .on_conflict_do_update(index_elements=["slack_user_id"], set_={"role": role, "is_active": True})
    )
    staff = session.scalars(
        sa.select(Staff).where(col(Staff.slack_user_id) == slack_user_id).execution_options(populate_existing=True)
    ).one()
    fields = {"slack_user_id": slack_user_id, "role": role.value}
    session.add(AuditEntry(at=now, action="staff.add", staff_id=None, fields=fields))
    return staff


def may(staff: Staff, role: Role) -> bool:
    """Tell whether somebody has this role or a higher one."""
    return staff.is_active and _ORDER.index(staff.role) >= _ORDER.index(role)


def require(staff: Staff, role: Role) -> None:
    """Refuse who hasn't this role.

    Raises:
        NotAllowed: names the role that it takes.
    """
    if not may(staff, role):
        raise NotAllowed(f"Only {_WORDS[role]} can do this. An admin can change your role: blast staff add.")
