"""The command line `blast`, as an operator types it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.story.awaiting import WentWrong

Json = dict[str, Any]

_BLAST = Path(sys.executable).parent / "blast"
_LONGEST_S = 120


class Refused(WentWrong):
    """The command didn't do as asked; carries what it said."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A terminal with some environment; None: our own."""

    env: Mapping[str, str] | None = None

    def run(self, *words: str | Path) -> str:
        """Run `blast` with some words; return what it printed.

        Raises:
            Refused: it ended with another code than 0, or not at all.
        """
        typed = "blast " + " ".join(map(str, words))
        command = [str(_BLAST), *map(str, words)]
        try:
            ended = subprocess.run(
                command, env=self.env, capture_output=True, text=True, timeout=_LONGEST_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise Refused(f"`{typed}` could not be run to its end ({type(failure).__name__}).") from failure
        if ended.returncode:
            said = (ended.stderr or ended.stdout).strip()[-600:]
            raise Refused(f"`{typed}` ended with code {ended.returncode}: {said}")
        return ended.stdout

    def status(self, blast_id: str) -> Json:
        """Return what the database says of a blast."""
        told: Json = json.loads(self.run("status", blast_id, "--json"))
        return told
