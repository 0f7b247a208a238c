"""Lists of people as others export them are read as meant, or refused with a sentence."""

import io
from contextlib import suppress
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import sheets
from core.domain.sheets import Entry, RefusedRows, Row, reading
from core.errors import Invalid

PHONE = "+12125550123"


def opened(content: bytes | str) -> sheets.Sheet:
    return sheets.open_sheet(io.BytesIO(content.encode() if isinstance(content, str) else content))


def entries(content: bytes | str) -> list[Entry]:
    sheet = opened(content)
    return [sheets.read(row, sheet.columns, region="US") for row in sheet.rows()]


def entry(content: bytes | str) -> Entry:
    (only,) = entries(content)
    return only


def refusal(content: bytes | str) -> str:
    with pytest.raises(Invalid) as refused:
        entries(content)
    return refused.value.sentence


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_delimiter_and_line_ending_is_found_out(encoding: str, delimiter: str, ending: str) -> None:
    rows = [["Name", "Mobile Phone", "Zip"], ["Zoë Müller", "(212) 555-0123", "10001"]]
    found = entry(ending.join(delimiter.join(row) for row in rows).encode(encoding))
    assert (found.name, found.phone, found.attributes) == ("Zoë Müller", PHONE, {"zip": "10001"})


@pytest.mark.parametrize(
    "header",
    [
        "phone", "PHONE", "Phone Number", "phone_number", "phone-number", " Phone ", "\ufeffphone", "Phone #", "phone1",
        "Mobile Phone", "mobile", "MobilePhone", "Cell", "Cell Phone", "cell-phone number", "Telefon", "Téléphone",
        "tel", "Tel.", "Handy", "Celular", "Phone 1 - Value", "Primary Phone", "What is your phone number?",
        "Phone Number (with country code)", "Your cell phone *",
    ],
)  # fmt: skip
def test_the_phone_column_is_found_by_any_of_its_names(header: str) -> None:
    assert entry(f"{header},Town\n212 555 0123,New York\n").phone == PHONE


@pytest.mark.parametrize("header", ["Phone Type", "phone_ok", "Phone Carrier", "Emergency phone", "Fax phone"])
def test_a_column_about_a_phone_is_not_the_phone(header: str) -> None:
    found = entry(f"{header},Phone\n+12125550199,212 555 0123\n")
    assert found.phone == PHONE
    assert list(found.attributes.values()) == ["+12125550199"]


def test_of_several_phones_the_mobile_one_counts_and_the_others_are_kept() -> None:
    header = "Home Phone,Phone,Mobile Phone\n"
    assert entry(f"{header}2125550101,2125550102,2125550123\n").phone == PHONE
    spare = entry(f"{header}2125550101,2125550123,\n")
    assert (spare.phone, spare.attributes["home_phone"]) == (PHONE, "2125550101")


@pytest.mark.parametrize(
    "written",
    [
        "(212) 555-0123", "212-555-0123", "212.555.0123", "+1 212 555 0123", "1-212-555-0123", "2125550123",
        "'2125550123", "2.125550123E+09", "2.125550123e9", "12125550123.0",
        "\u202a+1 212\u00a0555\u20110123\u202c", '="2125550123"',
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_and_spreadsheets_write_them(written: str) -> None:
    quoted = written.replace('"', '""')
    assert entry(f'phone\n"{quoted}"\n').phone == PHONE


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("555-0187", "area code"),
        ("12345", "too short"),
        ("2.12556E+09", "digits were lost"),
        ("call me", "isn't a phone number"),
        ("212 555 0187 / 212 555 0124", "more than one"),
        ("+999 1234567", "country code"),
    ],
)
def test_a_number_that_cannot_be_texted_is_refused_with_a_sentence(row: str, words: str) -> None:
    sentence = refusal(f"phone\n{row}\n")
    assert words in sentence
    assert "0187" not in sentence


def test_foreign_numbers_keep_their_country() -> None:
    assert entry("phone\n+44 20 7946 0123\n").phone == "+442079460123"


