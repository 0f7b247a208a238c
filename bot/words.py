"""What is typed after /blast, taken apart: a verb and the rest, or a text with whom it is for and when."""

import re
from dataclasses import dataclass

from core.errors import Invalid

_QUOTES = '"“”„'
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_TEXT = re.compile(rf"\s*[{_QUOTES}](?P<text>.*?)[{_QUOTES}](?=\s+\w+:|\s*\Z)", re.DOTALL).match
_OPTION = re.compile(rf"\s*(\w+):\s*(?:[{_QUOTES}]([^{_QUOTES}]*)[{_QUOTES}]|(\S+))")
_EXAMPLE = '`/blast "See you on Monday" to:tenants at:"tomorrow 18:00"`'


@dataclass(frozen=True, slots=True)
class Verb:
    """A subcommand and what follows it."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A blast in a line; nothing is decided by it: it fills in the composer."""

    text: str
    audiences: tuple[str, ...]
    excluded: tuple[str, ...]
    at: str


def parse(typed: str) -> Verb | Shorthand:
    """Take a command's text apart.

    Raises:
        Invalid: it begins with a quoted text, and what follows can't be read.
    """
    plain = typed.strip()
    for entity, char in _ENTITIES:
        plain = plain.replace(entity, char)
    if plain[:1] in _QUOTES and plain:
        return _shorthand(plain)
    name, _, rest = plain.partition(" ")
    return Verb(name.lower(), rest.strip())


def _shorthand(plain: str) -> Shorthand:
    found = _TEXT(plain)
    if not found:
        raise Invalid(f"The text needs a closing quotation mark. Write it like {_EXAMPLE}.")
    given: dict[str, list[str]] = {"to": [], "not": [], "at": []}
    end = found.end()
    while option := _OPTION.match(plain, end):
        if option[1].lower() not in given:
            break
        given[option[1].lower()].append(option[2] or option[3] or "")
        end = option.end()
    if plain[end:].strip():
        raise Invalid(
            f"I can't read “{plain[end:].strip()[:40]}”. After the text come to:, not: and at:, like {_EXAMPLE}."
        )
    return Shorthand(found["text"], _names(given["to"]), _names(given["not"]), " ".join(given["at"]))


def _names(given: list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for each in given for name in each.split(",") if name.strip())
