"""A member's picture on its whole way: phone, Twilio, webhooks, worker, and the thread in Slack."""

import base64

import pytest

from deploy import ports
from sandbox.story.stand_ins import Json
from tests.journeys.house import House

pytestmark = pytest.mark.journey

SHE = "+12125550123"
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==")


def messages(house: House) -> list[Json]:
    channels = house.stand_ins.ask("GET", "/ui/state")["slack"]["channels"]
    found: list[Json] = next(each["messages"] for each in channels if each["id"] == "C0REPLIES")
    return sorted(found, key=lambda message: float(message["ts"]))


def test_a_picture_from_a_phone_stands_in_the_thread_of_its_text(house: House) -> None:
    picture = f"data:image/gif;base64,{base64.b64encode(GIF).decode()}"
    house.stand_ins.text(SHE, "The sink leaks, look", media=[picture])
    ports.wait_until(lambda: any(message.get("files") for message in messages(house)), seconds=30)
    root, shown = messages(house)
    (file,) = shown["files"]
    assert "The sink leaks, look" in str(root["blocks"])
    assert (shown["thread_ts"], file["name"], file["size"]) == (root["ts"], "picture-1.gif", len(GIF))
    assert SHE not in house.log("worker")
