"""The sandbox's page in a real browser: people act, texts arrive, hostile text stays text, a keyboard is enough."""

import re
from base64 import b64decode

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.sandbox import page_stage
from tests.sandbox.page_stage import PageStage
from tests.sandbox.slack_stage import section
from tests.sandbox.slack_stage import wait_for as wait_until

pytestmark = pytest.mark.browser

HOSTILE = """<img src=x onerror="document.title='broken'"> &lt; &amp;lt; שלום <script>1</script>"""
ANA, BO = "+12125550111", "+12125550112"
PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==")


def act_as(page: Page, name: str) -> None:
    """Become somebody of the cast."""
    page.get_by_role("radio", name=name, exact=True).check()


def open_channel(page: Page, name: str) -> None:
    """Look into a channel."""
    page.get_by_role("navigation", name="Channels").get_by_role("button", name=name).click()


def say(page: Page, text: str) -> None:
    """Write in the message box and press Enter."""
    box = page.get_by_label("Message, or a slash command")
    box.fill(text)
    box.press("Enter")


def compose(page: Page, name: str, body: str) -> None:
    """Fill in the bot's modal and submit it."""
    say(page, "/blast")
    page.get_by_role("dialog").get_by_label("Name").fill(name)
    page.get_by_role("dialog").get_by_label("Text").fill(body)
    page.get_by_role("button", name="Send to review").click()


def test_the_page_opens_live_with_its_landmarks(page: Page) -> None:
    expect(page).to_have_title("Blast sandbox")
    for landmark in ("banner", "main", "navigation"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.get_by_role("radio", name="Organizer", exact=True)).to_be_checked()
    expect(page.get_by_role("heading", name="blast-approvals")).to_be_visible()


def test_one_composes_in_a_modal_and_another_approves_the_card(page: Page, stage: PageStage) -> None:
    compose(page, "Rent strike", "The hearing moved.")
    expect(page.get_by_role("dialog")).to_be_hidden()
    item = page.locator("#messages > li", has_text="Rent strike")
    expect(item).to_contain_text("The hearing moved.\nby @Organizer", use_inner_text=True)
    act_as(page, "Approver")
    item.get_by_role("button", name="Approve").click()
    expect(page.locator("#messages")).to_contain_text("Approved by @Approver")
    assert stage.bot.pressed[-1]["user"] == "U0APPROVER"


def test_a_modal_belongs_to_the_person_who_opened_it(page: Page) -> None:
    say(page, "/blast")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Cancel").last.click()
    act_as(page, "Guest")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_typed_text_and_focus_stay_while_the_bot_updates_the_modal(page: Page) -> None:
    say(page, "/blast")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Kept")
    dialog.get_by_label("Volunteers").check()
    dialog.get_by_label("Text").press_sequentially("Hello there", delay=30)
    expect(dialog).to_contain_text("11 characters")
    expect(dialog.get_by_label("Text")).to_be_focused()
    expect(dialog.get_by_label("Name")).to_have_value("Kept")
    expect(dialog.get_by_label("Volunteers")).to_be_checked()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_errors_stand_by_their_field_and_take_the_focus(page: Page) -> None:
    compose(page, "taken", "Something")
    name = page.get_by_role("dialog").get_by_label("Name")
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_accessible_description("There is such a blast already.")
    name.fill("")
    page.get_by_role("button", name="Send to review").click()
    expect(page.get_by_role("dialog")).to_contain_text("Please complete this required field.")
    page.keyboard.press("Escape")


def test_a_button_that_asks_first_does_nothing_when_it_is_denied(page: Page, stage: PageStage) -> None:
    compose(page, "Asked first", "Text")
    item = page.locator("#messages > li", has_text="Asked first")
    pressed = len(stage.bot.pressed)
    item.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Keep it").click()
    item.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel it").click()
    wait_until(lambda: len(stage.bot.pressed) > pressed)
    assert [one["action_id"] for one in stage.bot.pressed[pressed:]] == ["cancel"]


