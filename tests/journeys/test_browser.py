"""A stranger at the page: composes, approves as another, sees texts arrive, opts out, and sees the card tell it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.story.story import AUDIENCE, Story
from tests import databases
from tests.journeys.house import House
from tests.sandbox import page_stage

pytestmark = [pytest.mark.journey, pytest.mark.browser, databases.on_sqlite]

NAME = "Repairs meeting"
WORDS = "the repairs meeting is tonight at 7"
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with page_stage.chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    """The sandbox's page in front of the real product; an error that the page reports fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(PATIENCE_MS)
    page.goto(house.env["SANDBOX_URL"])
    expect(page.locator("#connection")).to_have_text("Live")
    yield page
    context.close()
    assert complaints == []


def compose(page: Page) -> None:
    """Open the composer by the command, fill it in, and send it to review."""
    box = page.get_by_label("Message, or a slash command")
    box.fill("/blast")
    box.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill(NAME)
    dialog.get_by_role("group", name="Audiences").get_by_label(AUDIENCE).check()
    dialog.get_by_label("Text", exact=True).press_sequentially(f"Hi {{first_name|friend}}, {WORDS}")
    expect(dialog).to_contain_text("recipients", timeout=PATIENCE_MS)
    dialog.get_by_role("button", name="Send to review").click()
    expect(dialog).to_be_hidden(timeout=PATIENCE_MS)


def act_as(page: Page, name: str) -> None:
    """Become somebody of the cast."""
    page.get_by_role("radio", name=name, exact=True).check()


def test_the_whole_story_by_hand(page: Page, story: Story) -> None:
    compose(page)
    card = page.locator("#messages > li", has_text=NAME).first
    expect(card).to_contain_text("Waiting for approval", timeout=PATIENCE_MS)
    card.get_by_role("button", name="Approve").click()
    expect(page.locator(".ephemeral")).to_contain_text("You wrote this blast")
    act_as(page, "Approver")
    card.get_by_role("button", name="Approve").click()
    expect(card).to_contain_text("Sending", timeout=PATIENCE_MS)
    expect(card.get_by_role("button", name="Pause")).to_be_visible()
    phones = page.get_by_role("list", name="Most recently active phones")
    phones.get_by_role("button").filter(has_text=WORDS).first.click()
    texts = page.get_by_role("region", name="Texts")
    expect(texts).to_contain_text(WORDS)
    expect(card).to_contain_text("Finished", timeout=PATIENCE_MS)
    expect(card).to_contain_text("delivered")
    _opt_out(page, story)
    expect(card).to_contain_text("Opted out since it began: 2", timeout=PATIENCE_MS)


def _opt_out(page: Page, story: Story) -> None:
    """Text STOP as a member; one other does so by itself when a text arrives."""
    member = next(person for person in story.crowd.people if person.ending < "88")
    search = page.get_by_label("Find a phone by its digits")
    search.fill(member.phone)
    search.press("Enter")
    page.get_by_role("group", name="Text one of the keywords").get_by_role("button", name="STOP").click()
    expect(page.get_by_role("article")).to_contain_text("Opted out", timeout=PATIENCE_MS)
