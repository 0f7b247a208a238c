"""What all scenes share: the stand-ins, the teller, the list, and what is known of the blast so far."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.story import reading
from sandbox.story.awaiting import until
from sandbox.story.command import CommandLine
from sandbox.story.people import Crowd
from sandbox.story.stand_ins import APPROVALS, StandIns
from sandbox.story.telling import Teller

Json = dict[str, Any]

AUDIENCE = "Elm Street tenants"
NAME = "Rent hearing on Thursday"
# The curly apostrophe is what a phone's keyboard writes; the composer offers to replace it.
BODY = (
    "Hi {first_name|friend}, it’s about our rent: the hearing is on Thursday at 6 pm, City Hall, room 204. "
    "Can you come? Reply STOP to opt out."
)
# By this the stand-in's ledger tells the blast's copies from replies and answers.
MARK = "the hearing is on Thursday"


@dataclass
class Story:
    """One telling."""

    stand_ins: StandIns
    teller: Teller
    folder: Path
    crowd: Crowd
    terminal: CommandLine = field(default_factory=CommandLine)
    blast_id: str = ""
    stopped: list[str] = field(default_factory=list)

    def card(self) -> Json | None:
        """Return the blast's card as it stands in Slack."""
        messages = self.stand_ins.messages(APPROVALS)
        found = [one for one in messages if _is_card(one) and NAME in reading.text_of(one)]
        return found[-1] if found else None

    def card_in(self, state: str, *, seconds: float) -> Json:
        """Wait until the card says that the blast stands there, and return it."""

        def look() -> Json | None:
            card = self.card()
            return card if card and reading.state_of(card).startswith(state) else None

        return until(f"the card in #blast-approvals to say “{state}”", look, seconds=seconds)

    def refusal(self, user: str, seen: int) -> str:
        """Wait for what this person alone is told, after `seen` such messages."""
        told = until(f"{user} to be told why not", lambda: self.stand_ins.whispers(user)[seen:], seconds=10)
        return reading.text_of(told[-1])


def _is_card(message: Json) -> bool:
    return message.get("thread_ts") in (None, message["ts"])
