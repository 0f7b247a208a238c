"""A small vocabulary for saying what JSON must look like, answering with Slack's own words for what is wrong."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping

# A rule looks at a value, is told where the value stands, and yields one problem after the other.
Rule = Callable[[object, str], Iterator[str]]
Fields = Mapping[str, Rule]


def at(pointer: str, problem: str) -> str:
    """Return a problem as Slack prints it, with the place it was found."""
    return f"{problem} [json-pointer:{pointer}]"


def string(longest: int, *, shortest: int = 0, pattern: str | None = None) -> Rule:
    """Allow text of `shortest` to `longest` characters that matches the whole pattern."""
    matches = re.compile(pattern).fullmatch if pattern else None

    def check(value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield at(pointer, "must be a string")
        elif len(value) < shortest:
            yield at(pointer, f"must be more than {shortest - 1} characters")
        elif len(value) > longest:
            yield at(pointer, f"must be less than {longest + 1} characters")
        elif matches and not matches(value):
            yield at(pointer, "does not match the required pattern")

    return check


def one_of(values: Collection[str]) -> Rule:
    """Allow one of these words."""

    def check(value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, str) or value not in values:
            yield at(pointer, f"must be a valid enum value, one of: {', '.join(sorted(values))}")

    return check


def boolean(value: object, pointer: str) -> Iterator[str]:
    """Allow true and false."""
    if not isinstance(value, bool):
        yield at(pointer, "must be a boolean")


def number(value: object, pointer: str) -> Iterator[str]:
    """Allow any number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield at(pointer, "must be a number")


def positive_number(value: object, pointer: str) -> Iterator[str]:
    """Allow any number above zero."""
    yield from number(value, pointer)
    if isinstance(value, int | float) and value <= 0:
        yield at(pointer, "must be greater than 0")


def integer(lowest: int, highest: int) -> Rule:
    """Allow whole numbers from `lowest` to `highest`."""

    def check(value: object, pointer: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield at(pointer, "must be an integer")
        elif value < lowest:
            yield at(pointer, f"must be greater than or equal to {lowest}")
        elif value > highest:
            yield at(pointer, f"must be less than or equal to {highest}")

    return check


def array(item: Rule, *, fewest: int = 0, most: int) -> Rule:
    """Allow a list of `fewest` to `most` items that all follow one rule."""

    def check(value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield at(pointer, "must be an array")
            return
        if len(value) < fewest:
            yield at(pointer, f"no fewer than {fewest} items allowed")
        if len(value) > most:
            yield at(pointer, f"no more than {most} items allowed")
        for index, entry in enumerate(value):
            yield from item(entry, f"{pointer}/{index}")

    return check


def record(required: Fields, optional: Fields | None = None, *also: Rule) -> Rule:
    """Allow an object with these fields and no other; `also` are rules for the whole object."""
    known = {**required, **(optional or {})}

    def check(value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield at(pointer, "must be an object")
            return
        for name in required.keys() - value.keys():
            yield at(pointer, f"missing required field: {name}")
        for name in value.keys() - known.keys():
            yield at(pointer, f"invalid additional property: {name}")
        for name in known.keys() & value.keys():
            yield from known[name](value[name], f"{pointer}/{name}")
        for rule in also:
            yield from rule(value, pointer)

    return check


def tagged(shapes: Mapping[str, Rule]) -> Rule:
    """Allow an object whose `type` chooses which of the shapes it must have."""

    def check(value: object, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield at(pointer, "must be an object")
        elif "type" not in value:
            yield at(pointer, "missing required field: type")
        elif not isinstance(value["type"], str) or value["type"] not in shapes:
            yield at(f"{pointer}/type", f"unsupported type: {value['type']}")
        else:
            yield from shapes[value["type"]](value, pointer)

    return check


def needs_any(*names: str) -> Rule:
    """Demand at least one of the named fields."""

    def check(value: object, pointer: str) -> Iterator[str]:
        if isinstance(value, dict) and not any(value.get(name) for name in names):
            yield at(pointer, f"must define either {' or '.join(f'`{name}`' for name in names)}")

    return check


def only_one(*names: str) -> Rule:
    """Refuse two of the named fields together."""

    def check(value: object, pointer: str) -> Iterator[str]:
        if isinstance(value, dict) and sum(name in value for name in names) > 1:
            yield at(pointer, f"cannot define more than one of {', '.join(f'`{name}`' for name in names)}")

    return check


def anything(value: object, pointer: str) -> Iterator[str]:
    """Allow whatever is there."""
    yield from ()
