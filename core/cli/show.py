"""What commands print: a table for people, or JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_WIDE = 200  # columns where nobody looks: output that is piped isn't cut to fit a screen


def as_json(value: Any) -> None:
    """Print a value on one line, as JSON."""
    print(json.dumps(value, default=_plain), flush=True)


def line(text: str) -> None:
    """Print a line."""
    print(text)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under column names; people's words are never read as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        drawn.add_column(Text(name), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(_written(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(drawn)


def _written(cell: Any) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M} UTC"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return "" if cell is None else str(cell)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
