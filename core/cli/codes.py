"""Small questions that need neither database nor settings: segments, keywords, error codes."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from core.cli import show
from core.cli.show import AsJson
from core.errors import Invalid

_Text = Annotated[str, typer.Argument(help="The text; “-” reads JSON strings from stdin, one a line.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(segments)
    app.command()(keyword)
    app.command()(code)


def segments(text: _Text, *, as_json: AsJson = False) -> None:
    """Count what a text costs: its encoding, segments, units, and the characters that make it dear."""
    _answer(text, _segments, is_json=as_json)


def keyword(text: _Text, *, as_json: AsJson = False) -> None:
    """Tell what an inbound text asks for, and how sure that is."""
    _answer(text, _keyword, is_json=as_json)


def code(
    number: Annotated[int | None, typer.Argument(metavar="CODE", help="The provider's error code.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Tell of every code that we know.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what follows from a provider's error code: its class, retry, suppression and advice."""
    from core.domain import failures

    if every == (number is not None):
        raise typer.BadParameter("Give one code, or --all.")
    if every or number is None:
        found = [failures.describe(each) for each in failures.all_codes()]
        _print_codes(found, is_json=as_json)
        return
    told = failures.describe(number)
    if as_json:
        show.as_json(told)
        return
    for name, value in told.items():
        show.line(f"{name:<12} {'' if value is None else value}")


def _print_codes(found: list[dict[str, Any]], *, is_json: bool) -> None:
    if is_json:
        show.as_json(found)
        return
    columns = ("code", "class", "retry", "suppress", "title")
    # A code is a name, not a quantity: without separators.
    show.table(columns, ([str(each[name] or "") for name in columns] for each in found))


def _answer(text: str, about: Callable[[str], dict[str, Any]], *, is_json: bool) -> None:
    """Answer for one text, or (“-”) one JSON object for each line of stdin."""
    if text == "-":
        for each in _strings():
            show.as_json(about(each))
        return
    told = about(text)
    if is_json:
        show.as_json(told)
        return
    for name, value in told.items():
        show.line(f"{name:<10} {' '.join(value) if isinstance(value, list) else value}")


def _segments(text: str) -> dict[str, Any]:
    from core.domain import message

    measure = message.measure(text)
    return {
        "encoding": measure.encoding,
        # The provider counts an empty text as one, but it is never sent.
        "segments": measure.segments if text else 0,
        "units": measure.units,
        "culprits": list(measure.culprits),
    }


def _keyword(text: str) -> dict[str, Any]:
    from core.domain import keywords

    reading = keywords.read(text)
    return {"kind": reading.kind, "certainty": reading.certainty, "matched": reading.matched}


def _strings() -> Iterator[str]:
    for at, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, str):
            raise Invalid(f'Line {at} of the input isn\'t a JSON string. Write each text on one line, like "See you".')
        yield value