@pytest.mark.parametrize("nothing", ["n/a", "None", "-", "NULL", "unknown"])
def test_what_stands_for_nothing_is_nothing(nothing: str) -> None:
    found = entry(f"phone,email\n{nothing},jane@example.org\n")
    assert (found.phone, found.email) == (None, "jane@example.org")
    assert "neither" in refusal(f"phone,email\n{nothing},{nothing}\n")


def test_names_are_put_together_from_their_parts() -> None:
    assert entry("First Name,Last Name,phone\nJane,Doe,2125550123\n").name == "Jane Doe"
    german = entry("Vorname;Name;Telefon\nJutta;Groß;2125550123\n")
    assert (german.name, german.first_name) == ("Jutta Groß", "Jutta")
    assert entry("Full Name,phone\n  Jane \t Doe ,2125550123\n").name == "Jane Doe"
    assert entry("name,phone\nNull,2125550123\n").name == "Null"


def test_extra_columns_become_attributes_under_names_that_can_be_typed() -> None:
    content = "phone,Zip/Postal Code,T-Shirt Size,Zip/Postal Code,,Empty\n2125550123,10001,M,10002,x,\n"
    assert entry(content).attributes == {
        "zip_postal_code": "10001",
        "t_shirt_size": "M",
        "zip_postal_code_2": "10002",
        "column_5": "x",
    }


def test_a_time_zone_of_ones_own_goes_before_that_of_the_number() -> None:
    header = "phone,Time Zone\n2125550123,"
    assert entry(f"{header}america/los angeles\n").zones == "America/Los_Angeles"
    unknown = entry(f"{header}Eastern\n")
    assert (unknown.zones, unknown.attributes["time_zone"]) == ("America/New_York", "Eastern")


def test_quoted_line_breaks_and_delimiters_belong_to_their_cell() -> None:
    found = entries('phone,Address\n2125550123,"1 Main St, Apt 2\nNew York"\n2125550124,x\n')
    assert found[0].attributes == {"address": "1 Main St, Apt 2\nNew York"}
    assert found[1].row.line == 4


def test_blank_rows_titles_and_repeated_headers_are_passed_over() -> None:
    content = "Members of 2026\n\nphone,name\n\n,\n2125550123,Jane\n  ,\t\nphone,name\n2125550124,Joe\n"
    assert [each.name for each in entries(content)] == ["Jane", "Joe"]


def test_a_spreadsheets_own_line_about_the_delimiter_is_obeyed() -> None:
    assert entry("sep=;\r\nphone;a,b\r\n2125550123;1,5\r\n").attributes == {"a_b": "1,5"}


def test_ragged_rows_are_filled_up_or_refused() -> None:
    assert entry("phone,name,town\n2125550123\n").phone == PHONE
    assert entry("phone,name\n2125550123,Jane,,\n").name == "Jane"
    assert "4 cells" in refusal("phone,name,town\n2125550123,Doe, Jane,New York\n")


def test_zero_bytes_and_control_characters_are_dropped() -> None:
    assert entry("pho\0ne,name\n212555\x000123,Ja\x07ne\n").name == "Jane"


def test_a_value_that_is_too_long_is_refused_and_named() -> None:
    assert "“Notes”" in refusal(f"phone,Notes\n2125550123,{'x' * 501}\n")


def test_who_has_not_agreed_is_left_out() -> None:
    assert "doesn't want" in refusal("phone,SMS opt-in\n2125550123,No\n")
    assert entry("phone,SMS opt-in\n2125550123,web form\n").consent_source == "web form"


