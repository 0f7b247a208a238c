"""Several senders on real workers: each at its own pace as the provider sees it, and a person keeps hers."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core.clock import utc_now
from core.models import Approval, Audience, Role
from deploy import ports
from tests import databases, factories
from tests.chaos import site as sites
from tests.chaos.site import Site, phones

pytestmark = [pytest.mark.journey, pytest.mark.slow]

OTHER = "+12125550101"
RATES = {factories.SENDER: 45, OTHER: 15}
TEXTS = 240
TRIES = 3


def begin(site: Site, *, body: str) -> None:
    """Put a blast to always the same people into the database, approved and due."""
    now = utc_now()
    with site.session() as session:
        pool = session.scalar(sa.select(Audience)) or factories.audience(
            session, contacts=[factories.contact(session, phone=phone) for phone in phones(TEXTS)]
        )
        made = factories.blast(session, [pool], body=body, starts_at=now - timedelta(seconds=1), created_at=now)
        by = factories.staff(session, "U0APPROVER", role=Role.APPROVER)
        what = (made.content_hash, made.revision)
        session.add(Approval(blast_id=made.id, staff_id=by.id, content_hash=what[0], revision=what[1], at=now))


def take(site: Site, *, body: str) -> list[dict[str, Any]]:
    """Send a blast; return what the provider took of it."""
    before = sum(1 for _ in site.stand_ins.texts())
    begin(site, body=body)
    page = f"/ui/ledger/messages?after={before - 1}&limit=10000"
    assert ports.wait_until(
        lambda: len(site.stand_ins.ask("GET", page)["messages"]) >= TEXTS, seconds=60, step_seconds=0.2
    )
    found: list[dict[str, Any]] = site.stand_ins.ask("GET", page)["messages"]
    return found


def is_kept(site: Site, taken: list[dict[str, Any]]) -> bool:
    """Tell whether each sender kept its pace in every second."""
    found = site.stand_ins.ask("GET", f"/ui/ledger/windows?since={taken[0]['order']}")["senders"]
    return all(found[sender]["max_segments"] <= rate + max(1, rate * 0.02) for sender, rate in RATES.items())


@databases.on_postgresql
def test_each_sender_keeps_its_pace_and_its_people(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    named = ",".join(f"{sender}={rate}" for sender, rate in RATES.items())
    with sites.opened(tmp_path_factory.mktemp("site"), database_url, settings={"TWILIO_SENDERS": named}) as site:
        site.stand_ins.behave(senders=[OTHER])
        taken = [take(site, body="The rent meeting is on Monday.")]
        # Where many things run at once, what lies between us and the stand-in is held up for a moment.
        while not is_kept(site, taken[-1]):
            assert len(taken) < TRIES
            taken.append(take(site, body=f"The rent meeting is on day {len(taken)}."))
        taken.append(take(site, body="It begins at 6."))
    senders = defaultdict(set)
    for text in (text for each in taken for text in each):
        senders[text["to"]].add(text["from"])
    assert len(senders) == TEXTS
    assert {len(theirs) for theirs in senders.values()} == {1}
    shares = [len([1 for theirs in senders.values() if sender in theirs]) / TEXTS for sender in RATES]
    assert shares == pytest.approx([0.75, 0.25], abs=0.1)
