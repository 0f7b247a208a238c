"""Personal words in a text: `{first_name}`, `{first_name|friend}` with a fallback, `{{` and `}}` for plain braces."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from core.errors import Invalid, Rejected

LONGEST = 1600  # what Twilio takes at most; a text that grows past it is refused, not cut

# Our own grammar, because str.format reaches into attributes and Jinja2 into loops: here nothing is evaluated.
_TOKEN = re.compile(r"\{\{|\}\}|\{\s*([^\W\d][\w \-]*?)\s*(?:\|([^{}]*))?\}|[{}]")


class MissingValue(Rejected):
    """A token has neither a value for this recipient nor a fallback; `names` tells which."""

    def __init__(self, names: frozenset[str]) -> None:
        shown = ", ".join(f"{{{name}}}" for name in sorted(names))
        super().__init__(f"There is no value for {shown}. Add one to the contact, or a fallback: {{name|friend}}.")
        self.names = names


@dataclass(frozen=True, slots=True)
class Token:
    """A place to fill in; `fallback` is None when there must be a value."""

    name: str
    fallback: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """A text taken apart once, to be merged for each of many recipients.

    `parts` are pairs of a literal and the token that follows it; `tail` is what comes after the last token.
    """

    parts: tuple[tuple[str, Token], ...]
    tail: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset(token.name for _, token in self.parts)

    @property
    def required(self) -> frozenset[str]:
        return frozenset(token.name for _, token in self.parts if token.fallback is None)

    def merge(self, values: Mapping[str, str]) -> str:
        """Fill in `values` (by normal name); a blank value counts as none. What is filled in is never read again.

        Raises:
            MissingValue: a token has neither value nor fallback.
            Invalid: the result is longer than any text may be.
        """
        pieces: list[str] = []
        for literal, token in self.parts:
            value = values.get(token.name)
            if not value or value.isspace():
                if token.fallback is None:
                    raise MissingValue(self._unfilled(values))
                value = token.fallback
            pieces += (literal, value)
        merged = "".join(pieces) + self.tail
        if len(merged) > LONGEST:
            raise Invalid(
                f"With its values filled in the text has {len(merged):,} characters. Keep it under {LONGEST:,}."
            )
        return merged

    def _unfilled(self, values: Mapping[str, str]) -> frozenset[str]:
        return frozenset(name for name in self.required if not (values.get(name) or "").strip())


@lru_cache(maxsize=256)
def parse(text: str) -> Template:
    """Take a text apart.

    Raises:
        Invalid: a brace is neither part of a token nor doubled.
    """
    parts: list[tuple[str, Token]] = []
    literal, end = "", 0
    for match in _TOKEN.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match[1]:
            parts.append((literal, Token(normal(match[1]), match[2])))
            literal = ""
        else:
            literal += _plain_brace(match[0], text[match.start() : match.start() + 20])
    return Template(tuple(parts), literal + text[end:])


def normal(name: str) -> str:
    """Bring a token's or a column's name to its one form: "First Name", "first-name" and "first_name" are the same."""
    return re.sub(r"[\s\-_]+", "_", name.strip().lower())


def names(text: str) -> frozenset[str]:
    """Name every token of a text, for the caller to check against the values there are."""
    return parse(text).names


def required(text: str) -> frozenset[str]:
    """Name the tokens that need a value of every recipient."""
    return parse(text).required


def merge(text: str, values: Mapping[str, str]) -> str:
    """Fill `values` in to `text`; see `Template.merge`."""
    return parse(text).merge(values)


def _plain_brace(found: str, near: str) -> str:
    if len(found) == 2:
        return found[0]
    raise Invalid(
        f"There is something wrong near “{near}”. A token looks like {{first_name}} or {{first_name|friend}}; "
        f"for a plain brace type {found}{found}."
    )
