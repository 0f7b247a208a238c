"""Makes the recipients of a benchmark, and a blast to them that only waits for its time."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from core.clock import utc_now
from core.models import Approval, Audience, Blast, Contact, Role
from tests import factories

BODY = "The rent meeting is on Monday at 6 in the big hall, see you there."
# No country has the code 999: these numbers are nobody's, and there are enough of them.
_MEMBERS = """
INSERT INTO memberships (audience_id, contact_id, created_at)
SELECT :made, id, now() FROM contacts c
WHERE phone IS NOT NULL AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.contact_id = c.id)
"""
_SOME = """
INSERT INTO memberships (audience_id, contact_id, created_at)
SELECT :made, contact_id, created_at FROM memberships WHERE audience_id = :pool LIMIT :count
"""
_FIRST = 99_900_000_000


def address(number: int) -> str:
    """Return the address of the `number`th recipient, from 1."""
    return f"+{_FIRST + number}"


def audience(session: Session, count: int) -> Audience:
    """Make an audience of `count` contacts."""
    template = factories.contact(session, phone=None, email="template@example.org")
    made = factories.audience(session, name=f"{count} tenants")
    _copy(session, "contacts", col(Contact.id) == template.id, count)
    session.execute(sa.text(_MEMBERS), {"made": made.id})
    return made


def part(session: Session, pool: Audience, count: int) -> Audience:
    """Make an audience of a few of another's contacts."""
    made = factories.audience(session, name=f"{count} of {pool.name}")
    session.execute(sa.text(_SOME), {"made": made.id, "pool": pool.id, "count": count})
    return made


def _copy(session: Session, name: str, which: sa.ColumnElement[bool], count: int) -> None:
    """Copy a row `count` times, with what must differ; whatever columns the table has by now."""
    table = SQLModel.metadata.tables[name]
    numbers = sa.func.generate_series(_FIRST + 1, _FIRST + count).table_valued("number").render_derived()
    told: dict[str, sa.ColumnElement[Any]] = {column.name: column for column in table.columns}
    phone = sa.literal("+").concat(sa.cast(numbers.c.number, sa.Text()))
    told |= {"id": sa.func.gen_random_uuid(), "phone": phone, "email": sa.null()}
    rows = sa.select(*told.values()).select_from(table.join(numbers, sa.true())).where(which)
    session.execute(sa.insert(table).from_select(list(told), rows))


def blast(session: Session, pool: Audience) -> UUID:
    """Make a blast to all of an audience, agreed to and due."""
    now = utc_now()
    made: Blast = factories.blast(session, [pool], body=BODY, starts_at=now - timedelta(seconds=1), created_at=now)
    approver = factories.staff(session, "U0APPROVER", role=Role.APPROVER)
    key: dict[str, Any] = {"blast_id": made.id, "staff_id": approver.id, "revision": made.revision}
    session.add(Approval(content_hash=made.content_hash, at=now, **key))
    return made.id
