"""Pictures are fetched from Twilio's host alone, and only what is a picture, small enough, and soon there."""

import base64
import gzip
from collections.abc import Iterator

import pytest

from core.channels import media
from core.channels.media import NoFile
from core.settings import Settings
from tests import pictures
from tests.core.channels.media_stage import PNG, Answer, Keeper
from tests.sandbox.twilio_servers import ACCOUNT, TOKEN

PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
LOGIN = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


@pytest.fixture
def twilio() -> Iterator[Keeper]:
    with Keeper().served() as keeper:
        yield keeper


@pytest.fixture
def other() -> Iterator[Keeper]:
    with Keeper().served() as keeper:
        yield keeper


def settings(api_url: str) -> Settings:
    return Settings(twilio_api_url=api_url, twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN)


def fetch(twilio: Keeper, url: str = "") -> media.File:
    return media.fetch(settings(twilio.url), url or twilio.url + PATH)


def refusal(twilio: Keeper, url: str = "") -> NoFile:
    with pytest.raises(NoFile) as refused:
        fetch(twilio, url)
    return refused.value


@pytest.mark.parametrize(
    ("content", "suffix"),
    [(pictures.jpeg(), "jpg"), (pictures.png(), "png"), (pictures.gif(), "gif"), (pictures.webp(), "webp")],
)
def test_a_picture_is_what_its_first_bytes_say(twilio: Keeper, content: bytes, suffix: str) -> None:
    twilio.answers[PATH] = Answer(body=content, headers={"Content-Type": "text/plain"})
    assert fetch(twilio) == media.File(suffix, content)
    assert twilio.asked == [(PATH, LOGIN)]


def test_where_a_picture_was_taken_is_not_passed_on(twilio: Keeper) -> None:
    twilio.answers[PATH] = Answer(body=pictures.jpeg(first=pictures.exif()))
    assert fetch(twilio) == media.File("jpg", pictures.jpeg())


def test_a_broken_picture_is_refused_with_a_reason(twilio: Keeper) -> None:
    twilio.answers[PATH] = Answer(body=PNG[:-3])
    assert (str(refusal(twilio)), refusal(twilio).is_passing) == ("the picture is broken or incomplete", False)


def test_a_redirect_is_followed_once_and_without_the_credentials(twilio: Keeper, other: Keeper) -> None:
    signed = "/AC1/a%2Fb?Signature=a~b%2Bc%3D"
    twilio.answers[PATH] = Answer(307, b"", {"Location": other.url + signed})
    other.answers[signed] = Answer()
    assert fetch(twilio).content == PNG
    assert other.asked == [(signed, "")]
    other.answers[signed] = Answer(307, PNG, {"Location": other.url + "/again"})
    assert "answered 307" in str(refusal(twilio))
    assert len(other.asked) == 2


@pytest.mark.parametrize(
    "place",
    [
        "http://example.org/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "https://u:p@127.0.0.1/x",
        "https:///x",
        "http://[x",
        "",
    ],
)
def test_a_redirect_to_an_unsafe_place_is_not_followed(twilio: Keeper, place: str) -> None:
    twilio.answers[PATH] = Answer(302, b"", {"Location": place})
    assert "can't be fetched safely" in str(refusal(twilio))


def test_this_machine_is_no_place_to_go_to_when_twilio_is_elsewhere() -> None:
    own = media._own(f"https://api.twilio.com{PATH}", "https://api.twilio.com")
    assert media._elsewhere("https://mms.twiliocdn.com/x?a=%2F", own).raw_query_string == "a=%2F"
    with pytest.raises(NoFile):
        media._elsewhere("http://127.0.0.1:6379/x", own)


