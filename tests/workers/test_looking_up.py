"""What may have left is found at the provider, however alike texts are and whatever has changed since."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db, settings
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.models import Contact, Delivery
from tests import factories
from tests.sandbox.twilio_servers import Rig, Servers

ANA = factories.phone(7)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def servers(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


@pytest.fixture
def look_up(database_url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """What the worker does about unknowns that are due."""
    told = {
        "DATABASE_URL": database_url,
        "TWILIO_API_URL": f"{servers.url}/twilio",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "sandbox-auth-token",
        "TWILIO_FROM_NUMBER": factories.SENDER,
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    db.engine.cache_clear()
    from workers import settling

    yield settling.settle.fn
    db.engine().dispose()
    settings.current.cache_clear()
    db.engine.cache_clear()


def texted(servers: Servers, body: str) -> str:
    """Have the provider take a text from us; return its id."""
    sent = servers.client().messages.create(to=ANA, from_=factories.SENDER, body=body)
    return str(sent.sid)


def unknown(session: Session, *, claimed_at: datetime, **values: Any) -> None:
    """Make a delivery to Ana of which we don't know whether it left."""
    due = utc_now() - timedelta(seconds=1)
    factories.delivery(
        session, 7, status=DeliveryStatus.UNKNOWN, attempt=1, claimed_at=claimed_at, not_before=due, **values
    )


def known() -> list[tuple[str, str | None]]:
    with db.reading() as session:
        rows = session.execute(
            sa.select(col(Delivery.status), col(Delivery.provider_sid)).order_by(col(Delivery.id))
        ).all()
    return [(row[0].value, row[1]) for row in rows]


def test_of_two_texts_with_the_same_words_each_finds_its_own(servers: Servers, look_up: Callable[[], None]) -> None:
    sids = [texted(servers, "Yes.") for _ in range(3)]
    with db.transaction() as session:
        factories.delivery(
            session,
            7,
            body="Yes.",
            status=DeliveryStatus.ACCEPTED,
            attempt=1,
            claimed_at=utc_now(),
            provider_sid=sids[2],
        )
        for _ in range(2):
            unknown(session, body="Yes.", claimed_at=utc_now() - timedelta(minutes=1))
    look_up()
    assert sorted(sid or "" for _, sid in known()) == sorted(sids)
    assert "unknown" not in {status for status, _ in known()}


def test_a_text_is_found_though_its_contact_was_renamed_since(servers: Servers, look_up: Callable[[], None]) -> None:
    sid = texted(servers, "Hi Ana")
    then = utc_now() - timedelta(minutes=20)
    with db.transaction() as session:
        ana = factories.contact(session, 7, first_name="Ana", updated_at=then)
        blast = factories.blast(session, [factories.audience(session, contacts=[ana])], body="Hi {first_name}")
        unknown(session, blast_id=blast.id, contact_id=ana.id, claimed_at=then)
        session.execute(sa.update(Contact).values(first_name="Anna", updated_at=utc_now()))
    look_up()
    assert known()[0][1] == sid


def test_a_text_is_found_though_our_clock_is_ahead(servers: Servers, look_up: Callable[[], None]) -> None:
    sid = texted(servers, "Yes.")
    with db.transaction() as session:
        unknown(session, body="Yes.", claimed_at=utc_now() + timedelta(minutes=20))
    look_up()
    assert known()[0][1] == sid
