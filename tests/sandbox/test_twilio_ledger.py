"""The ledger and what it counts, segments, time windows, knobs, phones."""

import asyncio
import random
import time
from collections.abc import Iterator

import pytest

from sandbox.traffic import Feed
from sandbox.twilio import overrides, segments, windows
from sandbox.twilio.behaviour import BadBehaviour, Behaviour
from sandbox.twilio.board import MESSAGES_PER_TICK, Board
from sandbox.twilio.ledger import Ledger, NewMessage
from sandbox.twilio.pulse import Pulse
from sandbox.twilio.timetable import Step, Timetable
from tests.sandbox.twilio_servers import SENDER, Rig, Servers

ANA = "+12125550123"
BEN = "+12125550124"
FAMILY = "\U0001f468‍\U0001f469‍\U0001f467"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def servers(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


def new(body: str = "Hello", member: str = ANA, **fields: str) -> NewMessage:
    callback = fields.get("callback", "")
    return NewMessage(member, SENDER, body, direction="outbound-api", status="queued", callback=callback)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("ç" * 70, 1),
        ("Ç" * 160, 1),
        ("`" + "a" * 70, 2),
        ("\U0001f600" * 35, 1),
        ("\U0001f600" * 36, 2),
        ("я" * 66 + "\U0001f600" + "я" * 66, 3),
        ("я" * 60 + FAMILY + "я" * 59, 2),
        ("я" * 60 + FAMILY + "я" * 60, 3),
    ],
)
def test_segments_are_counted_as_twilio_does(text: str, count: int) -> None:
    assert segments.count(text) == count


def test_a_text_is_read_back_as_it_was_kept() -> None:
    ledger = Ledger()
    for body in ("Olá \U0001f600", "", "tab\tand\nline\x00"):
        ledger.add(new(body, callback="http://127.0.0.1:8000/s?d=1&a=2#rc=5"), now=1.5)
    message = ledger.read(0)
    assert [ledger.read(order).body for order in range(3)] == ["Olá \U0001f600", "", "tab\tand\nline\x00"]
    assert (message.member, message.sender, message.created_at) == (ANA, SENDER, 1.5)
    assert message.callback == "http://127.0.0.1:8000/s?d=1&a=2#rc=5"


def test_a_sid_leads_back_to_its_text_and_others_lead_nowhere() -> None:
    ledger = Ledger()
    orders = [ledger.add(new(), now=1.0) for _ in range(100)]
    assert [ledger.order(ledger.sid(order)) for order in orders] == orders
    assert len({ledger.sid(order) for order in orders}) == 100
    assert ledger.order("MM" + ledger.sid(3)[2:]) is None
    for wrong in ("SM" + "f" * 32, "SM", "", "SMxyz"):
        assert ledger.order(wrong) is None


def test_a_status_rises_and_never_falls() -> None:
    ledger = Ledger()
    order = ledger.add(new(), now=1.0)
    assert ledger.advance(order, "delivered", 0, now=2.0)
    assert not ledger.advance(order, "sent", 0, now=3.0)
    assert not ledger.advance(order, "failed", 30007, now=3.0)
    assert (ledger.status(order), +ledger.by_status) == ("delivered", {"delivered": 1})


def test_the_same_text_to_the_same_phone_is_a_double() -> None:
    ledger = Ledger()
    orders = [ledger.add(text, now=1.0) for text in (new("a"), new("b"), new("a", BEN), new("a"), new("a"))]
    assert (ledger.accepted, ledger.doubles) == (5, 2)
    assert ledger.double_sids == [ledger.sid(order) for order in orders[3:]]


def test_texts_of_a_phone_come_newest_first() -> None:
    ledger = Ledger()
    for number in range(6):
        ledger.add(new(member=ANA if number % 2 else BEN), now=1.0)
    assert list(ledger.of_phone(ANA)) == [5, 3, 1]
    assert list(ledger.of_phone(ANA, before=5)) == [3, 1]
    assert list(ledger.of_phone("+12125550177")) == []
    assert list(ledger.newest_first(before=2)) == [1, 0]


def test_what_may_have_come_longer_ago_than_a_window_counts_with_nothing_certainly() -> None:
    texts = [("a", at, 1) for at in (10.0, 11.5, 11.6, 12.7)]
    found = windows.busiest(texts, came_since=lambda at: 10.1 if 11 < at < 12 else at)
    assert (found["a"].max_segments, found["a"].segments) == (1, 4)


def test_the_busiest_second_is_found_wherever_it_starts() -> None:
    texts = [("a", 10.0, 1), ("a", 10.9, 2), ("b", 10.95, 7), ("a", 11.0, 4), ("a", 11.85, 1), ("a", 11.95, 1)]
    found = windows.busiest(texts, came_since=float)
    assert (found["a"].max_segments, found["a"].at) == (7, 10.9)
    assert (found["b"].max_segments, found["b"].messages) == (7, 1)
    assert (found["a"].segments, found["a"].first_at, found["a"].last_at) == (9, 10.0, 11.95)


def test_what_the_stand_in_saw_at_once_since_it_was_held_up_may_have_come_one_by_one() -> None:
    pulse = Pulse()
    pulse.beat(10.0, 10.011)
    pulse.beat(10.2, 10.5)
    pulse.beat(10.5, 10.53)
    seen = {10.005: 10.005, 10.3: 10.2, 10.503: 10.2, 10.57: 10.2, 10.6: 10.6, 9.0: 9.0}
    assert {at: pulse.came_since(at) for at in seen} == seen
    texts = [("a", at, 1) for at in (10.501, 10.502, 10.503, 11.3, 11.45)]
    assert windows.busiest(texts, came_since=pulse.came_since)["a"].max_segments == 3
    assert windows.busiest(texts, came_since=float)["a"].max_segments == 5


