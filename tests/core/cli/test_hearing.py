"""What operators do about what comes back: backfills, saved answers, failed events, the assistant's briefing."""

from pathlib import Path

import sqlalchemy as sa

from core import db
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.models import Briefing, ChannelName
from core.usecases import events, suppression
from tests import factories
from tests.core.cli.conftest import Blast
from tests.factories import phone

LOG = (
    "From,To,Body,Status,SentDate,ErrorCode,Sid,Direction\n"
    f"+12125550100,{phone(1)},Hello,undelivered,2026-05-01T16:00:00Z,30006,SM1,outbound-api\n"
    f"{phone(2)},+12125550100,please stop texting me,received,2026-05-01T16:00:00Z,,SM2,inbound\n"
    "+12125550100,nobody,Hello,failed,2026-05-01T16:00:00Z,21211,SM3,outbound-api\n"
)


def test_our_own_history_is_gone_through(blast: Blast) -> None:
    with db.transaction() as session:
        factories.delivery(session, 1, status=DeliveryStatus.FAILED, attempt=1, error_code=21211, ended_at=utc_now())
    counts = blast.fine("backfill", "--json").json
    promised = {"batches": 1, "logs": 1, "calls": 0, "details": 0, "unsubscribed": 0, "suppressed": 1}
    assert counts | promised == counts
    assert counts.keys() >= {"total", "failed", "opt_out", "hard_fail", "soft_fail", "upserts", "removals", "skipped"}
    assert "suppressed" in blast.fine("backfill").out
    assert "Out of reach" in blast.fine("why", phone(1)).out


def test_an_exported_log_is_gone_through(blast: Blast, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    counts = blast.fine("backfill", "--csv", str(path), "--json").json
    assert (counts["unsubscribed"], counts["suppressed"], counts["failed"], counts["total"]) == (1, 1, 1, 3)
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in blast.refused("backfill", "--csv", str(path))
    assert "Choose one" in blast.refused("backfill", "--csv", str(path), "--twilio", "3")
    with db.reading() as session:
        assert suppression.active(session, phone(2)) is not None


def test_answers_are_saved_listed_and_removed(blast: Blast) -> None:
    blast.fine("answers", "add", "Where", "At the hall.")
    assert blast.fine("answers", "list", "--json").json == [{"name": "Where", "body": "At the hall."}]
    assert "At the hall." in blast.fine("answers", "list").out
    blast.fine("answers", "remove", "where")
    assert "no saved answer" in blast.refused("answers", "remove", "where")


def test_what_help_is_answered_is_set_listed_and_removed(blast: Blast) -> None:
    with db.transaction() as session:
        factories.audience(session, "tenants")
    said = "{organization} at Elm Street. STOP to stop."
    blast.fine("help-texts", "set", said, "--audience", "Tenants")
    blast.fine("help-texts", "set", said, "--channel", "email")
    assert blast.fine("help-texts", "list", "--json").json == [
        {"audience": None, "channel": "email", "text": said},
        {"audience": "tenants", "channel": "sms", "text": said},
    ]
    assert "(everybody)" in blast.fine("help-texts", "list").out
    assert "how to stop" in blast.refused("help-texts", "set", "{organization}")
    blast.fine("help-texts", "remove", "--audience", "tenants")
    assert "no such text" in blast.refused("help-texts", "remove", "--audience", "tenants")
    assert "no audience" in blast.refused("help-texts", "remove", "--audience", "owners")


def test_failed_events_are_listed_and_tried_again(blast: Blast) -> None:
    with db.transaction() as session:
        events.keep(
            session, ChannelName.SMS, "text", "SM1", {}, error="It lacks From.", is_hopeless=True, now=utc_now()
        )
    (listed,) = blast.fine("events", "--failed", "--json").json
    assert (listed["error"], listed["due_at"]) == ("It lacks From.", None)
    assert "waits for you" in blast.fine("events", "--failed").out
    assert blast.fine("events", "--json").json == {"done": 0, "retrying": 0, "failed": 1}
    blast.fine("events", "--retry", str(listed["id"]))
    assert blast.fine("events", "--json").json["retrying"] == 1
    assert "No event 99" in blast.refused("events", "--retry", "99")


def test_the_assistant_is_briefed(blast: Blast, tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("You answer for {organization}.")
    blast.fine("assistant", "brief", "--prompt", str(path))
    blast.fine("assistant", "brief", "--prompt", str(path), "--context", str(path))
    with db.reading() as session:
        assert session.scalars(sa.select(Briefing)).one().context == "You answer for {organization}."
    assert "no audience" in blast.refused("assistant", "brief", "--prompt", str(path), "--audience", "nobody")
    assert blast.fine("assistant", "drafts", "--json").json == {}
