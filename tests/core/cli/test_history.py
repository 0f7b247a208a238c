"""`blast backfill` takes logs as they are exported, and says in a line what is in its way."""

from pathlib import Path

import pytest

from tests.core.cli.conftest import Blast
from tests.factories import phone


def test_a_text_with_odd_line_ends_is_one_row(blast: Blast, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    row = f"{phone(0)},{phone(1)},received,2026-11-20T10:00:00Z,hello\u2028STOP\r\n"
    log.write_text("From,To,Status,SentDate,Body\r\n" + row, encoding="utf-8", newline="")
    told = blast.fine("backfill", "--csv", str(log), "--json").json
    assert (told["total"], told["failed"]) == (1, 0)


def test_a_provider_out_of_reach_is_told_in_a_line(
    blast: Blast, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    for name, value in {
        "TWILIO_API_URL": f"http://127.0.0.1:{free_port}",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "token",
    }.items():
        monkeypatch.setenv(name, value)
    assert blast.refused("backfill", "--twilio", "3").startswith("Twilio can't be asked")


HEADER = "From,To,Body,Status,SentDate,Direction\n"


def test_a_stop_with_a_date_that_can_not_be_read_is_heard_and_counted_as_failed(blast: Blast, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(HEADER + f"{phone(2)},{phone(1)},STOP,received,11/01/2026 10:00,inbound\n")
    counts = blast.fine("backfill", "--csv", str(log), "--json").json
    assert (counts["unsubscribed"], counts["failed"], counts["total"]) == (1, 1, 1)


def test_american_dates_are_read(blast: Blast, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = (
        f"{phone(number)},{phone(1)},STOP,received,{at},inbound\n"
        for number, at in ((2, "11/25/2026 10:00"), (3, "11/1/26"))
    )
    log.write_text(HEADER + "".join(rows))
    counts = blast.fine("backfill", "--csv", str(log), "--json").json
    assert (counts["unsubscribed"], counts["failed"], counts["total"]) == (2, 0, 2)
