"""Contacts by the thousand: fetched by their addresses and written back, a few statements for a whole batch."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.sheets import Entry
from core.models import Contact, Membership
from core.models.columns import JSON, UtcDateTime
from core.models.dialect import insert, keep_others_from_writing, recordset
from core.usecases.matching import Known

_TEXTS = ("phone", "email", "name", "first_name", "language", "time_zone", "zones", "region", "consent_source")
_texts = attrgetter(*_TEXTS)
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.Uuid(),
    **{name: sa.Text() for name in _TEXTS},
    "attributes": JSON,
}


def known(session: Session, entries: Sequence[Entry]) -> Iterator[Known]:
    """Give the contacts that have one of these phones or e-mail addresses; nobody else can add one meanwhile."""
    keep_others_from_writing(session, Contact)
    found: dict[UUID, Known] = {}
    for name, column in (("phone", col(Contact.phone)), ("email", col(Contact.email))):
        rows = [{"address": address} for entry in entries if (address := getattr(entry, name))]
        if rows:
            told = recordset(session, "told", {"address": sa.Text()}, rows)
            picked = [getattr(Contact, each) for each in _COLUMNS]
            for row in session.execute(sa.select(*picked).select_from(told).join(Contact, column == told.c.address)):
                contact = Known(*row)
                contact.before = contact.values
                found[contact.id] = contact
    yield from found.values()


def write(session: Session, contacts: Sequence[Known], audience_id: UUID, *, now: datetime) -> None:
    """Save new and changed contacts, and make all of them members of an audience."""
    changed = [contact for contact in contacts if contact.is_changed]
    _free_addresses(session, [contact for contact in changed if contact.gives_up_email])
    _update(session, changed, now)
    _insert(session, [contact for contact in contacts if contact.is_new], now)
    _join(session, contacts, audience_id, now)


def _free_addresses(session: Session, contacts: Sequence[Known]) -> None:
    """Take away the old e-mail addresses of those that get others: somebody else in the batch may get them."""
    if not contacts:
        return
    told = recordset(session, "told", {"id": sa.Uuid()}, [{"id": contact.id.hex} for contact in contacts])
    session.execute(
        sa.update(Contact)
        .where(col(Contact.id) == told.c.id)
        .values(email=None)
        .execution_options(synchronize_session=False)
    )


def _update(session: Session, contacts: Sequence[Known], now: datetime) -> None:
    if not contacts:
        return
    told = recordset(session, "told", _COLUMNS, [_row(contact) for contact in contacts])
    values = {name: told.c[name] for name in (*_TEXTS, "attributes")}
    session.execute(
        sa.update(Contact)
        .where(col(Contact.id) == told.c.id)
        .values(updated_at=now, **values)
        .execution_options(synchronize_session=False)
    )


def _insert(session: Session, contacts: Sequence[Known], now: datetime) -> None:
    if not contacts:
        return
    told = recordset(session, "told", _COLUMNS, [_row(contact) for contact in contacts])
    at = sa.literal(now, type_=UtcDateTime())
    rows = sa.select(*(told.c[name] for name in _COLUMNS), at, at)
    session.execute(sa.insert(Contact).from_select([*_COLUMNS, "created_at", "updated_at"], rows))


def _join(session: Session, contacts: Sequence[Known], audience_id: UUID, now: datetime) -> None:
    if not contacts:
        return
    told = recordset(session, "told", {"id": sa.Uuid()}, [{"id": contact.id.hex} for contact in contacts])
    rows = sa.select(sa.literal(audience_id, type_=sa.Uuid()), told.c.id, sa.literal(now, type_=UtcDateTime())).where(
        sa.true()
    )  # without a WHERE, SQLite takes ON CONFLICT for a join's condition
    session.execute(
        insert(session, Membership)
        .from_select(["audience_id", "contact_id", "created_at"], rows)
        .on_conflict_do_nothing()
    )


def _row(contact: Known) -> dict[str, Any]:
    return {"id": contact.id.hex, **dict(zip(_TEXTS, _texts(contact), strict=True)), "attributes": contact.attributes}