@pytest.mark.parametrize(
    "url",
    [
        "{other}/x",
        "https://{host}/x",
        "http://u:p@{host}/x",
        "http://{host}@example.org/x",
        "http://{host}:1/x",
        "http://[x",
        "//{host}/x",
        "nothing",
        "http://{host}/twilio/../x",
        "http://{host}/x",
    ],
)
def test_an_address_that_is_not_twilios_is_never_asked(twilio: Keeper, other: Keeper, url: str) -> None:
    address = url.format(other=other.url, host=twilio.url.removeprefix("http://"))
    with pytest.raises(NoFile, match="isn't Twilio's"):
        media.fetch(settings(f"{twilio.url}/twilio"), address)
    assert twilio.asked == other.asked == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "image/svg+xml"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "image/png"),
        (b"BM" + bytes(40), "image/bmp"),
        (b" \x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "image/webp"),
        (gzip.compress(PNG), "image/png"),
        (b"", "image/jpeg"),
    ],
)
def test_what_only_claims_to_be_a_picture_is_none(twilio: Keeper, body: bytes, kind: str) -> None:
    twilio.answers[PATH] = Answer(body=body, headers={"Content-Type": kind, "Content-Encoding": "identity"})
    refused = refusal(twilio)
    assert ("isn't a JPEG" in str(refused), refused.is_passing) == (True, False)


def test_nothing_is_unpacked(twilio: Keeper) -> None:
    twilio.answers[PATH] = Answer(body=gzip.compress(PNG), headers={"Content-Encoding": "gzip"})
    assert "isn't a JPEG" in str(refusal(twilio))


@pytest.mark.parametrize("answer", [Answer(body=PNG + bytes(5 * 1024 * 1024)), Answer(is_endless=True)])
def test_what_is_too_large_is_not_read_to_its_end(twilio: Keeper, answer: Answer) -> None:
    twilio.answers[PATH] = answer
    assert str(refusal(twilio)) == "it is larger than 5 MB"


def test_the_largest_is_taken(twilio: Keeper) -> None:
    words = pictures.chunk(b"IDAT", bytes(5 * 1024 * 1024 - len(PNG) - 12))
    body = pictures.png(words)
    twilio.answers[PATH] = Answer(body=body)
    assert fetch(twilio).content == body


def test_what_comes_in_drops_is_given_up(twilio: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_WITHIN_S", 0.2)
    twilio.answers[PATH] = Answer(is_slow=True)
    refused = refusal(twilio)
    assert ("in time" in str(refused), refused.is_passing) == (True, True)


@pytest.mark.parametrize(("status", "is_passing"), [(401, False), (404, True), (410, False), (429, True), (503, True)])
def test_a_refusal_says_whether_it_may_pass(twilio: Keeper, status: int, is_passing: bool) -> None:
    twilio.answers[PATH] = Answer(status, b"{}")
    refused = refusal(twilio)
    assert (str(refused), refused.is_passing) == (f"Twilio answered {status}", is_passing)


def test_a_provider_that_cannot_be_reached_may_be_later(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with pytest.raises(NoFile, match="could not be reached") as refused:
        media.fetch(settings(url), url + PATH)
    assert refused.value.is_passing


@pytest.mark.parametrize(
    ("start", "suffix"), [(b"RIFF\x10\x00\x00\x00WAVEfmt ", "wav"), (b"ID3\x04", "mp3"), (b"\xff\xfb\x90\x64", "mp3")]
)
def test_a_recording_is_what_its_first_bytes_say(twilio: Keeper, start: bytes, suffix: str) -> None:
    twilio.answers[PATH] = Answer(body=start + bytes(9), headers={"Content-Type": "text/html"})
    assert media.fetch_recording(settings(twilio.url), twilio.url + PATH) == media.File(suffix, start + bytes(9))
    assert twilio.asked == [(PATH, LOGIN)]


@pytest.mark.parametrize("content", [PNG, b"", b"<html>", b"\xff", b"RIFF\x10\x00\x00\x00WEBP"])
def test_what_is_no_sound_is_no_recording(twilio: Keeper, content: bytes) -> None:
    twilio.answers[PATH] = Answer(body=content)
    with pytest.raises(NoFile, match="isn't a WAV or MP3"):
        media.fetch_recording(settings(twilio.url), twilio.url + PATH)


def test_a_recording_that_cannot_be_deleted_is_a_failure_and_one_that_is_gone_is_none(twilio: Keeper) -> None:
    media.delete_recording(settings(twilio.url), "RE1")
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/RE1.json"
    assert twilio.asked == [(path, LOGIN)]
    for status in (401, 307, 500):
        twilio.answers[path] = Answer(status)
        with pytest.raises(NoFile, match=f"answered {status}"):
            media.delete_recording(settings(twilio.url), "RE1")
