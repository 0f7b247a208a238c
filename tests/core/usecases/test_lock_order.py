"""Two who put the same people out of reach, or hold the same blasts, go one after the other: neither is thrown out."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.channel import Accepted, Refused
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Delivery, Suppression
from core.usecases import receipts, recording
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import databases, factories
from tests.factories import NOON

pytestmark = databases.on_postgresql

_PEOPLE, _BLASTS, _TRIALS = 20, 7, 5
OPTED_OUT, OUR_SETUP = 21610, 21606
Step = Callable[..., None]


def reported(code: int) -> Step:
    def step(session: Session, claims: Sequence[Claimed]) -> None:
        told = [Incoming(f"SM{claim.id}", "undelivered", code, claim.id, 1) for claim in claims]
        receipts.apply(session, told, now=NOON)

    return step


def refused(code: int) -> Step:
    def step(session: Session, claims: Sequence[Claimed]) -> None:
        results = [Result(claim, Refused(code, "no", 400), NOON) for claim in claims]
        recording.record(session, results, max_attempts=1, now=NOON)

    return step


def sent(session: Session, blasts: Sequence[UUID], people: Sequence[int]) -> list[Claimed]:
    """Return messages that are on their way: to these people in this order, of one blast after the other."""
    made = [
        factories.delivery(
            session,
            number,
            blast_id=blasts[place % len(blasts)],
            status=DeliveryStatus.CLAIMED,
            attempt=1,
            claimed_at=NOON,
        )
        for place, number in enumerate(people)
    ]
    return [Claimed(row.id or 0, 1, row.kind, row.address, "", 1, row.blast_id) for row in made]


def together(engine: sa.Engine, *works: Callable[[Session], object]) -> None:
    begin = Barrier(len(works))

    def take(work: Callable[[Session], object]) -> None:
        begin.wait(30)
        with db.transaction(engine) as session:
            work(session)

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(take, work) for work in works]:
            done.result(60)


def test_answers_and_receipts_of_the_same_messages_do_not_wait_for_each_other(engine: sa.Engine) -> None:
    """A receipt may come before the answer is written down; answers come in any order."""
    for trial in range(2 * _TRIALS):
        with db.transaction(engine) as session:
            blast = factories.blast(session, status=BlastStatus.SENDING)
            claims = sent(session, [blast.id], range(trial * 300, (trial + 1) * 300))
        answers = [Result(claim, Accepted(f"SM{claim.id}"), NOON) for claim in claims[::-1]]
        told = [Incoming(f"SM{claim.id}", "sent", 0, claim.id, 1) for claim in claims]
        together(
            engine,
            partial(recording.record, results=answers, max_attempts=1, now=NOON),
            partial(receipts.apply, receipts=told, now=NOON),
        )
    with db.reading(engine) as session:
        assert session.scalars(sa.select(col(Delivery.status)).distinct()).all() == [DeliveryStatus.SENT]


@pytest.mark.parametrize("code", [OPTED_OUT, OUR_SETUP])
@pytest.mark.parametrize("pair", [(reported, reported), (refused, refused), (refused, reported)])
def test_failures_of_the_same_people_and_blasts_in_different_orders_do_not_wait_for_each_other(
    engine: sa.Engine, pair: Sequence[Callable[[int], Step]], code: int
) -> None:
    for trial in range(_TRIALS):
        people = range(trial * _PEOPLE, (trial + 1) * _PEOPLE)
        with db.transaction(engine) as session:
            blasts = [factories.blast(session, status=BlastStatus.SENDING).id for _ in range(_BLASTS)]
            orders = [sent(session, blasts, people), sent(session, blasts[::-1], people[::-1])]
        steps = [partial(each(code), claims=claims) for each, claims in zip(pair, orders, strict=True)]
        together(engine, *steps)
    with db.reading(engine) as session:
        held = session.scalar(sa.select(sa.func.count()).select_from(Suppression))
        assert held == (_PEOPLE * _TRIALS if code == OPTED_OUT else 0)
