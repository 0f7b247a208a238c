"""What a provider answers is kept in a form that the database takes, whatever it says."""

import json

import pytest

from core.channels import twilio, vonage
from core.channels.answers import trace_of
from core.domain.channel import Accepted, Outcome, Refused, Trace, Unknown

SID = "SM" + "0" * 32


def of_twilio(status: int, **answer: object) -> Outcome:
    return twilio._outcome(status, json.dumps(answer).encode())


@pytest.mark.parametrize("code", [10**11, "odd", -3, 0, None, [], "21211x", "9" * 5000], ids=str)
def test_a_code_that_is_none_gives_way_to_the_status(code: object) -> None:
    assert of_twilio(400, code=code, message="Bad") == Refused(400, "Bad", 400)


def test_a_code_may_be_written_as_a_word() -> None:
    assert of_twilio(400, code="21211", message="Bad") == Refused(21211, "Bad", 400)


@pytest.mark.parametrize("message", ["no \0 good", "no \n good", "no \x1b good", "no\u2028good"], ids=repr)
def test_words_are_one_printable_line(message: str) -> None:
    assert of_twilio(400, code=21211, message=message) == Refused(21211, "no good", 400)


def test_long_words_are_cut() -> None:
    told = of_twilio(400, code=21211, message="long " * 1000)
    assert isinstance(told, Refused)
    assert len(told.message) == 200


@pytest.mark.parametrize("sid", ["SM" + "7" * 80, "SM\0", "", None, 7, {}], ids=repr)
def test_what_can_be_no_id_leaves_it_unknown(sid: object) -> None:
    assert isinstance(of_twilio(201, sid=sid), Unknown)
    assert isinstance(vonage._outcome(202, json.dumps({"message_uuid": sid}).encode()), Unknown)


def test_an_id_is_kept() -> None:
    assert of_twilio(201, sid=SID) == Accepted(SID)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 500, 503])
def test_a_redirect_is_not_followed_and_tells_nothing(status: int) -> None:
    assert isinstance(twilio._outcome(status, b"{}"), Unknown)
    assert isinstance(vonage._outcome(status, b"{}"), Unknown)


@pytest.mark.parametrize(("code", "kept"), [(30003, 30003), ("30003", 30003), (None, 0), (10**30, 0), ("odd", 0)])
def test_a_record_is_kept_in_a_form_that_the_database_takes(code: object, kept: int) -> None:
    assert trace_of("SM1", "undelivered" * 9, code) == Trace("SM1", ("undelivered" * 9)[:32], kept)


@pytest.mark.parametrize("sid", ["SM\0", "SM" + "7" * 80, None, 7, ""], ids=repr)
def test_a_record_that_names_no_message_says_nothing(sid: object) -> None:
    with pytest.raises(ValueError, match="no message"):
        trace_of(sid, "sent", 0)