def test_every_kind_of_input_reaches_the_bot_as_it_was_filled_in(page: Page, stage: PageStage) -> None:
    say(page, "/blast inputs")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("combobox", name="static select")).to_have_value("")
    dialog.get_by_role("combobox", name="static select").select_option(label="Blue")
    dialog.get_by_role("radiogroup", name="radio buttons").get_by_label("Red").check()
    dialog.get_by_role("group", name="checkboxes").get_by_label("Blue").check()
    dialog.get_by_label("Find a street").fill("Elm")
    dialog.get_by_label("Elm Square").check()
    dialog.get_by_label("datepicker").fill("2027-03-14")
    dialog.get_by_label("timepicker", exact=True).fill("18:30")
    dialog.get_by_label("datetimepicker").fill("2027-03-14T18:30")
    dialog.get_by_role("combobox", name="users select").select_option(label="Admin")
    dialog.get_by_label("number input").fill("42")
    rows: FilePayload = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"phone\n+12125550123\n"}
    dialog.get_by_label("file input").set_input_files(rows)
    expect(dialog).to_contain_text("people.csv")
    page.get_by_role("button", name="Done").click()
    expect(dialog).to_be_hidden()
    values = {name: state[name] for name, state in stage.bot.submitted[-1].items()}
    assert [values[kind]["selected_option"]["value"] for kind in ("static_select", "radio_buttons")] == ["blue", "red"]
    assert [one["value"] for one in values["checkboxes"]["selected_options"]] == ["blue"]
    assert values["external_select"]["selected_option"]["value"] == "elm square"
    assert (values["datepicker"]["selected_date"], values["timepicker"]["selected_time"]) == ("2027-03-14", "18:30")
    assert isinstance(values["datetimepicker"]["selected_date_time"], int)
    assert (values["users_select"]["selected_user"], values["number_input"]["value"]) == ("U0ADMIN", "42")
    assert values["file_input"]["files"][0]["name"] == "people.csv"


def test_what_only_one_person_may_see_is_shown_to_no_other(page: Page) -> None:
    open_channel(page, "general")
    say(page, "/blast whisper")
    whisper = page.locator(".ephemeral", has_text="You typed whisper")
    expect(whisper).to_contain_text("Only visible to you")
    act_as(page, "Admin")
    expect(whisper).to_have_count(0)


def test_home_is_what_the_bot_published_for_the_acting_person(page: Page) -> None:
    act_as(page, "Second approver")
    page.get_by_role("button", name="Blast Home").click()
    expect(page.get_by_role("region", name="Home of Blast")).to_contain_text("Welcome home, @Second approver")


def test_a_reply_stands_in_its_thread_and_not_in_the_channel(page: Page) -> None:
    open_channel(page, "general")
    say(page, "Who can come?")
    item = page.locator("#messages > li", has_text="Who can come?")
    item.hover()
    item.get_by_role("button", name="Reply in thread").click()
    page.get_by_label("Reply in the thread").fill("I can")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary")).to_contain_text("I can")
    expect(item).to_contain_text("1 reply")
    expect(page.locator("#messages > li", has_text="I can")).to_have_count(0)


def test_what_one_person_is_told_in_a_thread_stands_there_while_it_is_open(page: Page, stage: PageStage) -> None:
    ts = stage.slack.chat_postMessage(channel="C0REPLIES", text="Who is this?")["ts"]
    stage.slack.chat_postMessage(channel="C0REPLIES", text="A reply", thread_ts=ts)
    open_channel(page, "blast-replies")
    page.locator("#messages > li", has_text="Who is this?").get_by_role("button", name="1 reply").click()
    stage.slack.chat_postEphemeral(channel="C0REPLIES", user="U0ORGANIZER", text="For you alone", thread_ts=ts)
    in_channel = page.locator("#messages .ephemeral", has_text="For you alone")
    expect(page.locator("#thread-messages .ephemeral", has_text="For you alone")).to_be_visible()
    expect(in_channel).to_have_count(0)
    page.get_by_role("button", name="Close the thread").click()
    expect(in_channel).to_be_visible()


def test_hostile_text_is_shown_as_text_wherever_it_comes_from(page: Page, stage: PageStage) -> None:
    plain_block = {"type": "header", "text": {"type": "plain_text", "text": "<b>not bold</b>"}}
    stage.slack.chat_postMessage(channel="C0GENERAL", text="x", blocks=[plain_block, section("<img src=x> `<i>`")])
    open_channel(page, "general")
    say(page, HOSTILE)
    compose(page, "<u>name</u>", HOSTILE)
    stage.ask("POST", "/ui/phones/text", {"from": ANA, "body": HOSTILE})
    for text in ("<b>not bold</b>", "<img src=x> <i>", "<img src=x onerror=", "<script>1</script>"):
        expect(page.locator("#messages")).to_contain_text(text)
    page.locator("#phone-list button", has_text="<img").click()
    expect(page.locator("#texts")).to_contain_text(HOSTILE)
    expect(page.locator("#slack img, #slack script, #device img")).to_have_count(0)
    assert page.title() == "Blast sandbox"


def test_slack_markup_becomes_elements(page: Page, stage: PageStage) -> None:
    text = (
        "*bold* _it_ ~gone~ `code` <https://example.org/a|the page> <@U0ADMIN> :tada: <javascript:alert(1)|no>\n> said"
    )
    stage.slack.chat_postMessage(channel="C0REPLIES", text=text)
    open_channel(page, "blast-replies")
    item = page.locator("#messages > li").last
    for tag, shown in (("strong", "bold"), ("em", "it"), ("s", "gone"), ("code", "code"), ("blockquote", "said")):
        expect(item.locator(f".message-body {tag}")).to_have_text(shown)
    expect(item.get_by_role("link")).to_have_attribute("href", "https://example.org/a")
    expect(item.locator(".mention")).to_have_text("@Admin")
    expect(item).to_contain_text("🎉")


