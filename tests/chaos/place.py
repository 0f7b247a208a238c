"""Where storms rage: a site with the bot and its card, each of whose processes has a wall clock that can be set."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from core import outbox
from core.clock import utc_now
from core.domain.events import BlastSubmitted
from core.domain.lifecycles import BlastStatus
from core.models import Role
from core.usecases import composing
from sandbox.story import reading
from sandbox.story.stand_ins import APPROVALS, APPROVER, GENERAL
from tests import factories
from tests.chaos.site import Site
from tests.journeys.house import ROOT

_SHIM = Path(__file__).with_name("clocks")


class Place(Site):
    """A site in which a person in Slack decides, and a clock may be wrong."""

    doors = ("bot", "webhooks")

    @property
    def stepped(self) -> list[str]:
        """The processes whose clocks may be wrong. Not the bot's: it rightly refuses what Slack signed long ago."""
        return [*self.workers, *self.clocks, "webhooks"]

    def set_clocks(self, names: Iterable[str], *, off_by_s: float) -> None:
        """Set these processes' wall clocks to be off by so much, and all others right."""
        wrong = set(names)
        for name in self.stepped:
            new = self._clock_of(name).with_suffix(".new")
            new.write_text(str(off_by_s if name in wrong else 0))
            new.replace(self._clock_of(name))

    def submit(self, phones: Sequence[str], *, body: str) -> UUID:
        """Put a blast into the database, in review; its card comes to Slack."""
        now = utc_now()
        with self.session() as session:
            pool = self.pool(session, phones, now=now)
            made = factories.blast(session, [pool], body=body, status=BlastStatus.IN_REVIEW, starts_at=None)
            made.created_at = made.submitted_at = now - timedelta(seconds=1)
            made.content_hash = composing.fingerprint(composing.content_of(session, made))
            factories.staff(session, APPROVER, role=Role.APPROVER)
            outbox.record(session, BlastSubmitted(made.id, made.author_id), now=now)
            return made.id

    def press(self, verb: str) -> bool:
        """Press a button of the blast's card as the approver, if it has it by now; tell whether it had."""
        found = [card for card in self._messages() if f"blast.{verb}" in reading.buttons_of(card)]
        if found:
            self.stand_ins.press(APPROVER, found[-1], f"blast.{verb}")
        return bool(found)

    def type(self, blast_id: UUID, verb: str) -> None:
        """Type the command that does the same."""
        words = f"{verb} {blast_id}"
        self.stand_ins.act("command", APPROVER, channel=GENERAL, command="/blast", text=words)

    def _messages(self) -> list[dict[str, Any]]:
        return self.stand_ins.messages(APPROVALS)

    def _command(self, name: str, command: Sequence[str]) -> list[str]:
        inherited = super()._command(name, command)
        if name not in self.stepped:
            return inherited
        return ["env", f"PYTHONPATH={_SHIM}:{ROOT}", f"CLOCK_OFF_BY={self._clock_of(name)}", *inherited]

    def _clock_of(self, name: str) -> Path:
        return self.folder / f"{name}.clock"
