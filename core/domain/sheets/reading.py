"""A CSV file as a header and rows: how it is written is found out, and a broken file is refused whole."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, dropwhile, islice
from typing import BinaryIO, NamedTuple

from core.domain import address
from core.domain.sheets import columns as headers
from core.domain.sheets import encoding
from core.domain.sheets.columns import Columns
from core.errors import Invalid

MOST_ROWS = 1_000_000
_DELIMITERS = ",;\t|"
_LONGEST_LINE = 1_000_000
_LONGEST_ROW = 200  # lines; quoted cells may go over several, but no list of people has a cell of so many
_SAMPLE = 200  # lines from which the delimiter is guessed
_HEADER_WITHIN = 10  # rows; reports have a title or two above the header
# One @ alone, and no cell longer than an address: else a single odd cell would keep it busy for hours.
_ADDRESS = re.compile(r"\W{0,3}\d(?:[\s()./-]*\d){6,}|[^\s@]+@[^\s@]+\.[^\s@]+").fullmatch
_END = "\0end\0"  # not in any file that we read: zero bytes are dropped


class Row(NamedTuple):
    """A row as it was written, and the number of the line in which it begins."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A readable table; its rows may be gone through more than once, and are never all in memory."""

    stream: BinaryIO
    encoding: str
    delimiter: str
    columns: Columns

    def rows(self) -> Iterator[Row]:
        """Give every row below the header, but blank ones, and the header again where exports were joined."""
        header = list(self.columns.header)
        rows = _parse(_lines(self.stream, self.encoding), self.delimiter)
        return (row for row in dropwhile(lambda row: row.cells != header, rows) if row.cells != header)


def open_sheet(stream: BinaryIO) -> Sheet:
    """Find out how a file is written, and read through it once, so that it is refused before anything is changed.

    Raises:
        Invalid: it is no table, or it doesn't say which column holds phone numbers or e-mail addresses.
    """
    coding = encoding.detect(stream)
    sample = list(islice(_lines(stream, coding), _SAMPLE))
    delimiter = _delimiter(sample)
    columns = _header(_lenient(sample, delimiter))
    sheet = Sheet(stream, coding, delimiter, columns)
    rows = sum(1 for _ in sheet.rows())
    if not rows:
        raise Invalid("There are column names in this file, but no rows below them. Export it again.")
    if rows > MOST_ROWS:
        raise Invalid(f"This file has {rows:,} rows, and at most {MOST_ROWS:,} can be taken at once. Split it.")
    return sheet


def _lines(stream: BinaryIO, coding: str) -> Iterator[str]:
    """Give a file's lines from its start, without zero bytes, all ending alike."""
    stream.seek(0)
    text = io.TextIOWrapper(stream, coding, errors="replace", newline=None)
    try:
        for at, line in enumerate(iter(lambda: text.readline(_LONGEST_LINE), "")):
            if len(line) >= _LONGEST_LINE:
                raise Invalid(f"Line {at + 1} is too long for a list of people. Is this a CSV file?")
            yield line.replace("\0", "") if "\0" in line else line
    finally:
        if not stream.closed:
            text.detach()  # or it would close the file


def _parse(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """Give the rows of a file that aren't blank.

    Raises:
        Invalid: a quotation mark swallows the rows after it.
    """

    begins = 1
    reader = csv.reader(chain(lines, (_END,)), delimiter=delimiter)
    try:
        for cells in reader:
            if cells == [_END]:
                return
            # A mark that is never closed swallows the end too: how else could it be told from the last row?
            if reader.line_num - begins >= _LONGEST_ROW or (cells and cells[-1].endswith(_END)):
                raise Invalid(_unclosed(begins))
            if any(map(str.strip, cells)):
                yield Row(begins, cells)
            begins = reader.line_num + 1
    except csv.Error:
        raise Invalid(_unclosed(begins)) from None


def _unclosed(line: int) -> str:
    return (
        f"A quotation mark in line {line:,} is never closed, so that the rows after it can't be told apart. "
        "Delete or double it, and import the file again."
    )


def _lenient(sample: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Give the rows of a piece of a file, which may end in the middle of one."""
    try:
        yield from csv.reader(sample, delimiter=delimiter)
    except csv.Error:
        return


def _delimiter(sample: Sequence[str]) -> str:
    """Choose the delimiter that makes known column names, and rows as long as the header."""
    announced = re.fullmatch(r"\W?sep=(.)\s*", sample[0], re.IGNORECASE) if sample else None
    if announced and announced[1] in _DELIMITERS:
        return announced[1]
    return max(_DELIMITERS, key=lambda delimiter: _fitness(list(_lenient(sample, delimiter))))


def _fitness(rows: Sequence[list[str]]) -> tuple[int, bool, float, int]:
    header = max(rows[:_HEADER_WITHIN], key=headers.known_names, default=[])
    alike = sum(len(cells) == len(header) for cells in rows) / max(len(rows), 1)
    return headers.known_names(header), len(header) > 1, alike, len(header)


def _header(sample: Iterable[list[str]]) -> Columns:
    """Find the row of column names, below titles if there are any.

    Raises:
        Invalid: there is none, none of them is of phone numbers or e-mail addresses, or they are too many.
    """
    rows = list(islice((cells for cells in sample if any(map(str.strip, cells))), _HEADER_WITHIN))
    if not rows:
        raise Invalid(encoding.EMPTY)
    for cells in rows:
        headers.require_reasonable(cells)
        columns = headers.understand(cells)
        if columns.has_address and not any(map(_is_address, cells)):
            return columns
    if any(map(_is_address, rows[0])):
        raise Invalid(
            "This file has no row of column names. Put one above the first person, such as: name, phone. "
            "Then import it again."
        )
    named = ", ".join(f"“{cell.strip()[:30]}”" for cell in rows[0][:10] if cell.strip())
    raise Invalid(
        f"None of the columns is for phone numbers or e-mail addresses: {named}. "
        "Name the one with the numbers “phone”, and import the file again."
    )


def _is_address(cell: str) -> bool:
    return len(cell) <= address.LONGEST and _ADDRESS(cell.strip()) is not None
