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
