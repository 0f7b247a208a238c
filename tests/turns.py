"""Who may run beside whom: small tests in several processes at once, those that need the whole machine alone."""

import fcntl
from collections.abc import Generator
from pathlib import Path

import pytest

from deploy import ports

# A test that bears one of these runs while no other test does.
ALONE = frozenset({"alone", "browser", "chaos", "journey"})


def is_alone(item: pytest.Item) -> bool:
    """Tell whether a test needs the machine for itself."""
    return any(mark.name in ALONE for mark in item.iter_markers())


class Turns:
    """What one of several test processes does before and after each test."""

    def __init__(self, folder: Path) -> None:
        """Use the lock files in `folder`, which all the processes share."""
        folder.mkdir(parents=True, exist_ok=True)
        self._door, self._room = (folder / "door.lock").open("w"), (folder / "room.lock").open("w")
        self._is_inside = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put those that run alone last: until then no process has to wait for another."""
        items.sort(key=is_alone)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Keep the turn from a test's set-up to its end, or to that of its file where what stands is the file's."""
        if not self._is_inside:
            self._enter(alone=is_alone(item))
        try:
            return (yield)
        finally:
            if not _is_kept(item, nextitem):
                self._leave()

    def _enter(self, *, alone: bool) -> None:
        # Who waits for an empty room stands in the door meanwhile, so that nobody else goes in.
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)
        self._is_inside = True

    def _leave(self) -> None:
        fcntl.flock(self._room, fcntl.LOCK_UN)
        self._is_inside = False


def _is_kept(item: pytest.Item, following: pytest.Item | None) -> bool:
    return following is not None and is_alone(item) and is_alone(following) and item.path == following.path


def give_ports(patch: pytest.MonkeyPatch, *, number: int, of: int) -> None:
    """Let each process choose its ports among its own: two that choose at once can't choose the same."""
    patch.setattr(ports, "_OURS", ports._OURS[number::of])
