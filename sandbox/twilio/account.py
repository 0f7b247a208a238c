"""What all parts of the stand-in share: the account, its ledger, its opt-outs, its behaviour and what was counted."""

from collections import Counter
from dataclasses import dataclass, field

from sandbox.settings import SandboxSettings
from sandbox.twilio.behaviour import Behaviour
from sandbox.twilio.board import Board
from sandbox.twilio.ledger import Ledger
from sandbox.twilio.media import Media
from sandbox.twilio.optouts import OptOuts
from sandbox.twilio.recordings import Recordings

API_KEY_SID = "SK" + "0" * 32  # takes the place of account SID and token, as an API key does at Twilio
API_KEY_SECRET = "sandbox-api-key-secret"


@dataclass
class Tally:
    """What the ledger's rows don't say."""

    requests: int = 0  # to create a message, whatever was answered
    refused: Counter[int] = field(default_factory=Counter)  # by Twilio's error code
    after_stop: int = 0  # accepted although the product had answered the member's STOP, but for its one confirmation
    callbacks_sent: int = 0  # posted, each once however often it was tried
    callbacks_ok: int = 0
    callbacks_failed: int = 0
    callbacks_lost: int = 0  # never posted, because `lose` said so
    inbound: int = 0
    inbound_failed: int = 0


@dataclass
class Account:
    """The one account of the stand-in."""

    settings: SandboxSettings
    board: Board
    ledger: Ledger
    behaviour: Behaviour = field(default_factory=Behaviour)
    opt_outs: OptOuts = field(default_factory=OptOuts)
    media: Media = field(default_factory=Media)
    recordings: Recordings = field(default_factory=Recordings)
    tally: Tally = field(default_factory=Tally)
    pending: int = 0  # steps of deliveries that are still to come, callbacks under way included

    @property
    def sid(self) -> str:
        """The account's SID."""
        return self.settings.twilio_account_sid

    def senders(self) -> list[str]:
        """Return the account's own numbers; a messaging service sends from the first."""
        return [self.settings.twilio_from_number, *self.behaviour.senders]

    def totals(self) -> dict[str, object]:
        """Return the ledger in figures."""
        tally = self.tally
        return {
            "accepted": self.ledger.accepted,
            "by_status": {status: count for status, count in sorted(self.ledger.by_status.items()) if count},
            "doubles": self.ledger.doubles,
            "double_sids": self.ledger.double_sids,
            "after_stop": tally.after_stop,
            "refused": {str(code): count for code, count in sorted(tally.refused.items())},
            "refused_after_stop": tally.refused[21610],
            "messages_total": len(self.ledger),
            "requests": tally.requests,
            "inbound": tally.inbound,
            "inbound_failed": tally.inbound_failed,
            "callbacks": {
                "sent": tally.callbacks_sent,
                "ok": tally.callbacks_ok,
                "failed": tally.callbacks_failed,
                "lost": tally.callbacks_lost,
                "pending": self.pending,
            },
        }