def test_a_member_texts_and_sees_the_answer_on_her_phone(page: Page, stage: PageStage) -> None:
    search = page.get_by_label("Find a phone by its digits")
    search.fill("212 555 0112")
    search.press("Enter")
    box = page.get_by_label("Text as this member")
    box.fill("Please thank me")
    box.press("Enter")
    texts = page.get_by_role("region", name="Texts")
    expect(texts).to_contain_text("Please thank me")
    expect(texts).to_contain_text("Thanks!")
    expect(texts.locator(".to_member").last).to_contain_text("Delivered")
    page.get_by_role("group", name="Text one of the keywords").get_by_role("button", name="STOP").click()
    expect(page.get_by_role("article")).to_contain_text("Opted out")
    assert [text["Body"] for text in stage.webhooks.texts if text["From"] == BO] == ["Please thank me", "STOP"]


def test_a_member_sends_a_picture_and_staff_see_one_in_a_thread(page: Page, stage: PageStage) -> None:
    search = page.get_by_label("Find a phone by its digits")
    search.fill("212 555 0113")
    search.press("Enter")
    page.get_by_label("Attach a picture").set_input_files(FilePayload(name="a.gif", mimeType="image/gif", buffer=PIXEL))
    page.get_by_role("button", name="Text", exact=True).click()
    on_phone = page.get_by_role("img", name="The member's picture")
    expect(on_phone).to_be_visible()
    assert stage.webhooks.texts[-1]["MediaContentType0"] == "image/gif"
    stage.slack.files_upload_v2(channel="C0REPLIES", filename="picture-1.gif", title="picture-1.gif", content=PIXEL)
    open_channel(page, "blast-replies")
    shared = page.get_by_role("img", name="picture-1.gif")
    for picture in (on_phone, shared):
        expect(picture).to_be_visible()
        expect(picture).to_have_js_property("naturalWidth", 1)


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the message box")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("/blast")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    page.keyboard.type("By keyboard")
    for _ in range(10):
        if page.evaluate("document.activeElement.tagName") == "TEXTAREA":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("No mouse")
    expect(page.get_by_role("dialog")).to_contain_text("8 characters")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#messages")).to_contain_text("By keyboard")
    page.get_by_role("radio", name="Organizer", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Approver", exact=True)).to_be_checked()


def test_the_focus_stays_inside_an_open_modal(page: Page) -> None:
    say(page, "/blast")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    for _ in range(14):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")


def test_a_new_message_is_said_to_screen_readers(page: Page, stage: PageStage) -> None:
    stage.slack.chat_postMessage(channel="C0REPLIES", text="Please *look*")
    expect(page.locator("#announcer")).to_have_text(re.compile("Blast in #blast-replies: Please look"))
    expect(page.get_by_role("button", name="blast-replies")).to_contain_text("1 new")


def test_the_traffic_can_be_filtered_opened_and_paused(page: Page, stage: PageStage) -> None:
    stage.slack.chat_postMessage(channel="C0REPLIES", text="On the wire")
    traffic = page.get_by_role("list", name="Requests and responses")
    row = traffic.get_by_role("listitem").filter(has_text="On the wire").first
    row.locator("summary").click()
    expect(row).to_contain_text('"channel": "C0REPLIES"')
    expect(row).not_to_contain_text("xoxb-sandbox")
    page.get_by_role("radio", name="Twilio").check()
    expect(row).to_have_count(0)
    page.get_by_role("radio", name="All").check()
    page.get_by_role("button", name="Pause").click()
    stage.slack.chat_postMessage(channel="C0REPLIES", text="Unseen for now")
    expect(page.get_by_role("button", name="blast-replies")).to_contain_text("new")
    expect(traffic).not_to_contain_text("Unseen for now")
    page.get_by_role("button", name="Resume").click()
    expect(traffic).to_contain_text("Unseen for now")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (400, 800)])
def test_nothing_is_cut_off_sideways(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.get_by_label("Find a phone by its digits").press_sequentially("2125550142")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_be_visible()
    controls = page.get_by_role("button").or_(page.get_by_role("textbox"))
    edges = controls.evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(edges) <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_comes_back_by_itself_after_the_sandbox_was_restarted(browser: Browser) -> None:
    with page_stage.running() as stage, browser.new_context() as context:
        page = context.new_page()
        page.goto(stage.url)
        say(page, "Said before")
        expect(page.locator("#messages")).to_contain_text("Said before")
        page_stage.stopped(stage.process)
        expect(page.locator("#connection")).to_contain_text("Connection lost")
        again = page_stage.started(stage.url, "http://127.0.0.1:9", "http://127.0.0.1:9")
        try:
            expect(page.locator("#connection")).to_have_text("Live", timeout=15_000)
            expect(page.locator("#messages")).not_to_contain_text("Said before")
        finally:
            page_stage.stopped(again)
