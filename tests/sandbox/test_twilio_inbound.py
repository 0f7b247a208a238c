"""What members text: keywords, the signed post to the product, and its answers in TwiML."""

from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.twilio_servers import ACCOUNT, SENDER, TOKEN, Rig, Servers, TwilioRestException, wait_until

ANA = "+12125550123"
XML = "text/xml"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def servers(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


def text(servers: Servers, body: str, member: str = ANA, **fields: object) -> Any:
    return servers.post("/ui/phones/text", **{"from": member, "body": body, **fields})


def on_phone(servers: Servers, member: str = ANA) -> list[str]:
    phone = servers.get(f"/ui/phones?phone=%2B{member[1:]}")["phones"][0]
    return [message["body"] for message in phone["messages"] if message["direction"] == "to_member"]


def send(servers: Servers, body: str = "Hello", to: str = ANA) -> None:
    servers.client().messages.create(to=to, from_=SENDER, body=body)


def test_a_text_is_posted_with_twilios_fields(servers: Servers) -> None:
    answer = text(servers, "Who is this?")
    (posted,) = servers.product.posted
    assert answer["status"] == 204
    assert posted.path == "/twilio/inbound"
    assert posted.is_signed(servers.product.url)
    assert posted.form["MessageSid"] == posted.form["SmsMessageSid"] == posted.form["SmsSid"] == answer["sid"]
    assert (
        posted.form
        | {
            "AccountSid": ACCOUNT,
            "From": ANA,
            "To": SENDER,
            "Body": "Who is this?",
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
            "FromCity": "NEW YORK",
        }
        == posted.form
    )


def test_pictures_are_named_with_their_types(servers: Servers) -> None:
    answer = text(servers, "", media=["https://example.org/cat.png", "https://example.org/x"])
    form = servers.product.posted[0].form
    assert answer["sid"].startswith("MM")
    assert (form["NumMedia"], form["Body"]) == ("2", "")
    assert (form["MediaUrl0"], form["MediaContentType0"]) == ("https://example.org/cat.png", "image/png")
    assert form["MediaContentType1"] == "image/jpeg"
    assert servers.product.posted[0].is_signed(servers.product.url)


@pytest.mark.parametrize(
    "word", ["STOP", " stop ", "Unsubscribe", "END", "QUIT", "STOPALL", "CANCEL", "REVOKE", "OptOut"]
)
def test_a_stop_word_is_answered_and_posted_and_blocks_later_texts(servers: Servers, word: str) -> None:
    text(servers, word)
    assert servers.product.posted[0].form["Body"] == word
    assert "OptOutType" not in servers.product.posted[0].form
    assert len(on_phone(servers)) == 1
    assert on_phone(servers)[0].startswith("You have successfully been unsubscribed.")
    with pytest.raises(TwilioRestException) as refusal:
        send(servers)
    assert (refusal.value.status, refusal.value.code) == (400, 21610)
    totals = servers.get("/ui/ledger")
    assert (totals["accepted"], totals["after_stop"], totals["refused_after_stop"]) == (0, 0, 1)


@pytest.mark.parametrize("words", ["stop please", "opt out", "no más", "Please STOP", "YES please"])
def test_words_around_a_keyword_mean_nothing_to_twilio(servers: Servers, words: str) -> None:
    text(servers, words)
    assert on_phone(servers) == []
    send(servers)


def test_a_second_stop_is_not_answered_again(servers: Servers) -> None:
    text(servers, "STOP")
    text(servers, "STOP")
    assert len(on_phone(servers)) == 1
    assert len(servers.product.posted) == 2


@pytest.mark.parametrize("word", ["START", "unstop", "Yes"])
def test_a_start_word_lifts_a_stop_and_is_answered(servers: Servers, word: str) -> None:
    text(servers, "STOP")
    text(servers, word)
    assert on_phone(servers)[1].startswith("You have successfully been re-subscribed")
    send(servers)
    assert servers.get("/ui/ledger")["after_stop"] == 0


@pytest.mark.parametrize("word", ["HELP", "info"])
def test_a_help_word_is_answered(servers: Servers, word: str) -> None:
    text(servers, word)
    assert on_phone(servers) == ["Reply STOP to unsubscribe. Msg&Data Rates May Apply."]


def test_a_plain_yes_is_a_text_like_any_other(servers: Servers) -> None:
    text(servers, "YES")
    assert on_phone(servers) == []


def test_a_stop_counts_for_the_number_it_was_sent_to(servers: Servers) -> None:
    servers.behave(senders=["+12125550101"])
    text(servers, "STOP", to="+12125550101")
    send(servers)
    with pytest.raises(TwilioRestException):
        servers.client().messages.create(to=ANA, from_="+12125550101", body="x")


def test_the_type_of_an_opt_out_is_posted_with_advanced_opt_out_only(servers: Servers) -> None:
    assert "advanced" in text(servers, "no más", opt_out_type="STOP")["error"]
    servers.behave(advanced_opt_out=True)
    text(servers, "no más", opt_out_type="STOP")
    assert servers.product.posted[0].form["OptOutType"] == "STOP"
    with pytest.raises(TwilioRestException):
        send(servers)


def test_a_text_after_an_answered_stop_is_counted_when_twilio_keeps_no_list(servers: Servers) -> None:
    servers.behave(opt_out_list=False)
    text(servers, "STOP")
    send(servers)
    assert on_phone(servers) == ["Hello"]
    assert servers.get("/ui/ledger")["after_stop"] == 1


def test_a_stop_in_other_words_can_be_counted_too(servers: Servers) -> None:
    text(servers, "please leave me alone", revokes=True)
    send(servers)
    assert servers.get("/ui/ledger")["after_stop"] == 1


def test_the_one_confirmation_of_a_stop_in_other_words_is_not_held_against_the_product(servers: Servers) -> None:
    text(servers, "please leave me alone", revokes=True)
    confirmation = "You won't get any more texts from us. Reply START to get them again."
    for count in (0, 1):
        servers.client().messages.create(to=ANA, from_=SENDER, body=confirmation)
        assert servers.get("/ui/ledger")["after_stop"] == count


def test_a_stop_that_is_repeated_in_other_words_is_confirmed_once_until_they_come_back(servers: Servers) -> None:
    confirmation = "You won't get any more texts from us. Reply START to get them again."
    for body, count in (("please leave me alone", 0), ("I said leave me alone", 1), ("START", 1), ("enough of it", 1)):
        text(servers, body, revokes=body != "START")
        if body != "START":
            servers.client().messages.create(to=ANA, from_=SENDER, body=confirmation)
        assert servers.get("/ui/ledger")["after_stop"] == count


def test_a_stop_that_the_product_never_took_is_not_held_against_it(servers: Servers) -> None:
    servers.behave(opt_out_list=False, webhook_fragment="")
    servers.product.answers = [(500, "", "")]
    assert text(servers, "STOP")["warning"]
    send(servers)
    totals = servers.get("/ui/ledger")
    assert (totals["after_stop"], totals["inbound_failed"]) == (0, 1)


def test_the_address_of_the_set_up_guide_has_failures_tried_again(servers: Servers) -> None:
    servers.product.answers = [(500, "", ""), (503, "", "")]
    assert text(servers, "Hello")["status"] == 204
    assert len(servers.product.posted) == 3
    assert len({one.headers["i-twilio-idempotency-token"] for one in servers.product.posted}) == 1


@pytest.mark.parametrize(
    ("kind", "answer", "texts"),
    [
        (
            XML,
            "<Response><Message>Hi &amp; welcome</Message><Message>Two</Message></Response>",
            ["Hi & welcome", "Two"],
        ),
        (XML, '<?xml version="1.0" encoding="UTF-8"?><Response><Message><Body>Hi</Body></Message></Response>', ["Hi"]),
        ("application/xml", "<Response/>", []),
        ("text/plain", "Hi there", ["Hi there"]),
        (XML, "", []),
        (XML, "<Response><Message/><Redirect>/x</Redirect></Response>", []),
        (XML, '<Response><Message to="nobody">Hi</Message></Response>', ["Hi"]),
    ],
)
def test_the_products_answer_arrives_on_the_phone(servers: Servers, kind: str, answer: str, texts: list[str]) -> None:
    servers.product.answers = [(200, kind, answer)]
    assert text(servers, "Hello")["response"] == answer
    assert on_phone(servers) == texts


@pytest.mark.parametrize(
    "answer",
    [
        '<!DOCTYPE r [<!ENTITY a "aa">]><Response><Message>&a;</Message></Response>',
        "<Response><Message>Hi</Response>",
        "<html><Message>Hi</Message></html>",
        "<Response>" + "x" * 70_000 + "</Response>",
    ],
)
def test_dangerous_or_broken_xml_sends_nothing(servers: Servers, answer: str) -> None:
    servers.product.answers = [(200, XML, answer)]
    assert text(servers, "Hello")["warning"]
    assert on_phone(servers) == []


def test_an_answer_of_ours_after_stop_does_not_get_through(servers: Servers) -> None:
    servers.product.answers = [(200, XML, "<Response><Message>Bye</Message></Response>")]
    text(servers, "STOP")
    last = servers.messages("outbound-reply")[-1]
    assert (last["body"], last["status"], last["error_code"]) == ("Bye", "failed", 21610)


def test_an_answer_that_is_too_long_is_not_sent(servers: Servers) -> None:
    servers.product.answers = [(200, XML, f"<Response><Message>{'x' * 1_601}</Message></Response>")]
    text(servers, "Hello")
    assert servers.messages("outbound-reply")[-1]["error_code"] == 21617


@pytest.mark.parametrize(("number", "words"), [("+12125550191", "STOP"), ("+12125550190", "Who is this?")])
def test_a_number_that_replies_does_so_after_delivery(servers: Servers, number: str, words: str) -> None:
    send(servers, to=number)
    wait_until(lambda: [one.form["Body"] for one in servers.product.posted] == [words])
    assert servers.product.posted[0].form["From"] == number


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "x"},
        {"from": "555", "body": "x"},
        {"from": ANA, "body": 5},
        {"from": ANA, "to": ANA},
        {"from": [], "media": 1},
    ],
)
def test_a_text_that_no_phone_could_send_is_refused(servers: Servers, fields: dict[str, object]) -> None:
    assert servers.post("/ui/phones/text", **fields)["error"].endswith(".")
    assert servers.product.posted == []


