"""The sandbox as a process: what it refuses, how it streams, what it keeps, how it stops."""

import email.message
import http.client
import json
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from deploy import ports
from sandbox.settings import SANDBOX_CREDENTIALS, SandboxSettings, UnsafeSettings
from sandbox.stream import Stream
from sandbox.traffic import Exchange, Feed, Traffic
from tests.sandbox import page_stage
from tests.sandbox.page_stage import PageStage
from tests.sandbox.slack_stage import request


@pytest.fixture(scope="module")
def stage() -> Iterator[PageStage]:
    """One sandbox for all tests here."""
    with page_stage.running() as running:
        yield running


def events(stage: PageStage, path: str, *, at_least: int, last_seen: str = "") -> list[dict[str, str]]:
    """Read the stream until it has told `at_least` events; return their fields."""
    connection = http.client.HTTPConnection(stage.address, timeout=60)
    connection.request("GET", path, headers={"Last-Event-ID": last_seen} if last_seen else {})
    response = connection.getresponse()
    read: list[dict[str, str]] = [{}]
    while len(read) <= at_least:
        line = response.readline().decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            read[-1][name] = value
        elif "event" in read[-1]:
            read.append({})
        else:
            read[-1].clear()  # a comment, or the time to wait before coming back
    connection.close()
    return read[:-1]


def exchange(**overrides: str) -> Exchange:
    """Return something that went over the wire."""
    texts = {"url": "/slack/api/auth.test", "request": "", "response": ""} | overrides
    return Exchange(at=1.0, direction="in", peer="slack", method="POST", status=200, **texts)


@pytest.mark.parametrize(
    "name", [*SANDBOX_CREDENTIALS, "TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET", "ASSISTANT_API_KEY"]
)
def test_a_real_credential_is_refused_by_name_and_never_told(name: str) -> None:
    with pytest.raises(UnsafeSettings) as refusal:
        SandboxSettings.from_env({name: "very-real-secret"})
    assert name in str(refusal.value)
    assert "very-real-secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "0.0.0.0"),  # noqa: S104  the very thing that must be refused
        ("SMTP_URL", "smtp://mail.example.org"),
        ("BOT_URL", "https://bot.example.org"),
        ("WEBHOOKS_URL", "http://10.0.0.7:8000"),
        ("SANDBOX_PORT", "many"),
    ],
)
def test_an_address_outside_this_machine_is_refused(name: str, value: str) -> None:
    with pytest.raises(UnsafeSettings, match=name):
        SandboxSettings.from_env({name: value})


def test_its_own_credentials_and_empty_ones_are_welcome() -> None:
    settings = SandboxSettings.from_env({**SANDBOX_CREDENTIALS, "TWILIO_API_KEY_SID": "", "SLACK_APP_TOKEN": ""})
    assert settings.slack_app_token == "xapp-sandbox"


def test_the_process_says_one_sentence_and_exits_with_1_beside_a_real_credential() -> None:
    env = page_stage.environment(TWILIO_AUTH_TOKEN="very-real-secret")
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox"],
        cwd=page_stage.ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("TWILIO_AUTH_TOKEN is not the sandbox's own value")
    assert "very-real-secret" not in ended.stderr


