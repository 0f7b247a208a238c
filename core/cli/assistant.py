"""What the assistant is told, by audience, and what became of its drafts."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli import show
from core.cli.show import AsJson
from core.errors import Invalid

_Prompt = Annotated[
    Path, typer.Option("--prompt", metavar="FILE", help="How to answer; may use {organization}, {blast}.")
]
_Context = Annotated[
    Path | None, typer.Option("--context", metavar="FILE", help="What it may know: times, places, rules.")
]
_Audience = Annotated[str | None, typer.Option("--audience", help="For members of this audience; else for everybody.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="The assistant that drafts answers; off without ASSISTANT_URL.")
    group.command()(brief)
    group.command()(drafts)
    app.add_typer(group, name="assistant")


def brief(*, prompt: _Prompt, context: _Context = None, audience: _Audience = None) -> None:
    """Brief the assistant; without a briefing that fits it drafts nothing."""
    from core import db
    from core.clock import utc_now
    from core.usecases import drafts

    told, known = _read(prompt), _read(context) if context else ""
    with db.transaction() as session:
        drafts.brief(session, audience, told, known, now=utc_now())
    show.line(f"The assistant is briefed for {audience or 'everybody'}.")


def drafts(*, as_json: AsJson = False) -> None:
    """Count the drafts by what became of them."""
    from core import db
    from core.usecases import drafts

    with db.reading() as session:
        counts = drafts.outcomes(session)
    if as_json:
        show.as_json(counts)
    else:
        show.table(("outcome", "count"), list(counts.items()))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{path} can't be read as a text in UTF-8.") from None
