"""A member answers in their own words, and the organizer texts back from the thread in Slack."""

from functools import partial
from typing import Any

from sandbox.story import reading
from sandbox.story.awaiting import WentWrong, until
from sandbox.story.people import Person
from sandbox.story.stand_ins import ORGANIZER, REPLIES
from sandbox.story.story import Story

Json = dict[str, Any]

QUESTION = "Who is this?"
ANSWER = "This is the Elm Street tenants' union. Ana from 3B will knock tomorrow. Good to hear from you!"
TEXT_BACK = "conversation.text_back"


def asker(story: Story) -> Person:
    """Return the member who answers every text with a question."""
    return story.crowd.with_ending("90")[0]


def reply_thread(story: Story) -> Json | None:
    """Return the message with the button for texting back, of the thread in which the question stands."""
    messages = story.stand_ins.messages(REPLIES)
    threads = {one.get("thread_ts") or one["ts"] for one in messages if QUESTION in reading.text_of(one)}
    for message in messages:
        if (message.get("thread_ts") or message["ts"]) in threads and TEXT_BACK in reading.buttons_of(message):
            return message
    return None


def answer(story: Story) -> None:
    """Text back from the thread, and see it arrive."""
    stand_ins, teller = story.stand_ins, story.teller
    member = asker(story)
    thread = reply_thread(story)
    if thread is None:
        raise WentWrong("The thread with the member's question has gone from #blast-replies.")
    teller.say(f"{member.first_name} (…{member.phone[-4:]}) has answered; #blast-replies shows:")
    teller.quote(member.first_name, QUESTION)
    view = stand_ins.open_view(ORGANIZER, partial(stand_ins.press, ORGANIZER, thread, TEXT_BACK))
    field = next(block for block in view["blocks"] if block["type"] == "input")
    typed = {field["block_id"]: {field["element"]["action_id"]: {"value": ANSWER}}}
    told = stand_ins.act("submit", ORGANIZER, view_id=view["id"], values=typed)
    if told.get("errors") or told.get("error"):
        raise WentWrong(f"The answer was refused: {told.get('errors') or told['error']}")
    until(f"the answer on the phone …{member.phone[-4:]}", lambda: _has_arrived(story, member), seconds=20)
    teller.say(f"Organizer presses Text back; the phone …{member.phone[-4:]} gets, ahead of the blast's queue:")
    teller.quote("Organizer, by Blast", ANSWER)


def _has_arrived(story: Story, member: Person) -> bool:
    return any(text["body"] == ANSWER for text in story.stand_ins.phone(member.phone))
