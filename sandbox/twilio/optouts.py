"""The account's own opt-out list: keywords that Twilio acts on by itself, and what it answers."""

import re
from enum import StrEnum


class Kind(StrEnum):
    """What a keyword asks for, in the words of the `OptOutType` parameter."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


_KEYWORDS = {
    **dict.fromkeys(("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "CANCEL", "REVOKE", "OPTOUT"), Kind.STOP),
    **dict.fromkeys(("START", "UNSTOP", "YES"), Kind.START),
    **dict.fromkeys(("HELP", "INFO"), Kind.HELP),
}
_ANSWERS = {
    Kind.STOP: (
        "You have successfully been unsubscribed. You will not receive any more messages from this number. "
        "Reply START to resubscribe."
    ),
    Kind.START: (
        "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
        "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
    ),
    Kind.HELP: "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}
_names_start = re.compile(r"\bSTART\b").search
_TOLL_FREE = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")


def kind_of(body: str, *, sender: str) -> Kind | None:
    """Return what a whole text asks for; a keyword among other words is none. YES doesn't lift on toll-free."""
    word = body.strip().upper()
    if word == "YES" and sender.startswith(_TOLL_FREE):
        return None
    return _KEYWORDS.get(word)


class OptOuts:
    """Who stopped which of the account's numbers."""

    def __init__(self) -> None:
        self._stopped: dict[str, set[str]] = {}
        self._stop_answered: set[str] = set()
        self._unconfirmed: set[str] = set()

    def react(self, member: str, sender: str, kind: Kind) -> str | None:
        """Act on a keyword and return Twilio's own answer.

        A second STOP, or a START without a STOP, changes nothing and isn't answered.
        """
        changes = kind is Kind.HELP or (kind is Kind.STOP) != self.has_stopped(member, sender)
        if kind is Kind.STOP:
            self._stopped.setdefault(member, set()).add(sender)
        elif kind is Kind.START:
            self._stopped.get(member, set()).discard(sender)
        return _ANSWERS[kind] if changes else None

    def has_stopped(self, member: str, sender: str) -> bool:
        """Say whether a text from this number to this phone would be refused."""
        return sender in self._stopped.get(member, ())

    def stopped_any(self, member: str) -> bool:
        """Say whether a phone stopped any of the account's numbers."""
        return bool(self._stopped.get(member))

    def note_answered(self, member: str, kind: Kind, *, is_keyword: bool) -> None:
        """Remember that the product knows of a phone's STOP (every later text is one too many), or of its START.

        To a keyword Twilio has answered by itself; of a STOP in other words the product may confirm that it took it.
        """
        if kind is Kind.STOP and not is_keyword:
            if member not in self._stop_answered:  # who has stopped already is told nothing more
                self._unconfirmed.add(member)
        else:
            self._unconfirmed.discard(member)
        if kind is Kind.STOP:
            self._stop_answered.add(member)
        elif kind is Kind.START:
            self._stop_answered.discard(member)

    def takes_confirmation(self, member: str, body: str) -> bool:
        """Say whether a text is the one answer that a STOP in other words may have: it says how to come back."""
        if member not in self._unconfirmed or not _names_start(body):
            return False
        self._unconfirmed.discard(member)
        return True

    def was_stop_answered(self, member: str) -> bool:
        """Say whether the product has answered a STOP of this phone."""
        return member in self._stop_answered


def is_own_answer(body: str) -> bool:
    """Say whether a text is one of Twilio's own answers, which reach even who stopped."""
    return body in _ANSWERS.values()