def test_a_few_broken_characters_spoil_their_row_and_no_other() -> None:
    whole = "".join(f"Zoë Müller,212555010{number}\n" for number in range(9))
    sheet = opened(b"name,phone\n" + whole.encode() * 3 + b"Zo\xeb,2125550123\n")
    assert sheet.encoding == "utf-8"
    *good, bad = sheet.rows()
    assert sheets.read(good[0], sheet.columns, region="US").name == "Zoë Müller"
    with pytest.raises(Invalid, match="broken characters"):
        sheets.read(bad, sheet.columns, region="US")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n \r\n", "empty"),
        (b"PK\x03\x04 and so on", "Excel"),
        (b"\xd0\xcf\x11\xe0 and so on", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"Jane,+12125550123\nJoe,+12125550124\n", "no row of column names"),
        (b"jane@example.org\n", "no row of column names"),
        (b"name,town\nJane,New York\n", "None of the columns"),
        (b"name,phone\n", "no rows below"),
        (b'name,phone\n"Jane,2125550123\nJoe,2125550124\n', "line 2"),
        (b'name,phone\nJoe,2125550124\nJane,"2125550123', "line 3"),
        (b"phone," + b",".join(b"c%d" % at for at in range(100)) + b"\n2125550123\n", "101 columns"),
        (b"phone\n" + b"1" * 2_000_000, "too long"),
    ],
)
def test_what_is_no_list_of_people_is_refused_whole(content: bytes, words: str) -> None:
    assert words in refusal(content)


@pytest.mark.parametrize(
    "cell",
    ["@" * 100_000, "@." * 50_000 + " x", "(" * 100_000, "1" + " " * 100_000 + "x", "+1 212 555 0123" + " and 1" * 50],
)
def test_an_odd_cell_keeps_nobody_waiting(cell: str) -> None:
    """Whoever reads a file holds up everything else in its process, and with it what is being sent."""
    for content in (f'phone,"{cell}"\n2125550123,x\n', f'phone,note\n2125550123,"{cell}"\n' + f'"{cell}",x\n' * 20):
        started = process_time()
        with suppress(Invalid):
            list(opened(content).rows())
        for row in opened(f'phone\n"{cell}"\n' * 20).rows() if len(cell) < 1000 else ():
            with suppress(Invalid):
                sheets.read(row, sheets.columns.understand(["phone"]), region="US")
        assert process_time() - started < 2


def test_half_a_million_columns_are_refused_at_once() -> None:
    started = process_time()
    assert "490001 columns" in refusal(("a," * 490_000 + "phone\n") * 3)
    assert process_time() - started < 5


def test_a_quotation_mark_that_swallows_hundreds_of_rows_is_found() -> None:
    rows = "".join(f"2125550{100 + at % 100},x\n" for at in range(500))
    assert "line 2" in refusal(f'phone,name\n2125550123,"x\n{rows}2125550123,"x\n')


def test_more_rows_than_can_be_taken_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 2)
    assert "3 rows" in refusal("phone\n" + "2125550123\n" * 3)


def test_refused_rows_come_back_as_they_stood_and_can_be_read_again() -> None:
    sheet = opened("Name;Phone;error\n=1+1;555;old\nJane\n")
    out = io.StringIO()
    refused = RefusedRows(sheet, out)
    for row in sheet.rows():
        refused.add(row, "Too short.")
    assert out.getvalue() == "Name;Phone;error\r\n=1+1;555;Too short.\r\nJane;;Too short.\r\n"
    again = opened(out.getvalue())
    assert again.columns.attributes == ()


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reader(content: bytes) -> None:
    for head in (b"", b"phone,name\n", b'phone;name\r\n"'):
        with suppress(Invalid):
            sheet = opened(head + content)
            for row in sheet.rows():
                with suppress(Invalid):
                    sheets.read(row, sheet.columns, region="US")


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=2, max_size=2), max_size=5))
def test_refused_rows_survive_the_round_trip(cells: list[list[str]]) -> None:
    sheet = opened("phone,name\n1,2\n")
    out = io.StringIO()
    refused = RefusedRows(sheet, out)
    for each in cells:
        refused.add(Row(1, each), "No.")
    rows = list(reading._parse(io.StringIO(out.getvalue()), ","))
    assert [row.cells for row in rows][1:] == [[*each, "No."] for each in cells]


def test_the_sample_that_has_everything_in_it_is_read(request: pytest.FixtureRequest) -> None:
    path: Path = request.config.rootpath / "tests" / "core" / "usecases" / "samples" / "members.csv"
    with path.open("rb") as stream:
        sheet = sheets.open_sheet(stream)
        assert (sheet.encoding, sheet.delimiter) == ("cp1252", ";")
        assert len(list(sheet.rows())) == 13
