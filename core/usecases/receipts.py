"""What providers report of our messages: each report kept once, each delivery brought as far as reports bring it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from core.domain import failures
from core.domain.receipts import ENDS, FAILURES, LEFT, Incoming, Standing, settle
from core.models import Delivery, DeliveryKind, Receipt
from core.models.columns import JSON, UtcDateTime
from core.models.dialect import bind_rows, bind_values, insert_into, is_one_of, is_postgresql, look_up_by_index, rows_of
from core.usecases import consequences
from core.usecases.consequences import Refusal

# A report of a message that we never get to know (sent by hand at the provider, say) isn't looked at for ever.
_LATE_AT_MOST = timedelta(days=1)
_MOST_LATE = 500
# Each statement is made once and the same however many reports there are: making one costs as much as running it.
_TABLE = SQLModel.metadata.tables[Delivery.__tablename__]
_LEDGER: dict[str, sa.types.TypeEngine[Any]] = {
    "provider_sid": sa.Text(),
    "status": sa.Text(),
    "error_code": sa.Integer(),
    "delivery_id": sa.BigInteger(),
    "attempt": sa.SmallInteger(),
    "fields": JSON,
}
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.BigInteger(),
    "status": sa.Text(),
    "rank": sa.SmallInteger(),
    "error_code": sa.Integer(),
    "sid": sa.Text(),
}


@dataclass(slots=True)
class _Row:
    """A delivery as it stands, and whether reports moved it."""

    delivery: sa.Row[Any]
    standing: Standing
    sid: str | None
    has_moved: bool = False
    other_sid: str | None = None

    def may_be_of(self, receipt: Incoming) -> bool:
        """Tell whether a report that names this delivery is of it, and not of a message that had its id before."""
        return self.sid in (None, receipt.provider_sid) or self.is_of_earlier_attempt(receipt)

    def is_of_earlier_attempt(self, receipt: Incoming) -> bool:
        """Tell whether an attempt before the present one has left after all: its message is not the delivery's own."""
        return receipt.attempt is not None and receipt.attempt < int(self.delivery.attempt)

    @property
    def has_newly_failed(self) -> bool:
        return self.standing.status in FAILURES and self.delivery.status not in FAILURES


def apply(session: Session, receipts: Sequence[Incoming], *, now: datetime) -> int:
    """Store reports and bring their deliveries forward; any order, any repetition, before or after our own record.

    What a failure asks for (an opt-out, a dead number, a blast to pause) happens in the same transaction.
    Returns how many reports were new.
    """
    if not receipts:
        return 0
    rows = _lock(session, receipts)
    owners = [_report(rows, receipt) for receipt in receipts]
    moved = [row for row in rows.everything if row.has_moved]
    new = _write(session, _entries(receipts, owners), [_reached(row) for row in moved], now=now)
    _name_others(session, rows.everything)
    consequences.follow_receipts(session, [_refusal(row) for row in moved if row.has_newly_failed], now=now)
    return new


def apply_late(session: Session, *, now: datetime) -> int:
    """Apply reports that came before we knew their message, without our id; returns how many found their delivery."""
    found = session.execute(
        sa.select(col(Receipt.id), col(Receipt.provider_sid), col(Receipt.status), col(Receipt.error_code))
        .join(Delivery, col(Delivery.provider_sid) == col(Receipt.provider_sid))
        .where(col(Receipt.delivery_id).is_(None), col(Receipt.received_at) > now - _LATE_AT_MOST)
        .order_by(col(Receipt.id))
        .limit(_MOST_LATE)
    ).all()
    apply(session, [Incoming(row.provider_sid, row.status, row.error_code) for row in found], now=now)
    owner = sa.select(col(Delivery.id)).where(col(Delivery.provider_sid) == col(Receipt.provider_sid)).scalar_subquery()
    session.execute(
        sa.update(Receipt)
        .where(col(Receipt.id).in_([row.id for row in found]))
        .values(delivery_id=owner)
        .execution_options(synchronize_session=False)
    )
    return len(found)


class _Rows:
    """The deliveries that a batch of reports is about, found by the provider's id, else by our own."""

    def __init__(self, found: Iterable[sa.Row[Any]]) -> None:
        self.everything = [_Row(row, Standing(row.status, row.rank, row.error_code), row.provider_sid) for row in found]
        self._by_id = {row.delivery.id: row for row in self.everything}
        self._by_sid = {row.sid: row for row in self.everything if row.sid}

    def owner(self, receipt: Incoming) -> _Row | None:
        row = self._by_sid.get(receipt.provider_sid)
        if row is None:
            named = self._by_id.get(receipt.delivery_id)
            row = named if named is not None and named.may_be_of(receipt) else None
        # A row that waits and was never claimed can't have left, whatever an address says.
        return None if row is None or row.delivery.attempt == 0 else row

    def name(self, row: _Row, receipt: Incoming) -> None:
        """Remember a message's id at the provider: the report may be the first to tell it, or tell of a second one."""
        if row.sid is None and not row.is_of_earlier_attempt(receipt):
            row.sid = receipt.provider_sid
            row.has_moved = row.standing.status in LEFT
            self._by_sid[receipt.provider_sid] = row
        elif row.sid != receipt.provider_sid:
            row.other_sid = receipt.provider_sid


def _lock(session: Session, receipts: Sequence[Incoming]) -> _Rows:
    """Find the deliveries concerned, locked in one order, so that two batches can't wait for each other."""
    ids = {receipt.delivery_id for receipt in receipts if receipt.delivery_id is not None}
    sids = {receipt.provider_sid for receipt in receipts}
    bound = {"ids": bind_values(session, [*ids]), "sids": bind_values(session, [*sids])}
    look_up_by_index(session)
    return _Rows(session.connection().execute(_locking(on_postgresql=is_postgresql(session)), bound).all())


