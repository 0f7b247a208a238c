"""Events from providers that could not be taken in: what went wrong, and once more."""

from typing import Annotated

import typer

from core.cli import show
from core.cli.show import AsJson


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(events)


def events(
    *,
    failed: Annotated[bool, typer.Option("--failed", help="List those that failed, with their errors.")] = False,
    retry: Annotated[int | None, typer.Option("--retry", metavar="ID", help="Try one again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count the stored events, list those that failed, or have one tried again by the workers."""
    from core import db
    from core.clock import utc_now
    from core.usecases import events

    if retry is not None:
        with db.transaction() as session:
            events.retry(session, retry, now=utc_now())
        told = {"id": retry, "is_due": True}
        show.as_json(told) if as_json else show.line(f"Event {retry} is tried again within seconds.")
        return
    with db.reading() as session:
        found, counts = events.failed(session) if failed else [], events.counts(session)
    if not failed:
        show.as_json(counts) if as_json else show.table(("state", "count"), list(counts.items()))
        return
    names = ("id", "channel", "kind", "received_at", "attempts", "due_at", "error")
    if as_json:
        show.as_json([{name: getattr(each, name) for name in names} for each in found])
    else:
        show.table(names, [[_cell(getattr(each, name)) for name in names] for each in found])


def _cell(value: object) -> object:
    return str(value) if isinstance(value, int | str) else value or "waits for you"
