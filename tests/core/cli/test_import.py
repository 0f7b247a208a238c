"""`blast import`: counts are printed, and the rows that were refused lie beside the file."""

from pathlib import Path

import pytest

from tests.core.cli.conftest import Blast


@pytest.fixture
def members(tmp_path: Path) -> Path:
    """A file with two good rows about one person, and a bad one."""
    path = tmp_path / "members.csv"
    path.write_text("Name;Mobile Phone\nJane;(212) 555-0123\nJane;+12125550123\nJoe;555\n", encoding="cp1252")
    return path


def test_counts_are_printed_and_bad_rows_are_written(blast: Blast, members: Path) -> None:
    errors = Path(f"{members}.errors.csv")
    told = blast.fine("import", str(members), "--audience", "tenants", "--json").json
    assert told == {
        "rows": 3,
        "added": 1,
        "updated": 0,
        "unchanged": 0,
        "duplicates": 1,
        "rejected": 1,
        "members": 1,
        "errors": str(errors),
    }
    header, row = errors.read_text(encoding="utf-8-sig").splitlines()
    assert header == "Name;Mobile Phone;error"
    assert row.startswith("Joe;555;This number")
    assert sorted(each.name for each in members.parent.glob("members*")) == [members.name, errors.name]


def test_the_mended_rows_are_imported_and_their_file_goes(blast: Blast, members: Path) -> None:
    blast.fine("import", str(members), "--audience", "tenants")
    errors = Path(f"{members}.errors.csv")
    errors.write_text(errors.read_text(encoding="utf-8-sig").replace(";555;", ";2125550124;"))
    assert blast.fine("import", str(errors), "--audience", "tenants", "--json").json["added"] == 1
    members.write_text("phone\n2125550123\n")
    assert blast.fine("import", str(members), "--audience", "tenants", "--json").json["errors"] is None
    assert not errors.exists()


def test_the_counts_are_told_in_words_with_the_first_reasons(blast: Blast, members: Path) -> None:
    told = blast.fine("import", str(members), "--audience", "tenants").out
    assert "3 rows: 1 added, 0 updated, 0 unchanged, 1 duplicates, 1 rejected" in told
    assert "line 4: This number" in told


def test_one_row_is_told_as_one(blast: Blast, members: Path) -> None:
    members.write_text("phone\n2125550123\n")
    told = blast.fine("import", str(members), "--audience", "tenants").out
    assert told.startswith("1 row: 1 added")
    assert "now has 1 member." in told


def test_the_two_kinds_never_mix(blast: Blast, members: Path) -> None:
    blast.fine("import", str(members), "--audience", "tenants", "--kind", "community")
    errors = Path(f"{members}.errors.csv").read_bytes()
    assert "never mix" in blast.refused("import", str(members), "--audience", "Tenants", "--kind", "event")
    assert Path(f"{members}.errors.csv").read_bytes() == errors
    assert blast.fine("audiences", "--json").json == [
        {"name": "tenants", "kind": "community", "members": 1, "textable": 1}
    ]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"name\nJane\n", b'phone,name\n"2125550123,x\n'])
def test_a_file_that_is_no_table_is_refused_in_one_line(blast: Blast, members: Path, content: bytes) -> None:
    members.write_bytes(content)
    blast.refused("import", str(members), "--audience", "tenants")
    assert blast.fine("audiences", "--json").json == []


def test_a_file_that_cannot_be_read_is_refused_in_one_line(blast: Blast, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.csv", tmp_path):
        assert "can't be read" in blast.refused("import", str(path), "--audience", "tenants")


@pytest.mark.parametrize("arguments", [[], ["--audience"], ["--audience", "x", "--kind", "other"]])
def test_wrong_usage_ends_with_2(blast: Blast, members: Path, arguments: list[str]) -> None:
    assert blast("import", str(members), *arguments).code == 2
