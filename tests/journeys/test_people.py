"""The demo's list: nobody in it exists, and it holds everything that real lists hold."""

import csv
import re
from pathlib import Path

from core.domain import address
from core.errors import Invalid
from sandbox.story.people import COLUMNS, MAGIC, OUR_NUMBER, gather
from sandbox.story.reading import counts_of, text_of

FICTIONAL = re.compile(r"\+1[2-9]\d\d55501\d\d").fullmatch


def can_be_texted(number: str) -> bool:
    try:
        address.parse_phone(number)
    except Invalid:
        return False
    return True


def test_everybody_has_a_fictional_number_of_their_own() -> None:
    phones = [person.phone for person in gather(5_000).people]
    assert len(phones) == len(set(phones)) == 4_900
    assert all(FICTIONAL(phone) for phone in phones)
    assert OUR_NUMBER not in phones
    assert len({phone[2:5] for phone in phones}) >= 50


def test_every_notation_is_read_as_the_number_that_it_is() -> None:
    crowd = gather(5_000)
    written = [row[2] for row in crowd.rows]
    taken = [address.parse_phone(number) for number in written if can_be_texted(number)]
    assert set(taken) == {person.phone for person in crowd.people}
    assert len(taken) == len(crowd.people) + crowd.repeated
    assert len(written) - len(taken) == crowd.bad == 30
    assert sum("E+" in number for number in written) > 100


def test_there_are_as_many_magic_numbers_as_promised_and_of_each_kind_one_in_a_small_list() -> None:
    large, small = gather(5_000), gather(60)
    assert {ending: len(large.with_ending(ending)) for ending in MAGIC} == MAGIC
    assert all(small.with_ending(ending) for ending in MAGIC)
    assert len(small.rows) == 60


def test_the_list_is_the_same_at_every_call() -> None:
    assert gather(60) == gather(60)


def test_it_is_written_as_an_old_spreadsheet_does(tmp_path: Path) -> None:
    crowd = gather(60)
    crowd.write(tmp_path / "list.csv")
    head, *rows = csv.reader((tmp_path / "list.csv").read_text(encoding="cp1252").splitlines(), delimiter=";")
    assert tuple(head) == COLUMNS
    assert [tuple(row) for row in rows] == crowd.rows


def test_figures_are_read_off_a_card() -> None:
    card = {
        "text": "fallback",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Rent"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*:outbox_tray: Sending* by <@U0ORGANIZER>"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "4,812 delivered · 3 undelivered · 12 × x (30003)"}},
        ],
    }
    assert text_of(card) == "Rent\nSending by @Organizer\n4,812 delivered · 3 undelivered · 12 × x (30003)"
    assert counts_of(text_of(card), ("delivered", "undelivered", "failed")) == {
        "delivered": 4812,
        "undelivered": 3,
        "failed": 0,
    }
