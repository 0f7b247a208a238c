"""One row of a table, read: whom it names and how to reach them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.domain import address, hours
from core.domain.sheets.columns import Columns, Purpose
from core.domain.sheets.reading import Row
from core.errors import Invalid

_LONGEST_NAME = 200
_LONGEST_LANGUAGE = 35
_LONGEST_VALUE = 500
_LONGEST_SOURCE = 200
# What people and programs write into a cell that has to hold something.
_NOTHING = frozenset(("n/a", "#n/a", "-", "--", "—", "?", "."))
# Somebody may be called Null or Na, but nobody is reached under it.
_NOWHERE = _NOTHING | {"na", "none", "null", "nil", "nan", "unknown", "x", "tbd"}
_NO = frozenset(
    ("no", "n", "false", "f", "0", "nein", "non", "never", "declined", "denied", "refused", "revoked", "unsubscribed",
     "opt out", "opt-out", "optout", "opted out", "opted-out", "stop")
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u200b\u2060\ufeff]")
_BROKEN = "\ufffd"


@dataclass(slots=True)
class Entry:
    """A person as one row gives them; empty means that the row doesn't say. `zones` and `region` as for a contact."""

    row: Row
    phone: str | None = None
    email: str | None = None
    name: str = ""
    first_name: str = ""
    language: str = ""
    time_zone: str = ""
    zones: str = ""
    region: str = ""
    consent_source: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def read(row: Row, columns: Columns, *, region: str) -> Entry:
    """Read a row; a number without a country code is `region`'s.

    Raises:
        Invalid: the row can't be taken; says why.
    """
    cells = _aligned(row.cells, len(columns.header))
    _refuse_without_consent(_value(cells, columns, Purpose.CONSENT))
    entry = Entry(row)
    phone = _value(cells, columns, Purpose.PHONE, nothing=_NOWHERE)
    email = _value(cells, columns, Purpose.EMAIL, nothing=_NOWHERE)
    if not (phone or email):
        raise Invalid("There is neither a phone number nor an e-mail address in this row. Add one.")
    entry.phone = address.parse_phone(phone, region=region) if phone else None
    entry.email = address.parse_email(email) if email else None
    _name(entry, cells, columns)
    _attributes(entry, cells, columns)
    _place(entry, _value(cells, columns, Purpose.TIME_ZONE))
    entry.language = _short(_value(cells, columns, Purpose.LANGUAGE), "language", _LONGEST_LANGUAGE)
    entry.consent_source = _short(_value(cells, columns, Purpose.CONSENT), "consent", _LONGEST_SOURCE)
    return entry


def _aligned(cells: Sequence[str], width: int) -> list[str]:
    """Clean the cells and make them as many as there are columns; what spreadsheets leave off at the end is empty."""
    if len(cells) > width and any(map(str.strip, cells[width:])):
        raise Invalid(
            f"This row has {len(cells)} cells, and there are {width} columns. Put quotation marks around "
            "a cell that holds the character by which cells are told apart."
        )
    clean = [_clean(cell) for cell in cells[:width]]
    return clean + [""] * (width - len(clean))


def _clean(cell: str) -> str:
    if cell.isascii() and cell.isprintable():
        return cell.strip()
    if _BROKEN in cell:
        raise Invalid("There are broken characters in this row. Type them again, and save the file as “CSV UTF-8”.")
    return _CONTROL.sub("", cell.replace("\r", "\n")).strip()


def _value(cells: Sequence[str], columns: Columns, purpose: Purpose, *, nothing: frozenset[str] = _NOTHING) -> str:
    """Return the first cell for this purpose in which something is said."""
    for position in columns.positions.get(purpose, ()):
        value = cells[position]
        if value and value.lower() not in nothing:
            return value
    return ""


def _refuse_without_consent(said: str) -> None:
    if said.lower() in _NO:
        raise Invalid("The consent column says that this person doesn't want messages. Leave them out, or ask them.")


def _name(entry: Entry, cells: Sequence[str], columns: Columns) -> None:
    first, last = _value(cells, columns, Purpose.FIRST_NAME), _value(cells, columns, Purpose.LAST_NAME)
    name = _value(cells, columns, Purpose.NAME)
    if not name:
        name = f"{first} {last}".strip()
    elif first and not last and first.lower() not in name.lower():
        name = f"{first} {name}"  # German tables call the family's name “Name”
    entry.name = _short(" ".join(name.split()), "name", _LONGEST_NAME)
    entry.first_name = _short(" ".join(first.split()), "first name", _LONGEST_NAME)
    if last:
        entry.attributes["last_name"] = _short(" ".join(last.split()), "last name", _LONGEST_NAME)


def _attributes(entry: Entry, cells: Sequence[str], columns: Columns) -> None:
    for position, key in columns.attributes:
        value = cells[position]
        if value:
            entry.attributes[key] = _short(value, columns.header[position].strip(), _LONGEST_VALUE)


def _place(entry: Entry, said: str) -> None:
    """Take the time zone that the row names, if there is one of that name, else those of the number."""
    try:
        entry.time_zone = hours.parse_zone(said) if said else ""
    except Invalid:
        entry.attributes["time_zone"] = _short(said, "time zone", _LONGEST_VALUE)
    entry.zones = entry.time_zone or (",".join(address.zones(entry.phone)) if entry.phone else "")
    entry.region = address.region(entry.phone) if entry.phone else ""


def _short(value: str, column: str, most: int) -> str:
    if len(value) > most:
        raise Invalid(
            f"What stands under “{column[:40]}” has {len(value):,} characters. At most {most} can be kept: shorten it."
        )
    return value
