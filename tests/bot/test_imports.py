"""`/blast import`: a CSV file from a modal into an audience, and back as what could not be taken."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, settings
from core.clock import utc_now
from core.errors import Invalid
from core.models import Audience, AudienceKind, AuditEntry, Contact, OutboxEvent, Staff
from core.slack import files
from core.slack.gateway import SlackFailed
from core.slack.views import imports
from core.usecases import requests
from tests.bot.stage import ORGANIZER, Stage, populate, tell
from workers import updates

GOOD = "name;Mobile Phone\nJane;(212) 555-0150\nJoe;+12125550151\n"
BAD = "name;Mobile Phone\nJane;(212) 555-0150\nJoe;555\n"


def give(stage: Stage, content: str | bytes, *, name: str = "a.csv", kind: str = "", audience: str = "Members") -> Any:
    """Open the modal, choose a file and submit; return the errors beside the fields."""
    stage.command("import")
    written = content.encode() if isinstance(content, str) else content
    place = {"view_id": stage.view()["id"], "block_id": imports.FILE, "action_id": imports.FILE}
    encoded = base64.b64encode(written).decode()
    stage.act("upload", user=ORGANIZER, **place, filename=name, content_base64=encoded)
    if kind:
        stage.fill(imports.KIND, kind)
    return stage.submit(audience=audience)["errors"]


def contacts() -> int:
    """Count the contacts."""
    with db.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Contact)) or 0


def returned(stage: Stage) -> list[tuple[str, str]]:
    """Return the name and content of each file that the bot sent to the organizer."""
    channels = stage.stand_in.snapshot()["channels"]
    sent = [
        file
        for channel in channels
        if channel["id"].startswith("D") and ORGANIZER in channel["members"]
        for message in channel["messages"]
        for file in message.get("files") or []
    ]
    return [(file["name"], fetched(file["url_private"]).decode("utf-8-sig")) for file in sent]


def fetched(url: str, *, token: str = "xoxb-sandbox", most: int = imports.LARGEST) -> bytes:
    return files.download(url, token=token, api_url=settings.current().slack_api_url, most=most)


def test_a_file_goes_into_an_audience_and_its_giver_is_told(stage: Stage) -> None:
    populate(contacts=0)
    assert give(stage, GOOD.encode("utf-16")) == {}
    assert "is being imported" in str(stage.view()["blocks"])
    tell()
    assert stage.direct(ORGANIZER) == ["*a.csv*: 2 rows: 2 added. *Members* now has 2 members."]
    with db.reading() as session:
        audience = session.scalars(sa.select(Audience).where(col(Audience.name) == "Members")).one()
        entry = session.scalars(sa.select(AuditEntry).where(col(AuditEntry.action) == "audience.import")).one()
        giver = session.scalars(sa.select(Staff).where(col(Staff.slack_user_id) == ORGANIZER)).one()
    assert audience.kind is AudienceKind.COMMUNITY
    assert entry.staff_id == giver.id


def test_refused_rows_come_back_as_a_file_in_the_thread(stage: Stage) -> None:
    populate(contacts=0)
    give(stage, BAD)
    tell()
    assert "1 added, 1 rejected" in stage.direct(ORGANIZER)[0]
    ((name, content),) = returned(stage)
    assert name == "a.csv.errors.csv"
    assert content.splitlines()[0] == "name;Mobile Phone;error"
    assert content.splitlines()[1].startswith("Joe;555;This number")


def test_without_the_scope_for_files_the_reasons_are_told_in_words(stage: Stage) -> None:
    populate(contacts=0)
    granted = [scope for scope in stage.stand_in._slack.scopes if scope != "files:write"]
    stage.act("faults", scopes=granted)
    give(stage, BAD)
    tell()
    assert returned(stage) == []
    assert "• line 3: This number" in stage.direct(ORGANIZER)[-1]
    assert "files:write" in stage.direct(ORGANIZER)[-1]


def test_the_two_kinds_are_kept_apart_before_anything_is_fetched(stage: Stage) -> None:
    populate()
    (field, sentence), *_ = give(stage, GOOD, audience="TENANTS", kind=AudienceKind.EVENT.value).items()
    assert field == imports.AUDIENCE
    assert "never mix" in sentence
    with db.reading() as session:
        assert session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "import.requested")).all() == []


@pytest.mark.parametrize(("content", "words"), [("", "empty"), (b"PK\x03\x04", "Excel"), ("name\nJane\n", "columns")])
def test_a_file_that_is_no_table_is_refused_to_its_giver(stage: Stage, content: str | bytes, words: str) -> None:
    populate(contacts=0)
    give(stage, content)
    tell()
    (told,) = stage.direct(ORGANIZER)
    assert told.startswith("*a.csv* was not imported.")
    assert words in told
    assert contacts() == 0


def test_an_import_that_is_told_twice_is_done_once(stage: Stage) -> None:
    populate(contacts=0)
    give(stage, GOOD)
    with db.reading() as session:
        event = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "import.requested")).one()
    teller = updates.TELLERS["import.requested"]
    teller(updates.gateway(), event.payload)
    teller(updates.gateway(), event.payload)
    assert len(stage.direct(ORGANIZER)) == 1


def test_an_import_at_which_another_worker_still_is_comes_again_later(stage: Stage) -> None:
    payload = {"file_id": "F1", "audience": "Members", "kind": "community", "slack_user_id": ORGANIZER}
    with db.transaction() as session:
        requests.begin(session, "import:F1:Members", now=utc_now())
    with pytest.raises(SlackFailed, match="running"):
        updates.TELLERS["import.requested"](updates.gateway(), payload)


def test_what_slack_forbids_for_a_moment_is_tried_again(stage: Stage) -> None:
    populate(contacts=0)
    give(stage, GOOD)
    stage.act("faults", errors={"files.info": "internal_error"})
    with db.reading() as session:
        event = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "import.requested")).one()
    assert event.id is not None
    updates.tell.fn(event.id)
    assert contacts() == 0
    tell()
    assert contacts() == 2


@pytest.mark.parametrize(("error", "words"), [("file_not_found", "gone"), ("missing_scope", "files:read")])
def test_what_slack_forbids_for_good_is_told(stage: Stage, error: str, words: str) -> None:
    populate(contacts=0)
    give(stage, GOOD)
    stage.act("faults", errors={"files.info": error})
    tell()
    assert words in stage.direct(ORGANIZER)[0]


def test_the_token_goes_to_slacks_host_alone(stage: Stage) -> None:
    for url in (
        "https://files.slack.com/files-pri/T1-F1/a.csv",
        stage.bot_url + "/slack/files/F1/a.csv",
        stage.slack_url.replace("http://", "https://") + "/slack/files/F1/a.csv",
        "file:///etc/passwd",
        "",
    ):
        with pytest.raises(Invalid, match="isn't kept by Slack"):
            fetched(url)


def test_a_bad_token_a_missing_file_and_a_large_one_are_told_apart(stage: Stage) -> None:
    file = stage.stand_in._slack.files.add("a.csv", b"x" * 100, by=ORGANIZER)
    url = f"{stage.slack_url}/slack/files/{file.id}/a.csv"
    assert fetched(url) == b"x" * 100
    for refused, words in (
        (lambda: fetched(url, token="xoxb-wrong"), "didn't let me read"),
        (lambda: fetched(url.replace(file.id, "F0NONE")), "Upload it again"),
        (lambda: fetched(url, most=99), "larger than"),
    ):
        assert words in sentence_of(refused)


def sentence_of(refused: Callable[[], object]) -> str:
    with pytest.raises(Invalid) as refusal:
        refused()
    return refusal.value.sentence


def test_files_slack_keeps_elsewhere_are_reachable_below_its_own_host() -> None:
    api = "https://slack.com/api/"
    assert files._is_of("https://files.slack.com/files-pri/T1-F1/a.csv", api)
    for url in ("https://slack.com.example.org/a", "https://evilslack.com/a", "http://files.slack.com/a"):
        assert not files._is_of(url, api)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"id": "F1", "name": "a.xlsx", "size": 1}, "xlsx"),
        ({"id": "F1", "name": "a.csv", "size": 11 * 1024 * 1024}, "10 MB"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_beside_its_field(file: dict[str, Any], words: str) -> None:
    chosen = {"selected_option": {"value": "community"}}
    values = {"file": {"file": {"files": [file]}}, "audience": {"audience": {"value": "x"}}, "kind": {"kind": chosen}}
    with pytest.raises(Invalid, match=words) as refusal:
        imports.read({"state": {"values": values}})
    assert refusal.value.field == imports.FILE


def test_a_tampered_form_is_refused() -> None:
    for view in ({}, {"state": {"values": {"file": {"file": {"files": "x"}}}}}):
        with pytest.raises(Invalid):
            imports.read(view)


def test_people_without_a_role_cannot_import(stage: Stage) -> None:
    populate(roles={"U0ADMIN": "admin"})
    assert "no role" in stage.command("import")["text"]
