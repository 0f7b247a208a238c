"""Calling from a phone of the sandbox's page, with a mouse and without one."""

import pytest
from playwright.sync_api import Page, expect

from sandbox.twilio import recordings as sounds
from tests.sandbox.page_stage import PageStage

pytestmark = pytest.mark.browser


def open_phone(page: Page, number: str) -> None:
    """Open a phone that may have no texts yet."""
    search = page.get_by_label("Find a phone by its digits")
    search.fill(number)
    search.press("Enter")
    expect(page.locator("#device")).to_be_visible()


def test_a_member_calls_and_presses_a_key(page: Page, stage: PageStage) -> None:
    open_phone(page, "+12125550177")
    page.get_by_role("button", name="Call", exact=True).click()
    dialog = page.get_by_role("dialog", name="Call from (212) 555-0177")
    expect(dialog).to_contain_text("To get no more texts, press 9.")
    expect(dialog.get_by_role("status")).to_have_text("Waiting for a key")
    dialog.get_by_role("button", name="Press 9").click()
    expect(dialog).to_contain_text("You get no more texts.")
    expect(dialog.get_by_role("status")).to_have_text("Call ended")
    assert ("/key", "9", "+12125550177") in [
        (what, form.get("Digits"), form.get("From")) for what, form in stage.webhooks.calls
    ]
    expect(dialog.get_by_role("button", name="Press 9")).to_be_hidden()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_a_member_leaves_a_message_by_keyboard_alone(page: Page, stage: PageStage) -> None:
    open_phone(page, "+12125550178")
    page.get_by_role("button", name="Call", exact=True).press("Enter")
    dialog = page.get_by_role("dialog", name="Call from (212) 555-0178")
    dialog.get_by_role("button", name="Leave a message").press("Enter")
    expect(dialog).to_contain_text("(speaks for 5 seconds)")
    expect(dialog).to_contain_text("Speak after the tone.")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    lengths = [form["RecordingDuration"] for what, form in stage.webhooks.calls if what == "/done"]
    assert lengths == ["5"]


def test_escape_hangs_up_and_the_product_is_told(page: Page, stage: PageStage) -> None:
    open_phone(page, "+12125550179")
    page.get_by_role("button", name="Call", exact=True).click()
    dialog = page.get_by_role("dialog", name="Call from (212) 555-0179")
    expect(dialog).to_contain_text("press 9")
    page.keyboard.press("Escape")
    expect(dialog.get_by_role("status")).to_have_text("Call ended")
    assert [form["From"] for what, form in stage.webhooks.calls if what == "/ended"][-1] == "+12125550179"


def test_a_voice_message_in_a_thread_can_be_played(page: Page, stage: PageStage) -> None:
    stage.slack.files_upload_v2(channel="C0REPLIES", filename="voice-message.wav", content=sounds.sound(1))
    page.get_by_role("navigation", name="Channels").get_by_role("button", name="blast-replies").click()
    player = page.get_by_label("voice-message.wav")
    expect(player).to_be_visible()
    page.wait_for_function("player => player.duration > 0.9", arg=player.element_handle())
