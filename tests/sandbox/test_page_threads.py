"""The sandbox's page shows what was written before it was looked at, line by line."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.sandbox.page_stage import PageStage
from tests.sandbox.slack_stage import request

pytestmark = pytest.mark.browser

LINES = "first line\nsecond line\n\nfourth"


def text(stage: PageStage, number: str, body: str) -> None:
    """Text as a member, without the page."""
    request(stage.url, "POST", "/ui/phones/text", json.dumps({"from": number, "body": body}))


@pytest.mark.parametrize("is_typed_whole", [True, False])
def test_a_phone_that_is_not_among_the_last_shows_its_texts_when_it_is_found(
    page: Page, stage: PageStage, is_typed_whole: bool
) -> None:
    number = "+12127770001" if is_typed_whole else "+12127770002"
    text(stage, number, "I wrote long ago")
    for at in range(51):
        text(stage, f"+12127771{at:03}", "I wrote later")
    page.reload()
    search = page.get_by_label("Find a phone by its digits")
    search.fill(number)
    if is_typed_whole:
        search.press("Enter")
    else:
        page.locator("#phone-list button", has_text="I wrote long ago").click()
    expect(page.get_by_role("region", name="Texts")).to_contain_text("I wrote long ago")


def test_a_quote_keeps_its_lines(page: Page, stage: PageStage) -> None:
    quoted = "\n".join(f"> {line}" for line in LINES.splitlines())
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_quote", "elements": [{"type": "text", "text": LINES}]}],
    }
    section = {"type": "section", "text": {"type": "mrkdwn", "text": quoted}}
    stage.slack.chat_postMessage(channel="C0REPLIES", text="quotes", blocks=[rich, section])
    page.get_by_role("navigation", name="Channels").get_by_role("button", name="blast-replies").click()
    quotes = page.locator("#messages > li").last.locator("blockquote")
    expect(quotes).to_have_count(2)
    assert quotes.all_inner_texts() == [LINES, LINES]
