"""Whatever members stop and start, of everything, of events or of one audience: what they get is what they asked."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import Audience, AudienceKind, Contact, Delivery, DeliveryKind
from core.usecases import inbound, reach
from core.usecases.inbound import Text
from tests import databases, factories
from tests.factories import NOON, SENDER, phone

EVENTS = frozenset({"Rally", "Picnic"})
ALL = EVENTS | {"Tenants"}
MEANT = {"RALLY": frozenset({"Rally"}), "TENANTS": frozenset({"Tenants"}), "EVENTS": EVENTS}
STEPS = tuple(f"{verb} {name}".strip() for verb in ("STOP", "START") for name in ("", *MEANT))


@dataclass
class Wish:
    """What somebody wants, said without tables: `open` is what they would get, if they had not stopped everything."""

    open: frozenset[str] = ALL
    has_stopped: bool = False

    def say(self, body: str) -> None:
        verb, _, name = body.partition(" ")
        if verb == "STOP" and not name:
            self.has_stopped = True
        elif verb == "STOP":
            self.open -= MEANT[name]
        elif name:
            self.open = MEANT[name] | (frozenset() if self.has_stopped else self.open)
            self.has_stopped = False
        elif self.has_stopped:
            self.has_stopped = False
        else:
            self.open = ALL

    @property
    def reach(self) -> frozenset[str]:
        return frozenset() if self.has_stopped else self.open


def settle(session: Session, spoken: Sequence[Sequence[str]]) -> None:
    """Make a member for each of these rows of texts, in all audiences, and have them written."""
    gather(session, len(spoken))
    for number, bodies in enumerate(spoken):
        for at, body in enumerate(bodies):
            write(session, number, body, at)


def gather(session: Session, count: int) -> None:
    """Make members who are in all audiences."""
    members = [factories.contact(session, number) for number in range(count)]
    for name in sorted(ALL):
        kind = AudienceKind.EVENT if name in EVENTS else AudienceKind.COMMUNITY
        factories.audience(session, name, members, kind=kind)


def write(session: Session, number: int, body: str, at: int, *, comes: int | None = None) -> None:
    """Have a member's text taken in at its time, in hours, or late."""
    text, sent_at = Text(f"SM{number}.{at}", phone(number), SENDER, body), NOON + timedelta(hours=at)
    now = sent_at if comes is None else NOON + timedelta(hours=comes)
    inbound.take(session, text, organization="Us", sent_at=None if comes is None else sent_at, now=now)


def reached(session: Session) -> dict[str, frozenset[str]]:
    """Return what reaches each address, as planning has it."""
    pools = session.scalars(sa.select(Audience)).all()
    held = {pool.name: set(session.scalars(sa.select(reach.held([pool.id]).c.address))) for pool in pools}
    addresses = session.scalars(sa.select(col(Contact.phone))).all()
    return {each or "": frozenset(name for name in ALL if each not in held[name]) for each in addresses}


def wished(bodies: Sequence[str]) -> frozenset[str]:
    wish = Wish()
    for body in bodies:
        wish.say(body)
    return wish.reach


def require_as_wished(session: Session, spoken: Sequence[Sequence[str]]) -> None:
    settle(session, spoken)
    found = reached(session)
    for number, bodies in enumerate(spoken):
        assert found[phone(number)] == wished(bodies), bodies


@databases.on_sqlite
def test_every_three_texts_in_a_row_leave_what_was_asked_for(session: Session) -> None:
    # Who has stopped nothing has nothing to start, so that each row begins with a STOP.
    require_as_wished(session, list(product(STEPS[:4], STEPS, STEPS)))


def test_many_texts_in_a_row_leave_what_was_asked_for(session: Session) -> None:
    chance = random.Random(7)
    require_as_wished(session, [chance.choices(STEPS, k=8) for _ in range(60)])


def test_who_comes_back_for_one_event_is_told_so_once(session: Session) -> None:
    settle(session, [["STOP EVENTS", "START RALLY"]])
    is_answer = col(Delivery.kind) == DeliveryKind.ANSWER
    told = session.scalars(sa.select(col(Delivery.body)).where(is_answer).order_by(col(Delivery.id))).all()
    assert told[1:] == ["Us: you will get texts about Rally again. Reply STOP to stop all of our texts."]


def test_a_stop_of_events_that_comes_late_leaves_the_events_that_they_did_not_come_back_for(session: Session) -> None:
    gather(session, 1)
    write(session, 0, "START RALLY", 2)
    write(session, 0, "STOP EVENTS", 1, comes=9)
    assert reached(session)[phone(0)] == {"Rally", "Tenants"}


def test_texts_that_come_late_in_any_order_reach_nobody_who_asked_not_to_be(session: Session) -> None:
    chance = random.Random(11)
    spoken = [chance.choices(STEPS, k=5) for _ in range(60)]
    gather(session, len(spoken))
    for number, bodies in enumerate(spoken):
        for at in chance.sample(range(len(bodies)), len(bodies)):
            write(session, number, bodies[at], at, comes=100)
    found = reached(session)
    for number, bodies in enumerate(spoken):
        assert found[phone(number)] <= wished(bodies), bodies
