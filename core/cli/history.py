"""Going through history for opt-outs and dead numbers that were missed: ours, an exported log, or Twilio's list."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli import show
from core.cli.show import AsJson
from core.errors import Invalid, Rejected

if TYPE_CHECKING:
    from datetime import datetime

    from core.domain.message_log import Found
    from core.usecases.backfill import Counts

_Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="A message log exported from Twilio.")]
_Days = Annotated[int | None, typer.Option("--twilio", metavar="DAYS", min=1, help="Twilio's list, so many days back.")]
_Restart = Annotated[bool, typer.Option("--restart", help="Begin anew instead of where the last one was ended.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(backfill)


def backfill(*, csv: _Csv = None, twilio: _Days = None, restart: _Restart = False, as_json: AsJson = False) -> None:
    """Suppress whoever should be by our own history, by an exported log, or by Twilio's list; nothing is sent.

    What was lifted, or undone by START, since then stays so. Ended in the middle, it goes on from there the next time.
    """
    from core import db, settings
    from core.channels.twilio_log import Log
    from core.clock import utc_now
    from core.domain.message_log import Found
    from core.usecases import backfill

    if csv and twilio:
        raise Invalid("Choose one: --csv FILE or --twilio DAYS.")
    now, record, found = utc_now(), Log(settings.current()), Found([], 0, 0)
    source: backfill.Source = backfill.Stored()
    if csv:
        name, found = _read(csv, now)
        source = backfill.Recorded(name, found.entries)
    elif twilio:
        with _telling_of_outages():
            log = record.history(since=now - timedelta(days=twilio), until=now)
            source = backfill.Recorded(f"twilio.{twilio}", log)
    if restart:
        with db.transaction() as session:
            backfill.restart(session, source)
    detail = record.code if settings.current().twilio_account_sid and not csv else None
    with _telling_of_outages():
        counts = backfill.run(source, step=db.transaction, now=now, detail=detail).counts
    counts.calls, counts.total = record.calls, counts.total + found.unreadable
    counts.failed = found.unreadable + found.undated
    _tell(counts, is_json=as_json)


@contextmanager
def _telling_of_outages() -> Iterator[None]:
    from core.channels import LOOKUP_ERRORS

    try:
        yield
    except LOOKUP_ERRORS as problem:
        why = type(problem).__name__
        raise Rejected(
            f"Twilio can't be asked ({why}). What was gone through is saved: begin again to go on."
        ) from None


def _read(path: Path, now: "datetime") -> "tuple[str, Found]":
    from core.domain import message_log

    try:
        content = path.read_bytes()
    except OSError as problem:
        raise Invalid(f"{path} can't be read: {problem.strerror}.") from None
    try:
        # Not `splitlines`: it would cut texts at signs that end no row.
        lines = io.StringIO(content.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        raise Invalid(f"{path} isn't a text in UTF-8. Export it again as CSV.") from None
    return f"csv.{hashlib.sha256(content).hexdigest()[:16]}", message_log.read(lines, until=now)


def _tell(counts: "Counts", *, is_json: bool) -> None:
    if is_json:
        show.as_json(counts.as_json())
        return
    show.table(("what", "count"), [(name.replace("_", " "), count) for name, count in counts.as_json().items()])
