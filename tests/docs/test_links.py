"""What the documents point to is there, and what they name exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from bot import commands as slash
from core.cli.app import app
from core.settings import Settings
from deploy import commands
from tests.architecture import tree

PAGES = [path for path in tree.files() if path.suffix == ".md"]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SETTING = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`")
_BLAST = re.compile(r"(?<![/\w])blast ([a-z]+)(?=[ `])")
_SLASH = re.compile(r"`/blast ([a-z]+)")
_MAKE = re.compile(r"`make ([a-z]+)")
# Not settings of ours, but named where they matter.
_OTHERS = frozenset({"ENV_FILE", "SANDBOX_PORT", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"})


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not [target for target in _links(page) if not _is_there(page, target)]


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | _OTHERS
    assert set(_SETTING.findall(page.read_text())) <= known


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_every_make_command_that_is_named_exists(page: Path) -> None:
    assert set(_MAKE.findall(page.read_text())) <= set(commands._COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    in_code = " ".join(re.findall(r"`[^`\n]+`", page.read_text()))
    assert set(_BLAST.findall(in_code)) <= set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group
    assert set(_SLASH.findall(in_code)) <= {*slash._ACTIONS, *slash._ANSWERS, *slash._ORDERS}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [tree.ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [
                (page.parent / target.partition("#")[0]).resolve() for target in _links(page) if target[0] != "#"
            ]
    assert set(PAGES) <= reached


def _links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_FENCE.sub("", page.read_text())):
        if not target.startswith(("https://", "mailto:")):
            yield target


def _is_there(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    return path.exists() and (not anchor or anchor in _anchors(path))


def _anchors(page: Path) -> set[str]:
    """Return what its headings are called in an address, as hosts of repositories write them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower().replace(" ", "-") for heading in headings}
