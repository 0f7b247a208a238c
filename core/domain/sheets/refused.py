"""The rows that were refused, as a table that can be mended and imported again."""

import csv
from typing import TextIO

from core.domain.sheets.columns import Purpose
from core.domain.sheets.reading import Row, Sheet

_COLUMN = "error"


class RefusedRows:
    """Writes refused rows as they stood, with a last column that says why.

    The cells are left as they are, also those that a spreadsheet would take for formulas: they are its owner's, numbers
    begin with a plus, and what is mended must be readable again. What we add is a sentence, and never begins like one.
    A table that came back this way once gets a new last column for its old one.
    """

    def __init__(self, sheet: Sheet, stream: TextIO) -> None:
        """Write to `stream`, with the delimiter of `sheet`; Excel wants a byte order mark before it."""
        self._dropped = frozenset(sheet.columns.positions.get(Purpose.ERROR, ()))
        self._width = len(sheet.columns.header)
        self._writer = csv.writer(stream, delimiter=sheet.delimiter, lineterminator="\r\n")
        self._add(list(sheet.columns.header), _COLUMN)

    def add(self, row: Row, sentence: str) -> None:
        """Write one row, and why it was refused."""
        self._add(row.cells + [""] * (self._width - len(row.cells)), sentence)

    def _add(self, cells: list[str], last: str) -> None:
        self._writer.writerow([*(cell for at, cell in enumerate(cells) if at not in self._dropped), last])
