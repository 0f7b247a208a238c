"""Two people agree: one composes, is refused her own approval, and another approves."""

from functools import partial
from typing import Any

from sandbox.story import reading
from sandbox.story.awaiting import WentWrong, until
from sandbox.story.stand_ins import APPROVER, GENERAL, GUEST, ORGANIZER
from sandbox.story.story import AUDIENCE, BODY, NAME, Story

Json = dict[str, Any]


def compose(story: Story) -> None:
    """Write the blast in the composer, look at its price, make it cheaper, and send it to review."""
    story.teller.chapter("The organizer composes")
    stand_ins = story.stand_ins
    story.teller.quote("Organizer, in #general", "/blast")
    typed = partial(stand_ins.act, "command", ORGANIZER, channel=GENERAL, command="/blast", text="")
    stand_ins.open_view(ORGANIZER, typed)
    _fill_in(story, "name", value=NAME)
    _fill_in(story, "audiences", selected_options=[_audience(_open_view(story))])
    _fill_in(story, "body", value=BODY)
    dear = _meter(story, "Replace")
    story.teller.window("Composer, as she types", dear)
    stand_ins.act("action", ORGANIZER, view_id=_open_view(story)["id"], action_id="blast.fix")
    story.teller.say("She presses Replace: an ordinary apostrophe needs no Unicode.")
    cheap = until("a cheaper preview", lambda: _cheaper(story), seconds=10)
    story.teller.window("Composer, after it", cheap)
    answer = stand_ins.act("submit", ORGANIZER, view_id=_open_view(story)["id"])
    if answer.get("errors") or answer.get("error"):
        raise WentWrong(f"The composer refused: {answer.get('errors') or answer['error']}")


def agree(story: Story) -> None:
    """Have the author and a guest refused, and an approver approve."""
    teller, stand_ins = story.teller, story.stand_ins
    teller.chapter("Somebody else has to agree")
    card = story.card_in("Waiting for approval", seconds=15)
    story.blast_id = blast_id_of(card)
    teller.window("#blast-approvals", reading.text_of(card))
    for who, user in (("Organizer", ORGANIZER), ("Guest", GUEST)):
        seen = len(stand_ins.whispers(user))
        stand_ins.press(user, card, "blast.approve")
        teller.say(f"{who} presses Approve, and is told:")
        teller.quote(f"Blast, to {who} only", story.refusal(user, seen), style="red")
    if reading.state_of(story.card() or {}) != "Waiting for approval":
        raise WentWrong("The blast left review although nobody who may approve it did.")
    stand_ins.press(APPROVER, card, "blast.approve")
    teller.say("Approver presses Approve.")
    approved = story.card_in("Approved", seconds=10)
    teller.quote("The card", reading.state_of(approved))


def _fill_in(story: Story, field: str, **given: Any) -> None:
    view_id = _open_view(story)["id"]
    story.stand_ins.act("input", ORGANIZER, view_id=view_id, block_id=field, action_id=field, **given)


def _open_view(story: Story) -> Json:
    view = story.stand_ins.view(ORGANIZER)
    if view is None:
        raise WentWrong("The composer has closed by itself.")
    return view


def _audience(view: Json) -> str:
    """Return the value of our audience in the composer's menu."""
    menu = next(block["element"] for block in view["blocks"] if block.get("block_id") == "audiences")
    return next(str(one["value"]) for one in menu["options"] if one["text"]["text"].startswith(AUDIENCE))


def _meter(story: Story, button: str) -> str:
    """Wait for the preview, which offers to replace what makes the text dear."""

    def look() -> str | None:
        view = _open_view(story)
        text = _below_inputs(view)
        return text if "recipients" in text and "blast.fix" in reading.buttons_of(view) else None

    return until(f"the composer's preview with its button {button}", look, seconds=10)


def _cheaper(story: Story) -> str | None:
    view = _open_view(story)
    text = _below_inputs(view)
    return text if "recipients" in text and "blast.fix" not in reading.buttons_of(view) else None


def _below_inputs(view: Json) -> str:
    return reading.text_of({"blocks": [block for block in view["blocks"] if block["type"] != "input"]})


def blast_id_of(card: Json) -> str:
    """Return the id of the blast that a card is about."""
    values = (element["value"] for element in card["blocks"][-1]["elements"])
    return str(next(values)).partition(":")[0]
