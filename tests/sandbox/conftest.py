"""The sandbox's page, live in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.sandbox import page_stage
from tests.sandbox.page_stage import PageStage


@pytest.fixture(scope="module")
def stage() -> Iterator[PageStage]:
    """One sandbox for all tests here; each uses names of its own."""
    with page_stage.running() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with page_stage.chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, stage: PageStage) -> Iterator[Page]:
    """The page, live; fails the test that makes it report an error."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(stage.url)
    expect(page.locator("#connection")).to_have_text("Live")
    yield page
    context.close()
    assert complaints == []
