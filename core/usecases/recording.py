"""What a call to a provider came to, written down in bulk; writing it twice, or after a receipt, harms nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, assert_never, cast

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from core.domain import failures, retries
from core.domain.channel import Accepted, Outcome, Refused, Unknown
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery
from core.models.columns import UtcDateTime
from core.models.dialect import array, is_postgresql, recordset, unnested
from core.usecases import consequences, text_backs
from core.usecases.sending import Claimed

_LOOK_UP_AFTER = timedelta(seconds=30)
_IS_OPEN = (DeliveryStatus.CLAIMED, DeliveryStatus.UNKNOWN)
# One that left no trace was put back to be sent again, and now its answer comes after all: it has left.
_MAY_HAVE_LEFT = (*_IS_OPEN, DeliveryStatus.PENDING)
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.BigInteger(),
    "attempt": sa.Integer(),
    "status": sa.Text(),
    "sid": sa.Text(),
    "code": sa.Integer(),
    "error": sa.Text(),
    "segments": sa.Integer(),
    "not_before": UtcDateTime(),
    "ended_at": UtcDateTime(),
}


class Result(NamedTuple):
    """What became of a claimed message, and when the answer came."""

    claim: Claimed
    outcome: Outcome
    at: datetime


def record(
    session: Session,
    results: Sequence[Result],
    *,
    max_attempts: int,
    now: datetime,
    retry_after: Sequence[float] = retries.WAITS_S,
) -> None:
    """Write what the provider answered at once: accepted, refused (tried again later or for good), or unknown.

    Only rows that are still `claimed` or `unknown` in the same attempt move: a receipt may have been quicker. What was
    accepted after all moves also when it was put back, or claimed again: then it is known to have left, and isn't tried
    any more. When it has left again by then, both of the provider's ids are kept.
    `retry_after`: seconds to wait after the first, second … try.
    Refusals have their consequences in the same transaction: an opt-out, a dead number, a blast that must pause.
    """
    # In the order in which receipts lock their rows, or each would wait for the other.
    results = sorted(results, key=lambda result: result.claim.id)
    if is_postgresql(session):
        _accept(session, [result for result in results if isinstance(result.outcome, Accepted)], now=now)
        results = [result for result in results if not isinstance(result.outcome, Accepted)]
    if not results:
        return
    rows = [_row(result, max_attempts, retry_after) for result in results]
    told = recordset(session, "told", _COLUMNS, rows)
    is_accepted = told.c.status == DeliveryStatus.ACCEPTED.value
    moved = session.execute(
        sa.update(Delivery)
        .where(
            col(Delivery.id) == told.c.id,
            sa.or_(
                sa.and_(col(Delivery.attempt) == told.c.attempt, col(Delivery.status).in_(_IS_OPEN)),
                sa.and_(is_accepted, col(Delivery.attempt) >= told.c.attempt, col(Delivery.status).in_(_MAY_HAVE_LEFT)),
            ),
        )
        .values(
            status=told.c.status,
            provider_sid=sa.func.coalesce(col(Delivery.provider_sid), told.c.sid),
            error_code=told.c.code,
            error=told.c.error,
            segments=told.c.segments,
            accepted_at=sa.case((is_accepted, now), else_=col(Delivery.accepted_at)),
            not_before=sa.func.coalesce(told.c.not_before, col(Delivery.not_before)),
            ended_at=told.c.ended_at,
            # It may have been looked for in vain since its lease ended: that says nothing of another try.
            looks=0,
            untraced_at=None,
        )
        .returning(col(Delivery.id), col(Delivery.status), col(Delivery.conversation_id))
        .execution_options(synchronize_session=False)
    ).all()
    if len(moved) < len(results):
        _add(session, results)
    consequences.follow(session, _refusals(results), now=now)
    _tell_of_text_backs(session, results, moved, now=now)


def take_sid(session: Session, result: Result, *, now: datetime) -> int:
    """Take the provider's id of an accepted message from another row, and let that one be looked up anew.

    Of two alike texts to one person a look-up may have taken one for the other; the provider's own answer counts more.
    Returns how many rows held it.
    """
    if not isinstance(result.outcome, Accepted):
        return 0
    taken = session.execute(
        sa.update(Delivery)
        .where(col(Delivery.provider_sid) == result.outcome.sid, col(Delivery.id) != result.claim.id)
        .values(
            status=DeliveryStatus.UNKNOWN,
            provider_sid=None,
            other_sid=None,
            rank=0,
            looks=0,
            not_before=now,
            accepted_at=None,
            ended_at=None,
            error="It was taken for another text of the same words.",
        )
        .execution_options(synchronize_session=False)
    )
    return _count(taken)


def _accept(session: Session, results: Sequence[Result], *, now: datetime) -> None:
    """Write what nearly every answer is; the same as `record` does, with a statement made once."""
    if not results:
        return
    claims = [result.claim for result in results]
    bound: dict[str, Any] = {
        "told_id": array([claim.id for claim in claims]),
        "told_attempt": array([claim.attempt for claim in claims]),
        "told_sid": array([result.outcome.sid for result in results if isinstance(result.outcome, Accepted)]),
        "told_segments": array([claim.segments for claim in claims]),
        "now": now,
    }
    if _count(session.execute(_ACCEPTING, bound)) < len(claims):
        _add(session, results)


def _add(session: Session, results: Sequence[Result]) -> None:
    """Write what left under rows that have moved already: a receipt knows everything but their segments.

    An id that isn't theirs is that of an earlier attempt, whose answer comes after the text was sent again.
    """
    rows = [
        {
            "id": claim.id,
            "attempt": claim.attempt,
            "segments": claim.segments,
            "sid": outcome.sid if isinstance(outcome, Accepted) else None,
        }
        for claim, outcome, _ in results
    ]
    told = recordset(session, "told", {name: _COLUMNS[name] for name in ("id", "attempt", "segments", "sid")}, rows)
    is_other = col(Delivery.provider_sid) != told.c.sid
    session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id) == told.c.id, told.c.sid.is_not(None), is_other | col(Delivery.provider_sid).is_(None))
        .values(
            provider_sid=sa.func.coalesce(col(Delivery.provider_sid), told.c.sid),
            other_sid=sa.case((is_other, told.c.sid), else_=col(Delivery.other_sid)),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        sa.update(Delivery)
        .where(
            col(Delivery.id) == told.c.id,
            col(Delivery.attempt) == told.c.attempt,
            col(Delivery.accepted_at).is_not(None),
        )
        .values(segments=told.c.segments)
        .execution_options(synchronize_session=False)
    )


def _count(moved: sa.Result[Any]) -> int:
    return cast(sa.CursorResult[Any], moved).rowcount


def _accepting() -> sa.Update:
    table = SQLModel.metadata.tables[Delivery.__tablename__]
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        name: _COLUMNS[name] for name in ("id", "attempt", "sid", "segments")
    }
    told = unnested("told", columns)
    return (
        sa.update(table)
        .where(
            table.c.id == told.c.id,
            table.c.attempt >= told.c.attempt,
            table.c.status.in_([status.value for status in _MAY_HAVE_LEFT]),
        )
        .values(
            status=DeliveryStatus.ACCEPTED.value,
            provider_sid=sa.func.coalesce(table.c.provider_sid, told.c.sid),
            error_code=0,
            error="",
            segments=told.c.segments,
            accepted_at=sa.bindparam("now", type_=UtcDateTime()),
            ended_at=None,
        )
    )


_ACCEPTING = _accepting()


def _row(result: Result, max_attempts: int, retry_after: Sequence[float]) -> dict[str, Any]:
    claim = result.claim
    row: dict[str, Any] = {"id": claim.id, "attempt": claim.attempt, "segments": claim.segments}
    row |= {"sid": None, "code": 0, "error": "", "not_before": None, "ended_at": None}
    match result.outcome:
        case Accepted(sid):
            return row | {"status": DeliveryStatus.ACCEPTED.value, "sid": sid}
        case Unknown(reason):
            # The callback usually settles it within seconds; else it is looked up.
            look_at = result.at + _LOOK_UP_AFTER
            return row | {"status": DeliveryStatus.UNKNOWN.value, "error": reason[:200], "not_before": look_at}
        case Refused() as refused:
            return row | _refused(refused, result, max_attempts, retry_after)
        case never:
            assert_never(never)


def _refused(refused: Refused, result: Result, max_attempts: int, retry_after: Sequence[float]) -> dict[str, Any]:
    told = {"code": refused.code, "error": refused.message[:200]}
    if may_try_again(refused) and result.claim.attempt < max_attempts:
        wait = timedelta(seconds=retries.wait_s(result.claim.attempt, key=result.claim.id, first_s=retry_after))
        return {"status": DeliveryStatus.PENDING.value, "not_before": result.at + wait, **told}
    return {"status": DeliveryStatus.REFUSED.value, "ended_at": result.at, **told}


def may_try_again(refused: Refused) -> bool:
    """Tell whether a message that is known not to have left may be sent again by itself."""
    return retries.is_transient(refused) or _failure(refused).retry != "never"


def _tell_of_text_backs(
    session: Session, results: Sequence[Result], moved: Sequence[sa.Row[Any]], *, now: datetime
) -> None:
    """Tell of those that were refused for good, and weren't before."""
    threads = {row.id: row.conversation_id for row in moved if row.status is DeliveryStatus.REFUSED}
    for claim, outcome, _ in results:
        if claim.id not in threads or not isinstance(outcome, Refused):
            continue
        thread = threads[claim.id]
        if retries.is_transient(outcome):
            text_backs.tell_given_up(session, claim.kind, thread, now=now)
        else:
            text_backs.tell_failed(session, claim.kind, thread, _failure(outcome), now=now)


def _failure(refused: Refused) -> failures.Failure:
    return failures.classify(refused.code, at_create=True, http_status=refused.http_status)


def _refusals(results: Sequence[Result]) -> list[consequences.Refusal]:
    """Return what has consequences: of what passes by itself, only what every other copy would meet as well."""
    refused = [(result.claim, result.outcome) for result in results if isinstance(result.outcome, Refused)]
    return [
        consequences.Refusal(claim.id, claim.blast_id, claim.address, failure)
        for claim, outcome in refused
        if (failure := _failure(outcome)).stops_blast or not retries.is_transient(outcome)
    ]