@lru_cache(maxsize=2)
def _locking(*, on_postgresql: bool) -> sa.Select[Any]:
    columns = ("id", "status", "rank", "error_code", "provider_sid", "attempt")
    more = ("kind", "address", "blast_id", "conversation_id")
    is_told = is_one_of(_TABLE.c.provider_sid, "sids", sa.Text(), on_postgresql=on_postgresql)
    return (
        sa.select(*(_TABLE.c[name] for name in (*columns, *more)))
        .where(
            is_one_of(_TABLE.c.id, "ids", sa.BigInteger(), on_postgresql=on_postgresql)
            # Said in so many words, it lets the index serve that leaves out what has none.
            | (is_told & _TABLE.c.provider_sid.is_not(None))
        )
        .order_by(_TABLE.c.id)
        .with_for_update()
    )


def _report(rows: _Rows, receipt: Incoming) -> int | None:
    """Bring one delivery forward in memory, and return its id."""
    row = rows.owner(receipt)
    if row is None:
        return None
    rows.name(row, receipt)
    reached = settle(row.standing, receipt)
    if reached is not None:
        row.standing, row.has_moved = reached, True
    return int(row.delivery.id)


def _entries(receipts: Sequence[Incoming], owners: Sequence[int | None]) -> list[dict[str, Any]]:
    """Return the ledger's rows, in one order for all processes."""
    rows = [
        {
            "provider_sid": receipt.provider_sid,
            "status": receipt.status,
            "error_code": receipt.error_code,
            "delivery_id": owner,
            "attempt": receipt.attempt,
            "fields": dict(receipt.fields),
        }
        for receipt, owner in zip(receipts, owners, strict=True)
    ]
    rows.sort(key=lambda row: (row["provider_sid"], row["status"], row["error_code"]))
    return rows


def _reached(row: _Row) -> dict[str, Any]:
    return {
        "id": row.delivery.id,
        "status": row.standing.status.value,
        "rank": row.standing.rank,
        "error_code": row.standing.error_code,
        "sid": row.sid,
    }


def _write(
    session: Session, entries: Sequence[Mapping[str, Any]], moved: Sequence[Mapping[str, Any]], *, now: datetime
) -> int:
    """Add what is new to the ledger, and bring deliveries forward; returns how many reports were new."""
    on_postgresql = is_postgresql(session)
    keeping: dict[str, Any] = {**bind_rows(session, "entry", _LEDGER, entries), "now": now}
    ids = bind_values(session, [row["id"] for row in moved])
    moving: dict[str, Any] = {**bind_rows(session, "told", _COLUMNS, moved), "ids": ids, "now": now}
    connection = session.connection()
    if on_postgresql:
        return connection.execute(_writing(), keeping | moving).scalar_one()
    if moved:
        connection.execute(_moving(on_postgresql=False), moving)
    return len(connection.execute(_keeping(on_postgresql=False), keeping).all())


@lru_cache(maxsize=1)
def _writing() -> sa.Select[int]:
    """Both at once: a group's way to the server and back costs as much as the rest of a statement."""
    kept, moved = _keeping(on_postgresql=True).cte("kept"), _moving(on_postgresql=True).cte("moved")
    return sa.select(sa.func.count()).select_from(kept).add_cte(moved)


@lru_cache(maxsize=2)
def _keeping(*, on_postgresql: bool) -> sa.sql.dml.ReturningInsert[Any]:
    told = rows_of("entry", _LEDGER, on_postgresql=on_postgresql)
    # SQLite takes ON CONFLICT for a part of the SELECT unless that has a WHERE.
    new = sa.select(*told.c, sa.bindparam("now", type_=UtcDateTime())).where(told.c.provider_sid.is_not(None))
    ledger = SQLModel.metadata.tables[Receipt.__tablename__]
    return (
        insert_into(ledger, on_postgresql=on_postgresql)
        .from_select([*_LEDGER, "received_at"], new)
        .on_conflict_do_nothing()
        .returning(ledger.c.id)
    )


def _name_others(session: Session, rows: Iterable[_Row]) -> None:
    """Keep the ids of texts that were sent again and had left the first time after all."""
    for row in rows:
        if row.other_sid:
            session.execute(
                sa.update(Delivery)
                .where(col(Delivery.id) == row.delivery.id)
                .values(other_sid=row.other_sid)
                .execution_options(synchronize_session=False)
            )


@lru_cache(maxsize=2)
def _moving(*, on_postgresql: bool) -> sa.Update:
    told = rows_of("told", _COLUMNS, on_postgresql=on_postgresql)
    now = sa.bindparam("now", type_=UtcDateTime())
    return (
        sa.update(_TABLE)
        .where(_TABLE.c.id == told.c.id, is_one_of(_TABLE.c.id, "ids", sa.BigInteger(), on_postgresql=on_postgresql))
        .values(
            status=told.c.status,
            rank=told.c.rank,
            error_code=told.c.error_code,
            error="",
            provider_sid=told.c.sid,
            accepted_at=sa.func.coalesce(_TABLE.c.accepted_at, now),
            # An unknown that was left as it is may turn out to be on its way.
            ended_at=sa.case((told.c.status.in_([end.value for end in ENDS]), now)),
        )
    )


def _refusal(row: _Row) -> Refusal:
    delivery = row.delivery
    return Refusal(
        delivery_id=delivery.id,
        blast_id=delivery.blast_id,
        address=delivery.address,
        failure=failures.classify(row.standing.error_code, at_create=False),
        reply_in=delivery.conversation_id if delivery.kind is DeliveryKind.REPLY else None,
    )
