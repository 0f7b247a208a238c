"""Blasts: seeing how they do, and holding, resuming or stopping them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from core.cli import show
from core.cli.show import AsJson
from core.errors import Invalid, NotFound

if TYPE_CHECKING:
    from sqlmodel import Session

    from core.models import Blast

_Id = Annotated[str, typer.Argument(metavar="ID", help="The blast's id, or its first letters.")]
_Note = Annotated[str, typer.Option(help="Why; it is kept and shown on the card.")]
_SHORTEST_ID = 4


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (status, pause, resume, cancel):
        app.command()(command)
    app.command("list")(latest)


def latest(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List blasts, newest first."""
    import sqlalchemy as sa
    from sqlmodel import col

    from core import db
    from core.models import Blast

    with db.reading() as session:
        query = sa.select(Blast).order_by(col(Blast.created_at).desc(), col(Blast.id)).limit(limit)
        found = session.scalars(query).all()
    columns = ("id", "name", "status", "recipients", "created_at", "starts_at", "finished_at")
    if as_json:
        show.as_json([{name: getattr(blast, name) for name in columns} for blast in found])
    else:
        show.table(columns, ([getattr(blast, name) for name in columns] for blast in found))


def status(blast_id: _Id, *, as_json: AsJson = False) -> None:
    """Show how a blast is doing: its recipients by state."""
    from core import db
    from core.clock import utc_now
    from core.usecases import reports

    with db.reading() as session:
        blast = _find(session, blast_id)
        progress = reports.progress(session, blast.id, now=utc_now())
    head = {"id": str(blast.id), "name": blast.name, "status": blast.status.value}
    told: dict[str, Any] = {**head, "recipients": progress.recipients or blast.recipients, **progress.as_json()}
    if not progress.recipients and blast.tally:
        told |= blast.tally
    if as_json:
        show.as_json(told)
        return
    skipped = told.pop("skipped")
    show.table(("", ""), [*told.items(), *((f"skipped: {reason}", count) for reason, count in skipped.items())])


def pause(blast_id: _Id, *, note: _Note = "", as_json: AsJson = False) -> None:
    """Hold a blast in mid-send: nothing more leaves."""
    _move("pause", blast_id, note, is_json=as_json)


def resume(blast_id: _Id, *, note: _Note = "", as_json: AsJson = False) -> None:
    """Go on with a paused blast, where it was held."""
    _move("resume", blast_id, note, is_json=as_json)


def cancel(blast_id: _Id, *, note: _Note = "", as_json: AsJson = False) -> None:
    """Stop a blast for good; what has not left never will."""
    _move("cancel", blast_id, note, is_json=as_json)


def _move(action: Literal["pause", "resume", "cancel"], blast_id: str, note: str, *, is_json: bool) -> None:
    from core import db
    from core.clock import utc_now
    from core.usecases import approval

    move = {"pause": approval.pause, "resume": approval.resume, "cancel": approval.cancel}[action]
    with db.transaction() as session:
        blast = _find(session, blast_id)
        blast = move(session, blast.id, by=None, seen=blast.revision, now=utc_now(), note=note)
    if is_json:
        show.as_json({"id": blast.id, "name": blast.name, "status": blast.status})
    else:
        show.line(f"“{blast.name}” is now {blast.status.value}.")


def _find(session: "Session", text: str) -> "Blast":
    """Return the blast of this id, or of the only id that begins so.

    Raises:
        Invalid: it is no id, or the beginning of several.
        NotFound: there is no such blast.
    """
    import sqlalchemy as sa
    from sqlmodel import col

    from core.models import Blast

    wanted = text.strip().lower().replace("-", "")
    if len(wanted) < _SHORTEST_ID or len(wanted) > 32 or wanted.strip("0123456789abcdef"):
        raise Invalid(f"“{text}” isn't a blast's id. `blast list` shows the ids.")
    # Ids are ordered alike on both databases, as their digits are.
    first, last = UUID(wanted.ljust(32, "0")), UUID(wanted.ljust(32, "f"))
    found = session.scalars(sa.select(Blast).where(col(Blast.id).between(first, last)).limit(2)).all()
    if len(found) > 1:
        raise Invalid(f"Several blasts' ids begin with “{text}”. Write more of it.")
    if not found:
        raise NotFound(f"There is no blast “{text}”. `blast list` shows the ids.")
    return found[0]
