"""Calls to our number: who rings, what they leave, and what is said to them in their language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.domain import languages, tables

# What stands for the address of who withholds their number: each call is a person of its own, whom nobody can text.
WITHHELD = "withheld:"
OPT_OUT_KEY = "9"
LONGEST_MESSAGE_S = 120
_LONGEST_NAME = 200
_is_number = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
_KEYS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
# Some carriers dial such a word where a number should stand.
_SPELLED = frozenset(
    f"+{word.translate(_KEYS)}" for word in ("ANONYMOUS", "RESTRICTED", "BLOCKED", "UNKNOWN", "UNAVAILABLE", "PRIVATE")
)


@dataclass(frozen=True, slots=True)
class Ring:
    """A call to `number`, one of ours. `caller`: E.164, or empty when it is withheld."""

    sid: str
    caller: str
    number: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A message that was left in a call. `url`: where the provider keeps it; `seconds`: how long it is."""

    sid: str
    call_sid: str
    url: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Words:
    """What is said in one language. {organization} stands for our name.

    `language`, `voice`: as Twilio names them. Its usual voice speaks few languages, and of another says nothing at all,
    so one that does is named: https://www.twilio.com/docs/voice/twiml/say/text-speech
    """

    language: str
    voice: str
    greeting: str
    greeting_unnamed: str
    how_to_stop: str
    withheld: str
    after_the_tone: str
    stopped: str
    unsaved: str
    thanks: str
    silence: str
    closed: str

    def greet(self, organization: str) -> str:
        """Say who we are, or, where we have no name, what they have called."""
        if not organization:
            return self.greeting_unnamed
        return self.greeting.replace("{organization}", organization[:_LONGEST_NAME])


def caller(told: str) -> str:
    """Return the number that a call is from; nothing when it is withheld, or isn't one that can be texted."""
    number = told.strip()
    return number if _is_number(number) and number not in _SPELLED else ""


def is_withheld(address: str) -> bool:
    """Tell whether an address stands for somebody who withheld their number."""
    return address.startswith(WITHHELD)


def words(language: str | None) -> Words:
    """Return what is said in a language, by its code; English where we have no words."""
    return _WORDS.get(language or "", _WORDS[languages.ENGLISH])


_WORDS: Mapping[str, Words] = MappingProxyType({code: Words(**said) for code, said in tables.load("spoken").items()})