def test_half_an_emoji_is_taken_in_all_the_same(servers: Servers) -> None:
    assert text(servers, "broken \ud83d")["status"] == 204


def test_a_picture_is_handed_out_by_a_signed_address_behind_the_credentials(servers: Servers) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(9)
    answer = text(servers, "", media=[f"data:image/png;base64,{b64encode(picture).decode()}"])
    form = servers.product.posted[0].form
    path = f"/Accounts/{ACCOUNT}/Messages/{answer['sid']}/Media/ME"
    assert form["MediaUrl0"].startswith(f"{servers.url}/twilio/2010-04-01{path}")
    assert form["MediaContentType0"] == "image/png"
    login = {"Authorization": "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()}
    assert ask(form["MediaUrl0"])[0] == 401
    status, place, _ = ask(form["MediaUrl0"], login)
    assert (status, place.startswith(f"{servers.url}/twilio/cdn/ME")) == (307, True)
    assert ask(place)[0::2] == (200, picture)
    assert ask(place, login)[0] == 400  # two passes at once
    assert ask(place[:-1])[0] == 403
    assert ask(f"{servers.url}/ui/phones/media/{form['MediaUrl0'].rpartition('/')[2]}")[0::2] == (200, picture)
    assert ask(f"{servers.url}/ui/phones/media/ME0")[0] == 404


@pytest.mark.parametrize("data", ["image/svg+xml;base64,AAAA", "image/png,AAAA", "image/png;base64,A", "x"])
def test_a_picture_that_no_phone_sends_is_refused(servers: Servers, data: str) -> None:
    assert "5 MB" in text(servers, "", media=[f"data:{data}"])["error"]


def ask(url: str, headers: dict[str, str] | None = None) -> tuple[int, str, bytes]:
    """Return status, Location and body of what stands at an address; follow nothing."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers.get("Location", ""), response.read()
    finally:
        connection.close()
