"""Good rows go in, bad ones come back with a sentence, and running it again changes nothing."""

import io
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from core import db
from core.domain import sheets
from core.errors import Invalid
from core.models import Audience, AudienceKind, AuditEntry, Contact, Membership
from core.usecases import importing, suppression
from core.usecases.importing import Tally, Target
from tests import databases
from tests.factories import NOON, phone

SAMPLES = Path(__file__).parent / "samples"


class Desk:
    """Where files are brought in: keeps what the last one's refused rows were told."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.refused: list[tuple[int, str]] = []

    def bring(self, content: str | bytes, audience: str = "tenants", kind: AudienceKind | None = None) -> Tally:
        written = content.encode() if isinstance(content, str) else content
        sheet = sheets.open_sheet(io.BytesIO(written))
        self.refused = []
        return importing.run(
            sheet,
            Target(audience, kind),
            step=partial(db.transaction, self.engine),
            refuse=lambda row, sentence: self.refused.append((row.line, sentence)),
            now=NOON,
        )

    def contacts(self) -> dict[str | None, Contact]:
        with db.reading(self.engine) as session:
            return {each.phone or each.email: each for each in session.scalars(sa.select(Contact))}

    def count(self, table: type) -> int:
        with db.reading(self.engine) as session:
            return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    return Desk(engine)


def counts(tally: Tally) -> tuple[int, int, int, int, int]:
    assert tally.rows == tally.added + tally.updated + tally.unchanged + tally.duplicates + tally.rejected
    return tally.added, tally.updated, tally.unchanged, tally.duplicates, tally.rejected


def test_a_messy_file_is_brought_in_as_far_as_it_can_be(desk: Desk) -> None:
    content = (SAMPLES / "members.csv").read_bytes()
    assert counts(desk.bring(content)) == (6, 0, 0, 1, 6)
    assert [line for line, _ in desk.refused] == [9, 10, 13, 16, 17, 18]
    contacts = desk.contacts()
    assert set(contacts) == {
        "+12125550101", "+12125550102", "+12125550103", "kim@example.org", "+442079460105", "+12125550106"
    }  # fmt: skip
    assert (contacts["+12125550102"].email, contacts["+12125550102"].attributes["zip_code"]) == (
        "ann@example.org",
        "10002",
    )
    assert contacts["+12125550101"].zones == "America/New_York"
    assert contacts["+12125550101"].region == "US-NY"
    assert desk.count(Membership) == 6


def test_running_it_again_changes_nothing(desk: Desk) -> None:
    content = (SAMPLES / "members.csv").read_bytes()
    first = desk.bring(content)
    before = {key: each.model_dump() for key, each in desk.contacts().items()}
    again = desk.bring(content)
    assert counts(again) == (0, 0, 6, 1, 6)
    assert (first.members, again.members) == (6, 6)
    assert {key: each.model_dump() for key, each in desk.contacts().items()} == before


def test_what_a_later_file_says_is_taken_over_and_what_it_leaves_empty_stays(desk: Desk) -> None:
    desk.bring("phone,name,zip,language\n2125550101,Jane,10001,es\n")
    tally = desk.bring("phone,name,size\n2125550101,Jane Doe,M\n")
    assert counts(tally) == (0, 1, 0, 0, 0)
    jane = desk.contacts()[phone(1)]
    assert (jane.name, jane.language, jane.attributes) == ("Jane Doe", "es", {"zip": "10001", "size": "M"})


def test_somebody_is_found_by_email_and_gets_her_phone(desk: Desk) -> None:
    desk.bring("email,name\njane@example.org,Jane\n")
    assert counts(desk.bring("phone,email\n2125550101,JANE@example.org\n")) == (0, 1, 0, 0, 0)
    (jane,) = desk.contacts().values()
    assert (jane.phone, jane.email, jane.name) == (phone(1), "jane@example.org", "Jane")
    assert jane.zones == "America/New_York"


def test_two_peoples_addresses_in_one_row_are_refused(desk: Desk) -> None:
    desk.bring("phone,email\n2125550101,\n,jane@example.org\n")
    assert counts(desk.bring("phone,email\n2125550101,jane@example.org\n")) == (0, 0, 0, 0, 1)
    assert "two different contacts" in desk.refused[0][1]


def test_a_shared_email_is_refused_and_names_nobodys_number(desk: Desk) -> None:
    desk.bring("phone,email\n2125550101,jane@example.org\n")
    desk.bring("phone,email\n2125550102,jane@example.org\n")
    assert "another number (•••0101)" in desk.refused[0][1]
    assert desk.contacts().keys() == {phone(1)}


def test_an_email_address_may_pass_from_one_to_another_within_a_file(desk: Desk) -> None:
    desk.bring("phone,email\n2125550101,a@example.org\n2125550102,b@example.org\n")
    tally = desk.bring("phone,email\n2125550101,c@example.org\n2125550102,a@example.org\n2125550103,b@example.org\n")
    assert counts(tally) == (1, 2, 0, 0, 0)
    assert [each.email for _, each in sorted(desk.contacts().items(), key=str)] == [
        "c@example.org",
        "a@example.org",
        "b@example.org",
    ]


def test_duplicates_are_merged_and_counted_also_when_they_are_far_apart(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_BATCH", 2)
    rows = "phone,name,zip\n2125550101,Jane,\n2125550102,Joe,\n(212) 555-0101,,10001\n2125550101,Jane,\n"
    assert counts(desk.bring(rows)) == (2, 0, 0, 2, 0)
    assert desk.contacts()[phone(1)].attributes == {"zip": "10001"}


def test_the_size_of_a_batch_makes_no_difference(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (SAMPLES / "members.csv").read_bytes()
    monkeypatch.setattr(importing, "_BATCH", 1)
    assert counts(desk.bring(content)) == (6, 0, 0, 1, 6)


def test_people_of_one_kind_never_get_into_an_audience_of_the_other(desk: Desk) -> None:
    desk.bring("phone\n2125550101\n", "tenants")
    with pytest.raises(Invalid, match="never mix"):
        desk.bring("phone\n2125550102\n", "TENANTS", AudienceKind.EVENT)
    assert desk.count(Contact) == 1
    desk.bring("phone\n2125550101\n", "picnic", AudienceKind.EVENT)
    assert (desk.count(Contact), desk.count(Membership)) == (1, 2)


def test_a_file_without_one_good_row_makes_no_audience(desk: Desk) -> None:
    assert counts(desk.bring("phone\n1\n2\n")) == (0, 0, 0, 0, 2)
    assert (desk.count(Audience), desk.count(AuditEntry)) == (0, 0)


def test_an_import_lifts_no_suppression(desk: Desk) -> None:
    with db.transaction(desk.engine) as session:
        suppression.opt_out(session, phone(1), source="inbound", now=NOON)
    desk.bring("phone\n2125550101\n")
    with db.reading(desk.engine) as session:
        assert suppression.active(session, phone(1)) is not None


def test_who_brought_in_what_is_on_record(desk: Desk) -> None:
    desk.bring("phone\n2125550101\n1\n")
    with db.reading(desk.engine) as session:
        entry = session.scalars(sa.select(AuditEntry)).one()
    assert entry.action == "audience.import"
    assert (entry.fields["audience"], entry.fields["added"], entry.fields["rejected"]) == ("tenants", 1, 1)


def test_an_import_that_breaks_off_is_taken_up_by_running_it_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH", 2)
    rows = "phone\n" + "".join(f"212555{100 + at:04}\n" for at in range(6))
    steps = broken_after(3, partial(db.transaction, desk.engine))
    with pytest.raises(ConnectionError):
        importing.run(
            sheets.open_sheet(io.BytesIO(rows.encode())),
            Target("tenants"),
            step=steps,
            refuse=lambda row, sentence: None,
            now=NOON,
        )
    assert desk.count(Contact) == 4
    assert counts(desk.bring(rows)) == (2, 0, 4, 0, 0)


def broken_after(good: int, opened: Callable[[], object]) -> importing.Step:
    """Return steps of which all after the first `good` break off before they are saved."""
    taken = 0

    @contextmanager
    def step() -> Iterator[Session]:
        nonlocal taken
        taken += 1
        with opened() as session:  # type: ignore[attr-defined]  # any context manager of a session
            yield session
            if taken > good:
                raise ConnectionError

    return step


def test_two_imports_at_once_make_nobody_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH", 10)
    rows = [f"{phone(at)},p{at}@example.org\n" for at in range(200)]
    tallies: list[Tally] = []
    desks = [Desk(desk.engine), Desk(desk.engine)]
    orders = ["phone,email\n" + "".join(rows), "phone,email\n" + "".join(reversed(rows))]
    threads = [
        Thread(target=lambda each=each, content=content: tallies.append(each.bring(content)))
        for each, content in zip(desks, orders, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(counts(tally)[0] + counts(tally)[2] for tally in tallies) == [200, 200]
    assert sum(tally.added for tally in tallies) == 200
    assert (desk.count(Contact), desk.count(Membership), desk.count(Audience)) == (200, 200, 1)


addresses = st.tuples(
    st.sampled_from(["", "2125550101", "2125550102", "2125550103"]), st.sampled_from(["", "a@b.co", "c@d.co"])
)


@databases.on_sqlite
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(addresses, min_size=1, max_size=8), batch=st.integers(1, 8))
def test_any_order_of_addresses_ends_alike_whatever_the_batch(
    desk: Desk, rows: list[tuple[str, str]], batch: int
) -> None:
    content = "phone,email\n" + "".join(f"{number},{mail}\n" for number, mail in rows) + "x,\n"
    outcomes = []
    for size in (1, batch, 100):
        with db.transaction(desk.engine) as session:
            for table in (Membership, Contact):
                session.execute(sa.delete(table))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(importing, "_BATCH", size)
            tally = desk.bring(content)
        found = sorted((each.phone or "", each.email or "") for each in desk.contacts().values())
        outcomes.append((counts(tally)[0], tally.duplicates, tally.rejected, found))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@databases.on_sqlite
def test_memory_stays_flat_however_long_the_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH", 500)
    peaks = []
    for count in (1_000, 6_000):
        # The fictional range hasn't so many numbers: the e-mail tells people apart.
        rows = "email,name\n" + "".join(f"p{at}@example.org,Jane {at}\n" for at in range(count))
        tracemalloc.start()
        assert desk.bring(rows).rows == count
        peaks.append(tracemalloc.get_traced_memory()[1] - len(rows))
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000, peaks


def test_time_zone_and_language_are_kept(desk: Desk) -> None:
    desk.bring("phone,tz,lang\n2125550101,America/Chicago,es\n")
    desk.bring("phone\n2125550101\n")
    found = desk.contacts()[phone(1)]
    assert (found.zones, found.time_zone, found.language) == ("America/Chicago", "America/Chicago", "es")
    assert desk.count(Membership) == 1
