"""What operators do with blasts, staff and members from the command line."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import AuditEntry, Contact, Delivery, OutboxEvent, SkipReason, Suppression, SuppressionCause
from core.slack.views import story
from core.usecases import suppression, tracing
from tests import factories
from tests.core.cli.conftest import Blast
from tests.factories import phone


def a_blast(status: BlastStatus = BlastStatus.SENDING, **values: Any) -> str:
    """Make a blast to `tenants` with one delivered and one skipped; return its id."""
    with db.transaction() as session:
        members = [factories.contact(session, number) for number in range(2)]
        tenants = factories.audience(session, "tenants", members)
        made = factories.blast(session, [tenants], status=status, **values)
        skipped = {"status": DeliveryStatus.SKIPPED, "skip_reason": SkipReason.OPTED_OUT}
        factories.delivery(session, 0, blast_id=made.id, status=DeliveryStatus.DELIVERED, contact_id=members[0].id)
        factories.delivery(session, 1, blast_id=made.id, contact_id=members[1].id, **skipped)
        return str(made.id)


def test_migrating_makes_the_first_admins_and_may_run_twice(blast: Blast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_ADMINS", "U0ADMIN,U0OTHER")
    blast.fine("migrate")
    blast.fine("migrate")
    found = blast.fine("staff", "list", "--json").json
    assert [(each["slack_user_id"], each["role"]) for each in found] == [("U0ADMIN", "admin"), ("U0OTHER", "admin")]


def test_staff_get_roles(blast: Blast) -> None:
    assert blast.fine("staff", "add", "U0ANN", "--role", "organizer").out == "U0ANN is now organizer.\n"
    blast.fine("staff", "add", "U0ANN", "--role", "approver")
    assert "approver" in blast.fine("staff", "list").out
    assert "Slack user" in blast.refused("staff", "add", "@ann", "--role", "admin")
    assert blast("staff", "add", "U0ANN", "--role", "king").code == 2


def test_blasts_are_listed_and_counted(blast: Blast) -> None:
    assert blast.fine("list", "--json").json == []
    blast_id = a_blast()
    (listed,) = blast.fine("list", "--json").json
    assert (listed["id"], listed["status"]) == (blast_id, "sending")
    assert blast_id in blast.fine("list").out
    told = blast.fine("status", blast_id, "--json").json
    assert told | {"name": "Rent meeting", "recipients": 2, "delivered": 1, "pending": 0} == told
    assert told["skipped"] == {"opted_out": 1}
    promised = "id name status recipients pending claimed accepted sent delivered undelivered failed refused unknown"
    assert told.keys() >= {*promised.split(), "skipped", "cancelled"}
    assert "opted_out" in blast.fine("status", blast_id[:8]).out


@pytest.mark.parametrize("wanted", ["x", "abc", "Rent meeting", "0" * 40, "00000000"])
def test_a_blast_that_isnt_there_is_refused_in_one_line(blast: Blast, wanted: str) -> None:
    a_blast()
    assert "blast list" in blast.refused("status", wanted)


def test_a_blast_is_paused_resumed_and_cancelled(blast: Blast) -> None:
    blast_id = a_blast()
    assert blast.fine("pause", blast_id, "--note", "a typo", "--json").json["status"] == "paused"
    assert "paused" in blast.refused("pause", blast_id)
    assert blast.fine("resume", blast_id).out == "“Rent meeting” is now sending.\n"
    assert blast.fine("cancel", blast_id, "--json").json["status"] == "cancelled"
    assert "cancelled" in blast.refused("resume", blast_id)
    with db.reading() as session:
        found = [(each.action, each.staff_id) for each in session.scalars(sa.select(AuditEntry))]
    assert found == [("blast.pause", None), ("blast.resume", None), ("blast.cancel", None)]


def test_somebody_is_put_out_of_reach_and_back(blast: Blast) -> None:
    blast.fine("suppress", "(212) 555-0100")
    assert blast.fine("suppress", phone(0), "--json").json["was_suppressed"] is True
    (held,) = blast.fine("why", phone(0), "--json").json["suppressions"]
    assert (held["cause"], held["source"], held["lifted_at"]) == ("manual", "cli", None)
    blast.fine("lift", phone(0))
    assert "nothing to lift" in blast.refused("lift", phone(0))
    assert "Was out of reach: manual" in blast.fine("why", phone(0)).out
    assert "too short" in blast.refused("suppress", "555")
    with db.reading() as session:
        entries = list(session.scalars(sa.select(AuditEntry).order_by(col(AuditEntry.id))))
        held_id = str(session.scalars(sa.select(col(Suppression.id))).one())
    assert [each.action for each in entries] == ["suppression.suppress", "suppression.lift"]
    assert all(each.fields == {"by": "cli", "suppressions": [held_id]} for each in entries)


def test_why_tells_which_failures_put_somebody_out_of_reach(blast: Blast) -> None:
    with db.transaction() as session:
        last = factories.delivery(session, 0, status=DeliveryStatus.UNDELIVERED, error_code=30005, attempt=1)
        values: dict[str, Any] = {"source": "receipt", "error_code": 30005, "strikes": 2, "delivery_id": last.id}
        suppression.suppress(session, phone(0), cause=SuppressionCause.HARD_FAILURE, now=utc_now(), **values)
        drawn = story.render(tracing.why(session, phone(0)))
        last_id = last.id
    assert f"hard failure (from receipt, code 30005, 2 failures, message {last_id})" in blast.fine("why", phone(0)).out
    (held,) = blast.fine("why", phone(0), "--json").json["suppressions"]
    assert (held["strikes"], held["delivery_id"]) == (2, last_id)
    assert "code 30005, 2 times), since" in drawn[0]


def test_a_thread_shows_what_an_operator_decides(blast: Blast) -> None:
    with db.transaction() as session:
        found = factories.conversation(session, 0, thread_channel="C0REPLIES", thread_ts="17.000100").id
        factories.conversation(session, 0, sender="+12125550199")
    blast.fine("suppress", phone(0))
    blast.fine("lift", phone(0))
    with db.reading() as session:
        told = [event.payload for event in session.scalars(sa.select(OutboxEvent).order_by(col(OutboxEvent.id)))]
    assert [each["conversation_id"] for each in told] == [str(found)] * 2
    assert [each["note"].split()[2] for each in told] == ["stopped", "allowed"]


def test_why_tells_of_each_blast_newest_first(blast: Blast) -> None:
    started = utc_now() - timedelta(hours=1)
    a_blast(started_at=started)
    with db.transaction() as session:
        joined = factories.audience(session, "joined later", [factories.contact(session, 2)])
        factories.blast(session, [joined], name="Too early", started_at=factories.NOON - timedelta(days=1))
        others = factories.audience(session, "others")
        factories.blast(session, [others], name="Not for her", started_at=started + timedelta(minutes=1))
    skipped = blast.fine("why", phone(1), "--json").json["messages"]
    assert [(each["blast"], each["status"], each["reason"]) for each in skipped] == [
        ("Not for her", "not a recipient", "they are in none of its audiences"),
        ("Rent meeting", "skipped", "opted out"),
        ("Too early", "not a recipient", "they are in none of its audiences"),
    ]
    late = {each["blast"]: each["reason"] for each in blast.fine("why", phone(2), "--json").json["messages"]}
    assert late["Too early"] == "they came into its audience after it had started"
    nobody = blast.fine("why", "+12125550199", "--json").json
    assert nobody["is_contact"] is False
    assert {each["reason"] for each in nobody["messages"]} == {"there is no contact with this address"}
    assert "there is no contact" not in blast.fine("why", "+12125550199").out, "said once is enough"
    assert "opted out" in blast.fine("why", phone(1)).out


def test_somebody_left_out_on_purpose_is_told_so(blast: Blast) -> None:
    with db.transaction() as session:
        she = factories.contact(session, 0)
        tenants = factories.audience(session, "tenants", [she])
        board = factories.audience(session, "board", [she])
        factories.blast(session, [tenants], excluded=[board], started_at=utc_now())
    (told,) = blast.fine("why", phone(0), "--json").json["messages"]
    assert told["reason"] == "they are in an audience that it left out"


def test_erasing_somebody_leaves_the_counts_and_the_opt_out(blast: Blast) -> None:
    blast_id = a_blast()
    blast.fine("suppress", phone(0))
    told = blast.fine("erase", phone(0), "--json").json
    assert (told["contacts"], told["deliveries"], told["is_suppressed"]) == (1, 1, True)
    assert blast.fine("status", blast_id, "--json").json["delivered"] == 1
    assert blast.fine("why", phone(0), "--json").json["suppressions"][0]["cause"] == "manual"
    assert "must not be messaged" in blast.refused("erase", phone(0))
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Contact)) == 1
        addresses = list(session.scalars(sa.select(col(Delivery.address))))
    assert phone(0) not in addresses


def test_cleaning_up_keeps_counts(blast: Blast) -> None:
    long_ago = utc_now() - timedelta(days=40)
    old = a_blast(BlastStatus.FINISHED, started_at=long_ago, finished_at=long_ago)
    before = blast.fine("status", old, "--json").json
    assert blast.fine("cleanup", "--days", "41", "--json").json["deliveries"] == 0
    assert blast.fine("cleanup", "--json").json["deliveries"] == 2
    assert blast.fine("status", old, "--json").json == before
    assert "0 deliveries" in blast.fine("cleanup").out
    assert blast("cleanup", "--days", "99999999").code == 2


def test_a_database_that_isnt_set_up_or_isnt_there_is_told_in_one_line(
    blast: Blast, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from core import settings

    empty = tmp_path_factory.mktemp("empty") / "blast.db"
    for url, words in ((f"sqlite:///{empty}", "blast migrate"), ("postgresql://127.0.0.1:1/x", "DATABASE_URL")):
        monkeypatch.setenv("DATABASE_URL", url)
        settings.current.cache_clear()
        db.engine().dispose()
        db.engine.cache_clear()
        assert words in blast.refused("list")


def test_the_doctor_names_what_is_wrong_and_what_to_do(blast: Blast) -> None:
    answer = blast("doctor", "--json")
    assert answer.code == 1
    found = {each["name"]: each for each in answer.json}
    assert found["database"]["is_well"]
    assert "SLACK_BOT_TOKEN" in found["settings"]["told"]
    assert not found["Twilio"]["is_well"]
    assert "problem  Slack" in blast("doctor").out