@pytest.mark.parametrize("path", ["/ui/state", "/slack/api/auth.test", "/twilio/2010-04-01/Accounts"])
def test_a_foreign_host_name_is_refused_everywhere(stage: PageStage, path: str) -> None:
    assert stage.ask("GET", path, Host="evil.example")[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_another_web_page_can_do_nothing(stage: PageStage, origin: str) -> None:
    status, answer = stage.ask("POST", "/ui/slack/home", {"user": "U0ADMIN"}, Origin=origin)
    assert status == 403
    assert answer["error"].startswith("Another web page")


def test_the_page_itself_may_act(stage: PageStage) -> None:
    assert stage.ask("POST", "/ui/slack/home", {"user": "U0ADMIN"}, Origin=stage.url)[0] == 200


def test_a_form_of_another_page_is_refused_by_its_content_type(stage: PageStage) -> None:
    status, _ = stage.ask("POST", "/ui/slack/home", {"user": "U0ADMIN"}, content_type="text/plain")
    assert status == 415


def test_too_long_a_request_is_refused_before_it_is_read(stage: PageStage) -> None:
    assert stage.ask("POST", "/ui/slack/home", Content_Length=str(21 * 1024 * 1024))[0] == 413


def test_the_page_comes_with_strict_headers(stage: PageStage) -> None:
    _, _, headers = request(stage.address, "GET", "/")
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_an_unknown_address_is_answered_with_a_sentence(stage: PageStage) -> None:
    assert stage.ask("GET", "/ui/nothing") == (404, {"error": "There is nothing at this address."})


def test_the_stream_goes_on_where_the_state_was_read(stage: PageStage) -> None:
    cursor = stage.ask("GET", "/ui/state")[1]["cursor"]
    stage.slack.chat_postMessage(channel="C0GENERAL", text="one")
    told = events(stage, f"/ui/stream?after={cursor}", at_least=2)
    assert "slack.message" in [event["event"] for event in told]
    again = events(stage, f"/ui/stream?after={cursor}", at_least=1, last_seen=told[0]["id"])
    assert again[0] == told[1]


def test_a_page_of_another_run_is_told_to_read_the_state_anew(stage: PageStage) -> None:
    assert events(stage, "/ui/stream?after=otherrun-5", at_least=1)[0]["event"] == "reset"


def test_mail_is_kept_and_sent_nowhere(stage: PageStage) -> None:
    port = stage.ask("GET", "/healthz")[1]["smtp_port"]
    mail = email.message.EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Grüße", "blast@example.org", "ana@example.org"
    mail.set_content("Hello Ana")
    mail.add_alternative("<p>Hello Ana</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.send_message(mail)
    kept = stage.ask("GET", "/ui/mails")[1]["mails"][-1]
    assert (kept["to"], kept["subject"], kept["text"].strip()) == (["ana@example.org"], "Grüße", "Hello Ana")
    assert stage.ask("GET", "/ui/traffic")[1]["exchanges"][-1]["peer"] == "smtp"


@pytest.mark.alone
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_soon_and_cleanly_with_a_page_open(by: signal.Signals) -> None:
    url = f"http://127.0.0.1:{ports.free_port()}"
    process = page_stage.started(url, "http://127.0.0.1:9", "http://127.0.0.1:9")
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request("GET", "/ui/stream")
    assert connection.getresponse().readline() == b"retry: 1000\n"
    started = time.monotonic()
    assert page_stage.stopped(process, by) == 0
    assert time.monotonic() - started < 5
    connection.close()


def test_traffic_is_cut_and_has_no_credentials_in_it() -> None:
    traffic = Traffic(Feed())
    secrets = "token=xoxb-sandbox&x=1 Authorization: Bearer xoxp-1-2 Basic QUMwMDAwMDA6dG9rZW4= sandbox-auth-token"
    traffic.add(exchange(request=secrets, response="y" * 5_000))
    [kept] = traffic.latest()
    assert len(kept.response) == 4_000
    assert kept.request == "token=•••&x=1 Authorization: Bearer ••• Basic ••• •••"


def test_a_flood_is_published_in_part_and_the_rest_is_counted() -> None:
    feed = Feed()
    traffic = Traffic(feed, kept=50)
    for _ in range(1_000):
        traffic.add(exchange())
    assert len(traffic.latest()) == 50
    assert 20 <= feed.last <= 25


async def _told(stream: Stream, after: str, parts: int) -> list[str]:
    text = stream.text(after)
    return [await anext(text) for _ in range(parts)]


@pytest.mark.anyio
async def test_a_reader_that_fell_behind_gets_the_newest_and_a_reset() -> None:
    feed = Feed(kept=10)
    stream = Stream(feed)
    cursor = stream.cursor()
    for number in range(30):
        feed.publish("tick", {"number": number})
    _, reset, batch = await _told(stream, cursor, 3)
    assert "event: reset" in reset
    numbers = [json.loads(line[6:])["number"] for line in batch.splitlines() if line.startswith("data: ")]
    assert numbers == list(range(20, 30))
    stream.close()
