"""The people of the demo, none of whom exists, and their list as somebody would have exported it from a spreadsheet."""

import csv
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

COLUMNS = ("First Name", "Last Name", "Mobile Phone", "E-Mail", "ZIP", "Building", "Notes")
OUR_NUMBER = "+12125550100"
# How many of each of the stand-in's magic numbers (the last two digits) are among 5,000 rows.
MAGIC: Mapping[str, int] = {
    "99": 12,  # 30003, unreachable
    "98": 8,  # 30005, unknown
    "97": 3,  # 30006, a landline
    "96": 4,  # 30007, filtered: fewer than would hold the blast
    "95": 3,  # 21211, refused at once
    "94": 2,  # 429 twice, then taken
    "93": 3,  # a broken answer to a text that was taken
    "91": 6,  # answers STOP
    "90": 1,  # answers “Who is this?”
    "89": 20,  # receipts come backwards
}
# What stands in the list and can't be texted, each with digits of the fictional range or none.
BAD_NUMBERS = (
    "555-0143",
    "0143",
    "212-555-01",
    "+44 212 555 0143",
    "0044 212 555 0143",
    "+999 212 555 0143",
    "2.12555E+09",
    "212 555 0143 / 646 555 0143",
    "212-555-O143",
    "(212) 555-0143 ext 5",
    "n/a",
    "",
)

_AREA_CODES = str.split(
    "201 202 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252 253 "
    "254 256 260 262 267 269 270 272 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 "
    "321 323 325 330 331 334 336 337"
)
_PLAIN_ENDINGS = tuple(f"{number:02}" for number in range(88))
_FIRST_NAMES = str.split(
    "Ana Bo Chloë Dariusz Esi Farah Grace Hugo Ingrid José Keisha Liam Mina Noor Oluwaseun Priya Quinn Rosa Søren "
    "Thuy Ulrich Valentina Wanjiru Ximena Yusuf Zoë"
)
_LAST_NAMES = str.split(
    "Adeyemi Bakker Castillo Dubois Eze Fernández Grünwald Haddad Ivanova Jackson Kowalski Lindqvist Mbeki Núñez "
    "O'Brien Petrov Qureshi Rossi Sørensen Tran Umarov Vargas Williams Xu Yamada Zoltán"
)
_NOTES = ("", "", "", "tenant since 2019", "speaks Spanish", 'prefers "Annie"', "call; don't text after 8", "steward")
_NOTATIONS = (
    "({area}) 555-{line}",
    "({area})555-{line}",
    "{area}-555-{line}",
    "{area}.555.{line}",
    "+1{area}555{line}",
    "1 {area} 555 {line}",
    " {area} 555 {line} ",
    "{area}555{line}.0",
    "{first}.{rest}E+09",
)
_USUAL_SIZE = 5_000
# A share of rows repeats somebody in another notation, and a share is beyond texting.
_REPEATED, _BAD = 0.014, 0.006


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the list."""

    first_name: str
    last_name: str
    phone: str
    row: int

    @property
    def ending(self) -> str:
        """The last two digits of the phone, by which the stand-in chooses an outcome."""
        return self.phone[-2:]


@dataclass(frozen=True, slots=True)
class Crowd:
    """A list: its rows as cells, and the people who can be texted."""

    rows: list[tuple[str, ...]]
    people: list[Person]
    repeated: int
    bad: int

    def with_ending(self, digits: str) -> list[Person]:
        """Return the people whose phones end in some magic digits."""
        return [person for person in self.people if person.ending == digits]

    def write(self, path: Path) -> None:
        """Save the list as an old spreadsheet does: semicolons, cp1252, CRLF."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="cp1252", newline="") as file:
            writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
            writer.writerow(COLUMNS)
            writer.writerows(self.rows)


def gather(size: int, *, seed: int = 1) -> Crowd:
    """Make a list of `size` rows (5,600 at most), the same at every call; of each kind there is at least one."""
    chance = random.Random(seed)
    bad, repeated = max(1, round(size * _BAD)), max(1, round(size * _REPEATED))
    magic = {ending: max(1, round(wanted * size / _USUAL_SIZE)) for ending, wanted in MAGIC.items()}
    phones = list(_phones(size - bad - repeated, magic, chance))
    people = [
        Person(chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES), phone, number)
        for number, phone in enumerate(phones)
    ]
    rows = [_row(person, person.phone, chance) for person in people]
    for person in chance.sample(people, repeated):
        rows.insert(chance.randrange(len(rows)), _row(person, person.phone, chance))
    for number in range(bad):
        rows.insert(chance.randrange(len(rows)), _bad_row(BAD_NUMBERS[number % len(BAD_NUMBERS)], chance))
    return Crowd(rows, people, repeated, bad)


def _phones(count: int, magic: Mapping[str, int], chance: random.Random) -> Iterator[str]:
    """Yield different fictional numbers, the magic ones strewn among the others."""
    special = [
        f"+1{area}55501{ending}" for ending, wanted in magic.items() for area in chance.sample(_AREA_CODES, wanted)
    ]
    plain = [f"+1{area}55501{ending}" for area, ending in product(_AREA_CODES, _PLAIN_ENDINGS)]
    plain.remove(OUR_NUMBER)
    phones = special + chance.sample(plain, count - len(special))
    chance.shuffle(phones)
    yield from phones


def _row(person: Person, phone: str, chance: random.Random) -> tuple[str, ...]:
    mail = f"member{person.row}@example.org"
    return (person.first_name, person.last_name, _written(phone, chance), mail, *_rest(chance))


def _bad_row(phone: str, chance: random.Random) -> tuple[str, ...]:
    return (chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES), phone, "", *_rest(chance))


def _rest(chance: random.Random) -> tuple[str, str, str]:
    return f"{chance.randrange(100_000):05}", f"{chance.randrange(1, 400)} Elm; rear", chance.choice(_NOTES)


def _written(phone: str, chance: random.Random) -> str:
    """Write a number as people and spreadsheets do."""
    area, line, digits = phone[2:5], phone[-4:], phone[2:]
    return chance.choice(_NOTATIONS).format(area=area, line=line, first=digits[0], rest=digits[1:])
