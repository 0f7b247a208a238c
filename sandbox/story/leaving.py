"""The blast leaves: its progress, a STOP in mid-send, a pause with another opt-out, a reply that is answered."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.story import reading
from sandbox.story.answering import answer, reply_thread
from sandbox.story.awaiting import WentWrong, until
from sandbox.story.people import Person
from sandbox.story.stand_ins import ORGANIZER
from sandbox.story.story import Story

Json = dict[str, Any]

# Between acceptance and `sent`, and again before the end; shuffled, each comes at a random moment of three times that.
CALLBACK_LATENCY_MS = 250
DUPLICATES = 0.15
FREE_WORDS = "please stop texting me"
# What may have left is looked up three times, a minute apart, before the blast can end.
_LONGEST_S = 300.0
_LOOK_EVERY_S = 0.25
_STILL_S = 1.0
_STOP_AT, _PAUSE_AT = 0.15, 0.4


class TooLate(WentWrong):
    """The moment for it had passed before this machine got to it; nothing is wrong with the blast."""


class Sight(NamedTuple):
    """What is to be seen at one moment."""

    share: float
    state: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Beat:
    """Something that people do once its moment has come."""

    what: str
    is_due: Callable[[Sight], bool]
    act: Callable[[Story], None]


def send(story: Story) -> None:
    """Follow the blast from its start until the card says that it is finished, and let people act meanwhile."""
    story.teller.chapter("It leaves")
    story.stand_ins.behave(
        callback_latency_ms=CALLBACK_LATENCY_MS, shuffle=True, duplicate=DUPLICATES, callback_concurrency=150
    )
    story.teller.say("From now on Twilio's callbacks come out of order, and every seventh twice.")
    story.card_in("Sending", seconds=20)
    story.teller.say("The undo window is over.")
    beats = [
        Beat("a member to text STOP", lambda sight: sight.share >= _STOP_AT, stop_in_mid_send),
        Beat("the organizer to pause", lambda sight: sight.share >= _PAUSE_AT, pause_and_resume),
        Beat("a member's question in #blast-replies", lambda _: reply_thread(story) is not None, answer),
    ]
    with story.teller.following():
        _follow(story, beats)


def stop_in_mid_send(story: Story) -> None:
    """Let somebody who hasn't been texted yet text STOP."""
    member = somebody_untexted(story)
    answer = story.stand_ins.text(member.phone, "STOP")
    _require_taken(answer)
    story.stopped.append(member.phone)
    story.teller.say(f"{member.first_name} (…{member.phone[-4:]}), who has not been texted yet, texts:")
    story.teller.quote(member.first_name, "STOP", style="red")


def pause_and_resume(story: Story) -> None:
    """Pause, see that nothing leaves, let somebody opt out in their own words, and go on."""
    if look(story).state == "Finished":
        raise TooLate("The blast was over before the organizer could pause it: this machine is very busy.")
    _press(story, "blast.pause")
    story.card_in("Paused", seconds=10)
    still = until("the sending to stand still", lambda: _still(story), seconds=10)
    story.teller.say(f"Organizer presses Pause. Nothing leaves: {still:,} texts are out, and it stays at that.")
    try:
        _opt_out_in_own_words(story)
    finally:
        _press(story, "blast.resume")
        story.teller.say("Organizer presses Resume.")


def _opt_out_in_own_words(story: Story) -> None:
    member = somebody_untexted(story)
    _require_taken(story.stand_ins.text(member.phone, FREE_WORDS))
    story.stopped.append(member.phone)
    who = f"{member.first_name} (…{member.phone[-4:]})"
    story.teller.say(f"{who}, not texted yet either, has words of their own for STOP:")
    story.teller.quote(member.first_name, FREE_WORDS, style="red")


def somebody_untexted(story: Story) -> Person:
    """Choose somebody with an ordinary number who has had no text of this blast."""
    texted = {text["to"] for text in story.stand_ins.texts()} | set(story.stopped)
    waiting = [person for person in story.crowd.people if person.ending < "88" and person.phone not in texted]
    if not waiting:
        raise TooLate("Everybody had been texted before somebody could opt out: this machine is very busy.")
    # Somebody far back: whoever is next may have been claimed already, and their text is on its way.
    return waiting[-1 - random.randrange(max(1, len(waiting) // 5))]


def _follow(story: Story, beats: list[Beat]) -> None:
    def awaited() -> str:
        what = beats[0].what if beats else "the card to say “Finished”"
        return f"{what}. Last seen: {' | '.join(look(story).lines)}"

    until(awaited, lambda: _step(story, beats), seconds=_LONGEST_S, step_s=_LOOK_EVERY_S)


def _step(story: Story, beats: list[Beat]) -> bool:
    """Look once, let people do what its moment has come for; tell whether all is over."""
    sight = look(story)
    everybody = len(story.crowd.people)
    story.teller.progress(int(sight.share * everybody), everybody, sight.lines)
    due = next((beat for beat in beats if beat.is_due(sight)), None)
    if due is not None:
        beats.remove(due)
        try:
            due.act(story)
        except TooLate as late:
            story.teller.say(str(late))
    return sight.state == "Finished" and not beats


def look(story: Story) -> Sight:
    """Look at the card and at the ledger."""
    ledger = story.stand_ins.ledger()
    card = story.card() or {}
    told = [
        line
        for line in reading.text_of(card).splitlines()
        if any(sign in line for sign in ("█", "░", "delivered", "a second"))
    ]
    callbacks = ledger["callbacks"]
    told.append(f"Twilio: {ledger['accepted']:,} texts taken, {callbacks['ok']:,} callbacks answered")
    return Sight(ledger["accepted"] / len(story.crowd.people), reading.state_of(card), told)


def _press(story: Story, action_id: str) -> None:
    card = story.card()
    if card is None or action_id not in reading.buttons_of(card):
        raise WentWrong(f"The card has no button {action_id}. It says: {reading.text_of(card or {})}")
    story.stand_ins.press(ORGANIZER, card, action_id)


def _still(story: Story) -> int | None:
    """Return how many texts are out, if that hasn't changed for a moment."""
    before = story.stand_ins.ledger()["accepted"]
    time.sleep(_STILL_S)
    return before if story.stand_ins.ledger()["accepted"] == before else None


def _require_taken(answer: Json) -> None:
    if answer.get("warning") or answer["status"] != 200:
        raise WentWrong(f"A member's text was not taken: {answer.get('warning') or answer['status']}.")
