"""Every library that we chose has its row, with the licence that its own metadata names."""

import re
from importlib.metadata import metadata

import pytest

from tests.architecture import tree

_PAGE = tree.ROOT / "docs" / "decisions" / "libraries.md"
_ROW = re.compile(r"^\| ([a-z0-9, -]+) \|.*\| ([^|]+) \|$", re.MULTILINE)
_WORDS = {"MIT": "MIT", "Apache": "Apache", "BSD": "BSD", "LGPL": "LGPL|Lesser", "MPL": "MPL|Mozilla"}


def _chosen() -> set[str]:
    lines = "\n".join((tree.ROOT / "requirements" / f"{kind}.in").read_text() for kind in ("base", "dev"))
    return set(re.findall(r"^([a-z0-9][a-z0-9-]*)", lines, re.MULTILINE))


def _listed() -> dict[str, str]:
    rows: list[tuple[str, str]] = _ROW.findall(_PAGE.read_text())
    named = {name: licence for names, licence in rows for name in names.split(", ")}
    named.pop("library", None)
    return named


def test_every_library_is_listed_and_no_other() -> None:
    assert set(_listed()) == _chosen()


@pytest.mark.parametrize("name", sorted(_chosen()))
def test_the_licence_is_the_one_that_its_metadata_names(name: str) -> None:
    told = metadata(name)
    lines = [line for field in ("License-Expression", "License", "Classifier") for line in told.get_all(field) or []]
    said = " ".join(line[:200] for line in lines if "::" not in line or line.startswith("License"))
    families = [family for family in _WORDS if family in _listed()[name]]
    assert families
    assert all(re.search(_WORDS[family], said) for family in families)
