"""Saved answers, which staff choose from while texting back."""

from typing import Annotated

import typer

from core.cli import show
from core.cli.show import AsJson

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What staff see in the menu.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    answers = typer.Typer(no_args_is_help=True, help="Saved answers for texting back.")
    answers.command()(add)
    answers.command()(remove)
    answers.command("list")(everything)
    app.add_typer(answers, name="answers")


def add(name: _Name, text: Annotated[str, typer.Argument(metavar="TEXT")], *, as_json: AsJson = False) -> None:
    """Save an answer; the one that had the name before is replaced."""
    from core import db
    from core.clock import utc_now
    from core.usecases import saved

    with db.transaction() as session:
        answer = saved.put(session, name, text, by=None, now=utc_now())
    if as_json:
        show.as_json({"name": answer.name, "body": answer.body})
    else:
        show.line(f"“{answer.name}” is saved.")


def remove(name: _Name) -> None:
    """Remove a saved answer."""
    from core import db
    from core.usecases import saved

    with db.transaction() as session:
        saved.remove(session, name)
    show.line("It is removed.")


def everything(*, as_json: AsJson = False) -> None:
    """List the saved answers."""
    from core import db
    from core.usecases import saved

    with db.reading() as session:
        found = saved.listed(session)
    if as_json:
        show.as_json([{"name": each.name, "body": each.body} for each in found])
    else:
        show.table(("name", "text"), [(each.name, each.body) for each in found])
