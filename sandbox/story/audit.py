"""What must be true when the story is over: each figure beside the one that it has to be."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.story.awaiting import WentWrong

Json = Mapping[str, Any]

_OPEN = ("pending", "claimed", "accepted", "sent")
_CLOSED = ("delivered", "undelivered", "failed", "refused", "unknown", "cancelled", "expired")
_AT_PROVIDER = ("delivered", "undelivered", "failed")
# What the card counts under the database's own words.
ON_CARD = ("delivered", "undelivered", "failed", "refused", "unknown", "skipped")


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is counted at the end.

    `status`: what `blast status --json` says. `ledger`: the stand-in's totals. `texts`: the copies of this blast that
    the stand-in took. `card`: what the finished card counts, under the words of ON_CARD. `audience`: how many were
    imported. `stopped`: phones whose owners asked for no texts before they had one.
    """

    status: Json
    ledger: Json
    texts: Sequence[Json]
    card: Mapping[str, int]
    audience: int
    stopped: Collection[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure: what it counts, what it is, and what it must be."""

    what: str
    found: int
    wanted: int

    @property
    def is_right(self) -> bool:
        """Whether it is as it must be."""
        return self.found == self.wanted

    @property
    def complaint(self) -> str:
        """The sentence for when it isn't."""
        return f"{self.what}: {self.found:,}, and it must be {self.wanted:,}."


def findings(figures: Figures) -> list[Finding]:
    """Compare everything that can be counted twice."""
    return [*_promises(figures), *_ledger_and_database(figures), *_card_and_database(figures)]


def require_right(found: Sequence[Finding]) -> None:
    """Let the story end well.

    Raises:
        WentWrong: a figure isn't as it must be; says which, and what it is.
    """
    wrong = [finding.complaint for finding in found if not finding.is_right]
    if wrong:
        raise WentWrong(f"Something isn't as it must be. {' '.join(wrong)}")


def _promises(figures: Figures) -> list[Finding]:
    status, ledger = figures.status, figures.ledger
    phones = Counter(text["to"] for text in figures.texts)
    skipped = sum(status["skipped"].values())
    accounted = sum(status.get(state, 0) for state in (*_OPEN, *_CLOSED)) + skipped
    return [
        Finding("Sent twice", ledger["doubles"] + sum(count - 1 for count in phones.values()), 0),
        Finding("Sent after STOP", ledger["after_stop"] + sum(phones[phone] for phone in figures.stopped), 0),
        Finding("Recipients, of those imported", status["recipients"], figures.audience),
        Finding("Recipients accounted for", accounted, status["recipients"]),
        Finding("Recipients not in a final state", sum(status.get(state, 0) for state in _OPEN), 0),
        Finding("Unanswered unknown", status["unknown"], 0),
        Finding("Callbacks that failed", ledger["callbacks"]["failed"], 0),
        Finding("Members' texts that failed", ledger["inbound_failed"], 0),
    ]


def _ledger_and_database(figures: Figures) -> list[Finding]:
    taken = Counter(text["status"] for text in figures.texts)
    known = {state: figures.status[state] for state in _AT_PROVIDER}
    return [
        Finding("Texts in Twilio's ledger, in the database", sum(known.values()), len(figures.texts)),
        *(Finding(f"… of them {state}", known[state], taken[state]) for state in _AT_PROVIDER),
    ]


def counts_on_card(status: Json) -> dict[str, int]:
    """Return what the card must count when the database says `status`."""
    known = {**status, "skipped": sum(status["skipped"].values())}
    return {word: known[word] for word in ON_CARD}


def _card_and_database(figures: Figures) -> list[Finding]:
    known = counts_on_card(figures.status)
    return [Finding(f"On the card: {word}", figures.card.get(word, 0), known[word]) for word in ON_CARD]
