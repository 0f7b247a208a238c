"""Audiences: bringing people in, and seeing how many there are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from core.cli import show
from core.cli.show import AsJson
from core.errors import Invalid

if TYPE_CHECKING:
    from core.domain.sheets import Row, Sheet
    from core.usecases.importing import Tally

_File = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a row of column names.")]
_Audience = Annotated[str, typer.Option("--audience", help="The audience's name; it is made if there is none.")]
_Kind = Annotated[
    Literal["community", "event"] | None,
    typer.Option(help="What a new audience is. People of one kind never get into an audience of the other."),
]
_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("import")(bring_in)
    app.command()(audiences)


def bring_in(path: _File, audience: _Audience, *, kind: _Kind = None, as_json: AsJson = False) -> None:
    """Import people from a CSV file. Rows that can't be taken go to FILE.errors.csv, each with a sentence.

    It may be run again: who is in already is found by phone or e-mail. Suppressed people stay suppressed.
    """
    from core import db, settings
    from core.clock import utc_now
    from core.domain import sheets
    from core.models import AudienceKind
    from core.usecases import audiences, importing

    target = importing.Target(
        audiences.parse_name(audience), AudienceKind(kind) if kind else None, region=settings.current().default_region
    )
    with _opened(path) as stream:
        sheet = sheets.open_sheet(stream)
        refused = _Refused(Path(f"{path}.errors.csv"), sheet)
        with refused.kept():
            tally = importing.run(sheet, target, step=db.transaction, refuse=refused.add, now=utc_now())
    _tell(tally, target.audience, refused, is_json=as_json)


def audiences(*, as_json: AsJson = False) -> None:
    """List the audiences with their members, and how many of them a text would reach."""
    from core import db
    from core.usecases import audiences

    with db.reading() as session:
        found = audiences.listing(session)
    if as_json:
        show.as_json(
            [
                {
                    "name": each.audience.name,
                    "kind": each.audience.kind,
                    "members": each.members,
                    "textable": each.textable,
                }
                for each in found
            ]
        )
        return
    rows = ((each.audience.name, each.audience.kind.value, each.members, each.textable) for each in found)
    show.table(("audience", "kind", "members", "textable"), rows)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        stream = path.open("rb")
    except OSError as failure:
        raise Invalid(f"{path} can't be read: {failure.strerror}.") from None
    with stream:
        yield stream


class _Refused:
    """The file of refused rows; there is one only if there are any."""

    def __init__(self, path: Path, sheet: "Sheet") -> None:
        self.path = path
        self.first: list[tuple[int, str]] = []
        self._sheet = sheet
        self._stream: IO[str] | None = None

    def add(self, row: "Row", sentence: str) -> None:
        """Write a row, and remember the first few."""
        from core.domain import sheets

        if self._stream is None:
            self._stream = self._unfinished.open("w", encoding="utf-8-sig", newline="")
            self._rows = sheets.RefusedRows(self._sheet, self._stream)
        if len(self.first) < _SHOWN:
            self.first.append((row.line, sentence))
        self._rows.add(row, sentence)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put the file in its place at the end, or take away the one of the last time if no row was refused."""
        try:
            yield
            self._close()
            if self.first:
                self._unfinished.replace(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as failure:
            raise Invalid(f"{self.path} can't be written: {failure.strerror}.") from None
        finally:
            self._close()
            self._unfinished.unlink(missing_ok=True)

    @property
    def _unfinished(self) -> Path:
        return self.path.with_name(f"{self.path.name}.{os.getpid()}")

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def _tell(tally: "Tally", audience: str, refused: _Refused, *, is_json: bool) -> None:
    if is_json:
        show.as_json({**tally.as_json(), "errors": str(refused.path) if refused.first else None})
        return
    counts = {name: count for name, count in tally.as_json().items() if name not in ("rows", "members")}
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    rows, members = (
        f"{count:,} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((tally.rows, "row"), (tally.members, "member"))
    )
    show.line(f"{rows}: {told}. “{audience}” now has {members}.")
    if refused.first:
        show.line(f"The rejected rows are in {refused.path}; mend them there, and import that file.")
        for line, sentence in refused.first:
            show.line(f"  line {line:,}: {sentence}")
