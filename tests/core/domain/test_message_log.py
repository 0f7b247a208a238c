"""An exported log is read row by row, whatever its texts hold and a spreadsheet has done to its dates."""

import io
from datetime import UTC, datetime

import pytest

from core.domain import log_dates, message_log
from core.domain.message_log import Found
from core.errors import Invalid
from tests.factories import NOON

LOG = """From,To,Body,Status,SentDate,ApiVersion,NumSegments,ErrorCode,AccountSid,Sid,Direction,Price,PriceUnit
+12125550100,+12125550101,"Hello, you",undelivered,2026-05-01T16:00:00Z,2010-04-01,1,30006,AC1,SM1,outbound-api,-1,USD
+12125550100,+12125550102,Hello,delivered,2026-05-01T16:00:01Z,2010-04-01,1,,AC1,SM2,outbound-api,-0.0083,USD
+12125550103,+12125550100,STOP,received,"Fri, 01 May 2026 16:01:00 +0000",2010-04-01,1,,AC1,SM3,inbound,-0.0083,USD
+12125550100,+12125550104,Hello,queued,2026-05-01T16:00:01Z,2010-04-01,1,,AC1,SM4,outbound-api,,USD
+12125550100,nobody,Hello,failed,2026-05-01T16:00:01Z,2010-04-01,1,21211,AC1,SM5,outbound-api,,USD
+12125550100,+12125550105,Hello,failed,yesterday,2010-04-01,1,21211,AC1,SM6,outbound-api,,USD
"""
HEADER = "From,To,Body,Status,SentDate,Direction\n"


def read(log: str) -> Found:
    return message_log.read(io.StringIO(log, newline=""), until=NOON)


def wrote(body: str, at: str) -> str:
    return f'+12125550103,+12125550100,"{body}",received,"{at}",inbound\n'


def test_an_exported_log_is_read_and_its_broken_rows_are_counted() -> None:
    entries, unreadable, undated = read(LOG)
    told = [(entry.address[-4:], entry.kind, entry.code, entry.body, entry.sid) for entry in entries]
    assert told == [
        ("0101", "failed", 30006, "", "SM1"),
        ("0102", "delivered", 0, "", "SM2"),
        ("0103", "text", 0, "STOP", "SM3"),
    ]
    assert (unreadable, undated) == (2, 0)


def test_what_is_no_log_is_refused() -> None:
    with pytest.raises(Invalid, match="message log"):
        read("name,phone\n")


def test_a_log_whose_rows_can_not_be_told_apart_is_refused_with_the_line() -> None:
    with pytest.raises(Invalid, match="after line 2"):
        read(HEADER + wrote("Hi", "2026-05-01") + '+1,+2,"' + "x" * 131_073 + '",received,2026-05-01,inbound\n')


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["11/30/2026 10:00", "11/01/2026 10:00"], "month first"),
        (["30/11/2026 10:00", "11/01/2026 10:00"], "day first"),
        (["11/01/2026 10:00"], None),
        (["11/30/2026 10:00", "30/11/2026 10:00"], None),
        (["2026-05-01T16:00:00Z", ""], None),
    ],
)
def test_the_order_of_day_and_month_is_what_the_log_says_beyond_doubt(dates: list[str], order: str | None) -> None:
    assert log_dates.order(dates) == order


@pytest.mark.parametrize(
    ("text", "hour"),
    [("11/01/2026 10:00", 10), ("11/1/26 10:00", 10), ("11/01/2026, 10:00:00 PM", 22), ("11/01/2026 12:00 am", 0)],
)
def test_a_date_is_read_month_first_when_the_log_says_so(text: str, hour: int) -> None:
    assert log_dates.read(text, "month first") == datetime(2026, 11, 1, hour, tzinfo=UTC)
    assert log_dates.read(text, "day first") == datetime(2026, 1, 11, hour, tzinfo=UTC)
    with pytest.raises(ValueError, match="either"):
        log_dates.read(text, None)


def test_dates_with_the_month_first_are_read() -> None:
    entries, unreadable, undated = read(HEADER + wrote("Hi", "11/01/2026 10:00") + wrote("Ho", "11/30/2026 10:00"))
    assert [entry.at.month for entry in entries] == [11, 11]
    assert (unreadable, undated) == (0, 0)


def test_a_stop_is_read_even_if_its_date_is_not() -> None:
    entries, unreadable, undated = read(HEADER + wrote("Hi", "11/01/2026") + wrote("STOP", "11/01/2026 10:00"))
    assert [(entry.body, entry.at) for entry in entries] == [("STOP", NOON)]
    assert (unreadable, undated) == (1, 1)


def test_a_stop_without_a_date_counts_from_the_logs_last() -> None:
    entries, _, _ = read(HEADER + wrote("STOP", "soon") + wrote("Hi", "2026-05-01T16:00:00Z"))
    assert {entry.at for entry in entries} == {datetime(2026, 5, 1, 16, tzinfo=UTC)}
