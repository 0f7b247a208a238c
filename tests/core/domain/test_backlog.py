"""A history is read as a whole: what was undone since counts no more."""

from datetime import timedelta

import pytest

from core.domain import backlog, message_log
from core.domain.backlog import Entry
from core.errors import Invalid
from tests.factories import NOON, phone

SHE = phone(1)
DAY = timedelta(days=1)


def failed(code: int, day: int = 0) -> Entry:
    return Entry(SHE, NOON + day * DAY, "failed", code=code)


def wrote(body: str, day: int = 0) -> Entry:
    return Entry(SHE, NOON + day * DAY, "text", body=body)


def delivered(day: int) -> Entry:
    return Entry(SHE, NOON + day * DAY, "delivered")


@pytest.mark.parametrize(
    ("history", "cause"),
    [
        ([failed(21610)], "opt_out"),
        ([failed(21211)], "hard"),
        ([failed(30007)], None),
        ([failed(30005), failed(30005, 1)], "hard"),
        ([failed(30005), delivered(1), failed(30005, 2)], None),
        ([failed(30003), failed(30003), failed(30003)], None),
        ([failed(30003), failed(30003, 1), failed(30003, 2)], "hard"),
        ([failed(21211), failed(21610, 1)], "opt_out"),
        ([failed(21610), delivered(1)], None),
        ([wrote("please stop texting me")], "opt_out"),
        ([wrote("STOP"), delivered(1)], "opt_out"),
        ([wrote("STOP"), wrote("START", 1)], None),
        ([wrote("START"), wrote("STOP", 1)], "opt_out"),
        ([wrote("STOP"), wrote("START", 1), failed(21211, 2)], "hard"),
        ([wrote("STOP EVENTS")], None),
        ([wrote("can't stop laughing")], None),
        ([], None),
    ],
)
def test_a_history_comes_to_one_verdict(history: list[Entry], cause: str | None) -> None:
    for order in (history, history[::-1]):
        verdict = backlog.judge(order)
        assert (verdict.cause if verdict else None) == cause


def test_what_was_lifted_counts_no_more() -> None:
    assert backlog.judge([failed(21211), wrote("STOP")], lifted_at=NOON + DAY) is None


LOG = """From,To,Body,Status,SentDate,ApiVersion,NumSegments,ErrorCode,AccountSid,Sid,Direction,Price,PriceUnit
+12125550100,+12125550101,"Hello, you",undelivered,2026-05-01T16:00:00Z,2010-04-01,1,30006,AC1,SM1,outbound-api,-1,USD
+12125550100,+12125550102,Hello,delivered,2026-05-01T16:00:01Z,2010-04-01,1,,AC1,SM2,outbound-api,-0.0083,USD
+12125550103,+12125550100,STOP,received,"Fri, 01 May 2026 16:01:00 +0000",2010-04-01,1,,AC1,SM3,inbound,-0.0083,USD
+12125550100,+12125550104,Hello,queued,2026-05-01T16:00:01Z,2010-04-01,1,,AC1,SM4,outbound-api,,USD
+12125550100,nobody,Hello,failed,2026-05-01T16:00:01Z,2010-04-01,1,21211,AC1,SM5,outbound-api,,USD
+12125550100,+12125550105,Hello,failed,yesterday,2010-04-01,1,21211,AC1,SM6,outbound-api,,USD
"""


def test_an_exported_log_is_read_and_its_broken_rows_are_counted() -> None:
    entries, unreadable = message_log.read(LOG.splitlines(keepends=True))
    told = [(entry.address[-4:], entry.kind, entry.code, entry.body, entry.sid) for entry in entries]
    assert told == [
        ("0101", "failed", 30006, "", "SM1"),
        ("0102", "delivered", 0, "", "SM2"),
        ("0103", "text", 0, "STOP", "SM3"),
    ]
    assert unreadable == 2


def test_what_is_no_log_is_refused() -> None:
    with pytest.raises(Invalid, match="message log"):
        message_log.read(["name,phone\n"])


def test_a_field_without_end_is_refused() -> None:
    with pytest.raises(Invalid, match="field larger"):
        message_log.read(["From,To,Status,SentDate,Body\n", "x" * 200_000])
