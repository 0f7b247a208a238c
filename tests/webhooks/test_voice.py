"""Who calls our number hears who we are and how to stop; what they ask for is in force before they hear so."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import db
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.models import (
    ChannelName,
    Conversation,
    Delivery,
    IncomingCall,
    Intake,
    Suppression,
    SuppressionCause,
    WebhookEvent,
)
from core.settings import Settings
from deploy.postgres import PostgresServer
from tests import databases, factories
from tests.webhooks import toxins
from tests.webhooks.caller import (
    SHE,
    is_out_of_reach,
    names,
    read,
    rows,
    said,
    tell,
    told_of_recording,
    verbs,
)
from tests.webhooks.conftest import ACCOUNT, PUBLIC_URL, Door


def test_a_caller_hears_who_we_are_how_to_stop_and_that_a_message_may_be_left(door: Door) -> None:
    answer = tell(door)
    response = read(answer)
    assert verbs(answer) == ["Gather", "Say", "Record", "Say", "Hangup"]
    gather, record = response.find("Gather"), response.find("Record")
    assert gather is not None
    assert record is not None
    assert "This is Tenants Together." in said(answer)
    assert "press 9" in (gather.find("Say").text or "")  # type: ignore[union-attr]
    assert gather.attrib["numDigits"] == "1"
    assert gather.attrib["action"].partition("#")[0] == f"{PUBLIC_URL}/twilio/voice/key"
    assert record.attrib["maxLength"] == "120"
    assert record.attrib["recordingStatusCallback"].partition("#")[0] == f"{PUBLIC_URL}/twilio/voice/recording"


@pytest.mark.parametrize(
    ("known_as", "language", "words"),
    [
        ("es", "es-MX", "oprima 9"),
        ("es-PR", "es-MX", "oprima 9"),
        ("Spanish", "es-MX", "oprima 9"),
        ("FR", "fr-FR", "le 9"),
        ("pt_BR", "pt-BR", "pressione 9"),
        ("German", "de-DE", "die 9"),
        ("it", "it-IT", "tasto 9"),
        ("vi", "en-US", "press 9"),
        ("tlh", "en-US", "press 9"),
        ("estonian", "en-US", "press 9"),
    ],
)
@databases.on_sqlite
def test_a_caller_is_spoken_to_in_their_language_where_we_have_the_words(
    door: Door, known_as: str, language: str, words: str
) -> None:
    with db.transaction(door.engine) as session:
        factories.contact(session, phone=SHE, language=known_as)
    answer = tell(door)
    assert words in said(answer)
    assert {element.attrib["language"] for element in read(answer).iter("Say")} == {language}


def test_the_key_for_no_more_texts_is_in_force_when_it_is_confirmed(door: Door) -> None:
    tell(door)
    answer = tell(door, "/key", Digits="9")
    assert verbs(answer) == ["Say", "Hangup"]
    assert "no more texts" in said(answer)
    with db.reading(door.engine) as session:
        (held,) = rows(session, Suppression)
        assert (held.cause, held.source, held.audience_id) == (SuppressionCause.OPT_OUT, "voice", None)
        assert rows(session, Conversation) == []
        assert names(session) == []


def test_the_key_counts_even_when_the_call_was_never_heard_of(door: Door) -> None:
    assert "no more texts" in said(tell(door, "/key", Digits="9"))
    assert is_out_of_reach(door)


def test_the_key_tells_the_thread_that_there_is(door: Door) -> None:
    door.text("Who is this?")
    tell(door, "/key", Digits="9")
    with db.reading(door.engine) as session:
        assert names(session) == ["message.received", "conversation.changed"]


def test_a_repeated_key_is_confirmed_again_and_kept_once(door: Door) -> None:
    answers = [said(tell(door, "/key", Digits="9")) for _ in range(3)]
    assert len(set(answers)) == 1
    with db.reading(door.engine) as session:
        assert len(rows(session, Suppression)) == 1


def test_a_key_that_is_replayed_after_a_start_changes_nothing_and_confirms_nothing(door: Door) -> None:
    tell(door, "/key", Digits="9")
    door.text("START")
    assert not is_out_of_reach(door)
    assert verbs(tell(door, "/key", Digits="9")) == ["Hangup"]
    assert not is_out_of_reach(door)


def test_what_was_about_to_leave_has_left_before_the_key_is_confirmed(door: Door) -> None:
    with db.transaction(door.engine) as session:
        now = utc_now()
        factories.delivery(session, 0, address=SHE, status=DeliveryStatus.CLAIMED, attempt=1, claimed_at=now)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(tell, door, "/key", Digits="9")
        assert not wait_for([answer], timeout=0.5).done
        assert is_out_of_reach(door)
        with db.transaction(door.engine) as session:
            session.execute(sa.update(Delivery).values(status=DeliveryStatus.ACCEPTED))
        assert "no more texts" in said(answer.result(timeout=5))


@pytest.mark.parametrize("digits", ["1", "#", "", "99", "9" * 5000, "9\0", "٩"])
@databases.on_sqlite
def test_any_other_key_leads_on_to_the_tone(door: Door, digits: str) -> None:
    answer = tell(door, "/key", Digits=digits)
    is_nine = digits == "9\0"  # what no telephone sends
    assert verbs(answer)[:2] == (["Say", "Hangup"] if is_nine else ["Say", "Record"])
    assert is_out_of_reach(door) == is_nine


@pytest.mark.parametrize(
    "caller",
    ["", "anonymous", "Restricted", "+266696687", "+7378742833", "+8656696", "+86282452253", "sip:a@b.example", "+1"],
)
@databases.on_sqlite
def test_who_withholds_their_number_is_told_how_else_to_stop(door: Door, caller: str) -> None:
    answer = tell(door, caller=caller)
    assert verbs(answer) == ["Say", "Say", "Record", "Say", "Hangup"]
    assert "number is withheld" in said(answer)
    assert "STOP" in said(answer)
    assert "number is withheld" in said(tell(door, "/key", caller=caller, Digits="9"))
    with db.reading(door.engine) as session:
        assert rows(session, Suppression) == []


@databases.on_sqlite
def test_where_the_name_looks_like_verbs_it_is_said_and_not_obeyed(
    serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine
) -> None:
    name = '</Say><Dial>+19005550100</Dial><Say a="\x07\ud800\ufffe&amp;]]>' + "x" * 9000
    door = serve(config.model_copy(update={"organization_name": name}), engine)
    answer = tell(door)
    assert verbs(answer) == ["Gather", "Say", "Record", "Say", "Hangup"]
    assert "</Say><Dial>+19005550100</Dial>" in said(answer)
    assert len(answer.text) < 4000


@databases.on_sqlite
def test_without_a_name_a_caller_hears_whom_they_have_reached(
    serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine
) -> None:
    door = serve(config.model_copy(update={"organization_name": "our organization"}), engine)
    assert "This is the number that texted you." in said(tell(door))


def test_hostile_values_are_kept_as_values(door: Door) -> None:
    assert tell(door, caller="+12125550123\0").status == 200
    assert tell(door, caller="'; DROP TABLE x; --", call="CA" + "2" * 32, Caller="\x00\u202e").status == 200
    assert tell(door, call="CA" + "3" * 32, CallStatus="\U0001f600" * 900).status == 200
    with db.reading(door.engine) as session:
        assert len(rows(session, IncomingCall)) == 3


def test_a_key_that_cannot_be_taken_in_stops_texts_all_the_same_and_is_tried_again(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    toxins.poison(engine, "incoming_calls", when="NEW.sid LIKE 'CA%'")
    assert "no more texts" in said(tell(door, "/key", Digits="9"))
    assert is_out_of_reach(door)
    toxins.cure(engine, "incoming_calls")
    with db.transaction(engine) as session:
        (event,) = rows(session, WebhookEvent)
        assert (event.kind, event.error != "") == ("opt_out", True)
        event.due_at = utc_now() - timedelta(seconds=1)
    worker()
    with db.reading(engine) as session:
        assert rows(session, WebhookEvent)[0].done_at is not None
        assert rows(session, IncomingCall)[0].opted_out_at is not None


def test_a_key_that_comes_late_does_not_undo_a_start(door: Door, engine: sa.Engine, worker: Callable[[], None]) -> None:
    toxins.poison(engine, "incoming_calls", when="NEW.sid LIKE 'CA%'")
    tell(door, "/key", Digits="9")
    toxins.cure(engine, "incoming_calls")
    door.text("START")
    with db.transaction(engine) as session:
        session.execute(sa.update(WebhookEvent).values(due_at=utc_now() - timedelta(seconds=1)))
    worker()
    assert not is_out_of_reach(door)


def test_what_cannot_be_saved_is_not_confirmed(door: Door, engine: sa.Engine) -> None:
    for table in ("incoming_calls", "suppressions"):
        toxins.poison(engine, table, when="1 = 1")
    answer = tell(door, "/key", Digits="9")
    assert "could not be saved" in said(answer)
    assert "STOP" in said(answer)


@databases.on_postgresql
def test_while_the_database_is_down_a_caller_hears_who_we_are_and_is_promised_nothing(
    door: Door, postgres: PostgresServer
) -> None:
    postgres.stop()
    assert "Tenants Together" in said(tell(door))
    assert "could not be saved" in said(tell(door, "/key", Digits="9"))
    assert [told_of_recording(door).status, tell(door, "/ended").status] == [503, 503]
    postgres.start()
    assert "no more texts" in said(tell(door, "/key", Digits="9"))
    assert is_out_of_reach(door)


@databases.on_sqlite
def test_calls_may_be_turned_off(door: Door) -> None:
    with db.transaction(door.engine) as session:
        session.merge(Intake(channel=ChannelName.VOICE, processor="voice", is_active=False))
    answer = tell(door)
    assert verbs(answer) == ["Say", "Hangup"]
    assert "We take no calls" in said(answer)
    assert tell(door, "/ended").status == 204
    with db.reading(door.engine) as session:
        assert rows(session, WebhookEvent) == rows(session, IncomingCall) == []


@databases.on_sqlite
def test_what_is_signed_and_cannot_be_read_waits_for_a_person(door: Door) -> None:
    assert door.post("/twilio/voice/ended", {"AccountSid": ACCOUNT, "CallSid": "CA 1"}).status == 400
    with db.reading(door.engine) as session:
        (event,) = rows(session, WebhookEvent)
        assert (event.kind, event.due_at) == ("ended", None)


@databases.on_sqlite
def test_calls_are_counted_by_what_became_of_them(door: Door) -> None:
    tell(door)
    told_of_recording(door, CallSid="CA" + "9" * 32)
    shown = door.request("GET", "/metrics").text
    assert 'blast_events_total{channel="voice",state="received"} 2.0' in shown
    assert 'blast_events_total{channel="voice",state="processed"} 1.0' in shown
    assert 'blast_events_total{channel="voice",state="failed"} 1.0' in shown
    assert 'blast_webhook_seconds_count{door="voice"} 2.0' in shown
    assert 'blast_webhook_queue_depth{lane="calls"} 0.0' in shown


@databases.on_sqlite
def test_who_has_just_written_in_a_language_is_spoken_to_in_it(door: Door) -> None:
    door.text("Alto")
    assert "oprima 9" in said(tell(door))
