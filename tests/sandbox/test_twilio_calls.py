"""Calls from a phone: the product's verbs are carried out, and what it is told is what Twilio would tell it."""

import wave
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.twilio_servers import ACCOUNT, SENDER, TOKEN, Rig, Servers

ANA = "+12125550123"
LOGIN = {"Authorization": "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()}
MENU = (
    '<Response><Gather numDigits="1" action="/keys?a=1#rc=2"><Say language="en-US">Press 9 &amp; wait.</Say></Gather>'
    '<Say>Speak.</Say><Record maxLength="20" action="/done" recordingStatusCallback="/ready" finishOnKey="#"/>'
    "<Say>Nothing.</Say></Response>"
)
BYE = "<Response><Say>Goodbye.</Say><Hangup/><Say>never said</Say></Response>"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def servers(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


def place(servers: Servers, *answers: str, **fields: object) -> Any:
    servers.product.answers.extend((200, "text/xml", answer) for answer in answers)
    return servers.post("/ui/phones/call", **{"from": ANA, **fields})


def act(servers: Servers, call: Any, what: str, **fields: object) -> Any:
    return servers.post(f"/ui/phones/call/{call['sid']}/{what}", **fields)


def heard(call: Any) -> list[str]:
    return [line["text"] for line in call["lines"] if line["who"] == "voice"]


def paths(servers: Servers) -> list[str]:
    return [posted.path for posted in servers.product.posted]


def ask(servers: Servers, method: str, url: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = HTTPConnection(urlsplit(servers.url).netloc, timeout=60)
    try:
        connection.request(method, urlsplit(url).path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_call_is_posted_with_twilios_fields(servers: Servers) -> None:
    call = place(servers, MENU)
    (posted,) = servers.product.posted
    assert (call["state"], heard(call)) == ("key", ["Press 9 & wait."])
    assert posted.path == "/twilio/voice"
    assert posted.is_signed(servers.product.url)
    given = {"AccountSid": ACCOUNT, "CallSid": call["sid"], "From": ANA, "To": SENDER, "CallStatus": "ringing"}
    assert posted.form == posted.form | given


def test_a_key_is_told_at_the_address_that_was_named_for_it(servers: Servers) -> None:
    call = act(servers, place(servers, MENU, BYE), "press", key="9")
    _, key, ended = servers.product.posted
    assert (key.path, key.query, key.form["Digits"]) == ("/keys", "a=1", "9")
    assert key.is_signed(servers.product.url)
    assert (ended.path, ended.form["CallStatus"]) == ("/twilio/voice/ended", "completed")
    assert heard(call) == ["Press 9 & wait.", "Goodbye."]
    assert call["state"] == "ended"


def test_who_waits_hears_the_tone_and_who_says_nothing_the_rest(servers: Servers) -> None:
    call = act(servers, place(servers, MENU), "wait")
    assert (call["state"], heard(call)[-1]) == ("tone", "Speak.")
    call = act(servers, call, "wait")
    assert (call["state"], heard(call)[-1]) == ("ended", "Nothing.")
    assert paths(servers) == ["/twilio/voice", "/twilio/voice/ended"]


def test_a_message_is_told_of_when_it_ends_and_when_it_is_ready(servers: Servers) -> None:
    call = act(servers, place(servers, MENU), "speak", seconds=40)
    assert call["state"] == "ended"
    _, done, ended, ready = servers.product.posted
    assert [done.path, ended.path, ready.path] == ["/done", "/twilio/voice/ended", "/ready"]
    assert (done.form["Digits"], done.form["From"], done.form["RecordingDuration"]) == ("hangup", ANA, "20")
    assert "From" not in ready.form
    assert ready.form["RecordingUrl"] == done.form["RecordingUrl"]
    assert ready.is_signed(servers.product.url)


def test_a_recording_is_there_for_whoever_has_the_credentials_until_it_is_deleted(servers: Servers) -> None:
    act(servers, place(servers, MENU), "speak", seconds=3)
    url = servers.product.posted[-1].form["RecordingUrl"]
    assert ask(servers, "GET", url, {})[0] == 401
    status, content = ask(servers, "GET", url, LOGIN)
    with wave.open(BytesIO(content)) as sound:
        assert (status, sound.getnframes() / sound.getframerate()) == (200, 3.0)
    assert [ask(servers, method, f"{url}.json", LOGIN)[0] for method in ("GET", "DELETE", "GET", "DELETE")] == [
        200,
        204,
        404,
        404,
    ]


def test_a_key_may_end_a_message(servers: Servers) -> None:
    call = act(servers, place(servers, MENU, BYE), "wait")
    act(servers, call, "press", key="5")
    assert act(servers, call, "press", key="#")["state"] == "ended"
    done = next(posted for posted in servers.product.posted if posted.path == "/done")
    assert done.form["Digits"] == "#"


def test_who_withholds_their_number_isnt_named(servers: Servers) -> None:
    place(servers, MENU, withheld=True)
    assert servers.product.posted[0].form["From"] == "anonymous"
    assert ANA not in str(servers.product.posted[0].form)


def test_hanging_up_is_told_once(servers: Servers) -> None:
    call = place(servers, MENU)
    for _ in range(2):
        act(servers, call, "hangup")
    assert paths(servers) == ["/twilio/voice", "/twilio/voice/ended"]


@pytest.mark.parametrize(
    "answer",
    ["<Response><Say>", "<Other/>", "<Response><Dial>+1</Dial></Response>", "<!DOCTYPE a><Response/>"],
)
def test_what_isnt_understood_is_trouble_for_the_caller(servers: Servers, answer: str) -> None:
    call = place(servers, answer)
    assert call["state"] == "ended"
    assert "application error" in heard(call)[-1]


def test_a_script_that_leads_in_circles_ends(servers: Servers) -> None:
    call = place(servers, *["<Response><Redirect>/again</Redirect></Response>"] * 50)
    assert "application error" in heard(call)[-1]


@pytest.mark.parametrize(
    ("what", "fields"),
    [("press", {"key": "99"}), ("press", {}), ("speak", {"seconds": 0}), ("speak", {"seconds": "x"}), ("sing", {})],
)
def test_what_a_caller_cannot_do_is_refused(servers: Servers, what: str, fields: dict[str, object]) -> None:
    assert "error" in act(servers, place(servers, MENU), what, **fields)


def test_a_call_must_be_from_a_phone_to_one_of_the_numbers(servers: Servers) -> None:
    assert "error" in place(servers, **{"from": "me"})
    assert "error" in place(servers, to="+12125550199")
    assert "error" in act(servers, {"sid": "CA1"}, "hangup")
