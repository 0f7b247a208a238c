"""A call on its whole way: phone, Twilio, webhooks, worker, and the thread in Slack."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploy import ports
from sandbox.story import agreeing, leaving
from sandbox.story.stand_ins import Json
from sandbox.story.story import Story
from tests.journeys.house import House

pytestmark = pytest.mark.journey

SHE, HE = "+12125550123", "+12125550124"


def call(house: House, member: str) -> Json:
    return house.stand_ins.ask("POST", "/ui/phones/call", {"from": member})


def act(house: House, placed: Json, what: str, **fields: Any) -> Json:
    return house.stand_ins.ask("POST", f"/ui/phones/call/{placed['sid']}/{what}", fields)


def heard(placed: Json) -> str:
    return " ".join(line["text"] for line in placed["lines"] if line["who"] == "voice")


def messages(house: House) -> list[Json]:
    return sorted(house.stand_ins.messages("C0REPLIES"), key=lambda message: float(message["ts"]))


def test_a_message_by_telephone_is_heard_in_the_thread_and_kept_nowhere_else(house: House) -> None:
    placed = call(house, SHE)
    assert "press 9" in heard(placed)
    act(house, placed, "speak", seconds=4)
    ports.wait_until(lambda: any(message.get("files") for message in messages(house)), seconds=30)
    root, shown = messages(house)
    (file,) = shown["files"]
    assert "They called and left a message of 4 s." in str(root["blocks"])
    assert (shown["thread_ts"], file["name"]) == (root["ts"], "voice-message.wav")
    ports.wait_until(lambda: "recording.deleted" in house.log("worker"), seconds=30)
    assert SHE not in house.log("worker") + house.log("webhooks")


def test_who_presses_the_key_is_texted_no_more(house: House) -> None:
    placed = act(house, call(house, HE), "press", key="9", revokes=True)
    assert placed["state"] == "ended"
    assert "You get no more texts from us." in heard(placed)
    assert "voice" in house.blast("why", HE)
    assert house.blast("events", "--failed", "--json").strip() == "[]"


def test_nobody_is_texted_once_a_call_in_mid_send_has_confirmed_the_key(house: House, story: Story) -> None:
    agreeing.compose(story)
    agreeing.agree(story)
    story.card_in("Sending", seconds=30)
    # Fewer than would pause the blast.
    for _ in range(8):
        story.stopped.append(leaving.somebody_untexted(story).phone)
    with ThreadPoolExecutor(8) as callers:
        placed = list(callers.map(lambda member: call(house, member), story.stopped))
        confirmed = list(callers.map(lambda each: act(house, each, "press", key="9", revokes=True), placed))
    assert all("You get no more texts from us." in heard(each) for each in confirmed)
    story.card_in("Finished", seconds=90)
    assert house.stand_ins.ledger()["after_stop"] == 0
    assert set(story.stopped) - {text["to"] for text in house.stand_ins.texts()}, "everybody had been texted before"
