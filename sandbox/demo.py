"""`python -m sandbox.demo`: plays one blast through, tells it, and checks what came of it."""

import argparse
import os
import sys
from pathlib import Path

from sandbox.settings import SandboxSettings, UnsafeSettings
from sandbox.story import agreeing, ending, leaving, preparing
from sandbox.story.audit import require_right
from sandbox.story.awaiting import WentWrong
from sandbox.story.command import CommandLine
from sandbox.story.people import gather
from sandbox.story.stand_ins import StandIns
from sandbox.story.story import AUDIENCE, Story
from sandbox.story.telling import Teller

ROWS = 5_000
_FOLDER = Path(__file__).resolve().parent.parent / "var" / "demo"


def main(arguments: list[str] | None = None) -> int:
    """Tell the story, or with --seed only its beginning; return 0 if all of it is true."""
    parsed = _parse(arguments)
    try:
        SandboxSettings.from_env()
        url = os.environ.get("SANDBOX_URL")
        if not url:
            raise UnsafeSettings("SANDBOX_URL is not set: start the demo by `make demo`, which sets up all it needs.")
        return (seed if parsed.seed else play)(url, parsed.folder, rows=parsed.rows)
    except (UnsafeSettings, WentWrong) as failure:
        print(f"\nThe demo failed. {failure}", file=sys.stderr)
        return 1


def play(url: str, folder: Path, *, rows: int = ROWS) -> int:
    """Tell the whole story; return the exit code."""
    story = Story(StandIns(url), Teller(), folder, gather(rows))
    preparing.import_list(story)
    preparing.name_staff(story)
    agreeing.compose(story)
    agreeing.agree(story)
    leaving.send(story)
    ending.report(story)
    require_right(ending.compare(story))
    story.teller.say(f"All of it is true, in {story.teller.seconds:.0f} seconds. `make run` lets you do it by hand.")
    return 0


def seed(url: str, folder: Path, *, rows: int) -> int:
    """Import a small audience and name the staff, so that there is somebody to text at once; return the exit code."""
    crowd = gather(rows)
    crowd.write(folder / "members.csv")
    preparing.add_people(CommandLine(), folder / "members.csv")
    for user, role in preparing.ROLES:
        preparing.add_staff(CommandLine(), user, role)
    print(f"{len(crowd.people)} people who don't exist are in the audience “{AUDIENCE}”: type /blast as Organizer.")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="how long the list is")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="where the list is written")
    parser.add_argument("--seed", action="store_true", help="only import a list and name the staff")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