def test_what_was_not_served_before_the_stand_in_was_held_up_again_may_have_come_before_both() -> None:
    pulse = Pulse()
    pulse.beat(10.0, 10.1)
    pulse.beat(10.1, 10.11)
    pulse.beat(10.11, 10.2)
    pulse.beat(10.3, 10.4)
    seen = {10.21: 10.0, 10.41: 10.3}
    assert {at: pulse.came_since(at) for at in seen} == seen


def test_a_pulse_notes_when_it_was_held_up() -> None:
    pulse = Pulse()

    async def story() -> tuple[float, float]:
        beating = asyncio.create_task(pulse.run())
        await asyncio.sleep(0.05)
        began = time.time()
        while time.time() < began + 0.2:
            pass
        ended = time.time()
        await asyncio.sleep(0.05)
        beating.cancel()
        return began, ended

    began, ended = asyncio.run(story())
    assert began - 0.1 < pulse.came_since(ended) <= began


def test_windows_agree_with_a_count_by_hand() -> None:
    chance = random.Random(7)
    moments = sorted(chance.uniform(0, 5) for _ in range(300))
    expected = max(sum(start <= other < start + 1 for other in moments) for start in moments)
    assert windows.busiest((("a", at, 1) for at in moments), came_since=float)["a"].max_segments == expected


@pytest.mark.parametrize(
    "knobs",
    [
        {"speed": 1},
        {"lose": 2},
        {"lose": True},
        {"shuffle": 1},
        {"latency_ms": -1},
        {"senders": "x"},
        {"signature": "MD5"},
    ],
)
def test_an_impossible_knob_is_refused_with_a_sentence(knobs: dict[str, object]) -> None:
    with pytest.raises(BadBehaviour, match=next(iter(knobs))):
        Behaviour().changed(knobs)


def test_a_fragment_sets_time_outs_and_retries_within_their_limits() -> None:
    asked = overrides.read("rc=5&rp=all&rt=2500&ct=99&tt=x")
    assert (asked.retries, asked.read_ms, asked.connect_ms, asked.total_ms) == (5, 2_500, 5_000, 15_000)
    assert asked.retries_on("4xx")
    assert overrides.DEFAULT.retries_on("ct")
    assert not overrides.DEFAULT.retries_on("5xx")


def test_steps_come_when_they_are_due_and_not_as_they_were_added() -> None:
    async def take() -> list[int]:
        timetable = Timetable()
        taking = asyncio.gather(timetable.next(), timetable.next(), timetable.next())
        await asyncio.sleep(0)
        for order, after_s in ((3, 0.06), (1, 0.0), (2, 0.03)):
            timetable.add(Step(order, "sent"), after_s=after_s)
        return [step.order for step in await taking]

    assert sorted(asyncio.run(take())) == [1, 2, 3]


def test_a_flood_tells_the_page_only_of_the_newest() -> None:
    feed, ledger = Feed(), Ledger()
    board = Board(feed, ledger)
    for number in range(500):
        board.show(ledger.add(new(f"Text {number}"), now=1.0), ANA)
    board.publish(lambda: {"accepted": ledger.accepted})
    events = [event for _, event in feed.since(0, at_most=1_000)]
    assert [kind for kind, _ in events] == ["phone.message"] * MESSAGES_PER_TICK + ["totals"]
    assert events[-2][1]["message"]["body"] == "Text 499"  # type: ignore[index]  # payloads are JSON
    board.change(3)
    board.publish(dict)
    assert [kind for _, (kind, _) in feed.since(feed.last - 2, at_most=2)] == ["phone.status", "totals"]


def test_phones_are_shown_last_active_first_and_found_by_digits(servers: Servers) -> None:
    client = servers.client()
    for number in range(60):
        client.messages.create(to=f"+1212555{101 + number:04d}", from_=SENDER, body="Hi")
    shown = servers.get("/ui/phones")
    assert shown["senders"] == [SENDER]
    assert len(shown["phones"]) == 50
    assert shown["phones"][0]["phone"] == "+12125550160"
    assert [phone["phone"] for phone in servers.get("/ui/phones?q=5550123")["phones"]] == [ANA]
    assert servers.get("/ui/phones?phone=%2B12125550123")["phones"][0]["messages"][0]["body"] == "Hi"


def test_the_ledger_can_be_read_in_pages(servers: Servers) -> None:
    client = servers.client()
    for number in range(5):
        client.messages.create(
            to=ANA, from_=SENDER, body=f"Text {number}", status_callback="http://127.0.0.1:9/s?d=1#rc=0"
        )
    first = servers.get("/ui/ledger/messages?limit=3")
    rest = servers.get(f"/ui/ledger/messages?limit=3&after={first['next']}")
    assert [row["body"] for row in first["messages"] + rest["messages"]] == [f"Text {n}" for n in range(5)]
    assert rest["next"] is None
    assert first["messages"][0]["query"] == "d=1"
    assert servers.get("/ui/ledger/windows")["senders"][SENDER]["segments"] == 5


def test_a_refused_knob_changes_nothing(servers: Servers) -> None:
    before = servers.get("/ui/twilio/behaviour")
    assert "lose" in servers.post("/ui/twilio/behaviour", shuffle=True, lose=7)["error"]
    assert servers.get("/ui/twilio/behaviour") == before
