"""`python -m tests.chaos`: many storms over large blasts; prints a JSON line for each, fails if any found something.

Begins with the model of a delivery's life, played for longer than the tests do.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import journey
from tests.core.usecases import test_lifecycle_model as model
from tests.core.usecases import test_lifecycle_races as races
from tests.workers import test_daily_cap_model as capped


def main(arguments: list[str]) -> int:
    """Play the storms; return the exit code."""
    asked = _parse(arguments)
    # No setting of the developer's own: nothing here can reach a real account.
    os.environ["ENV_FILE"] = ""
    failed = 0
    for kind in asked.database or journey.DATABASES:
        if asked.lives:
            with journey.database(kind) as (url, _):
                model.live(url, lives=asked.lives)
            with journey.database(kind) as (url, _):
                model.live(url, lives=asked.lives // 10, kind=capped.CappedLife)
            if kind == "postgresql":
                with journey.database(kind) as (url, _):
                    model.live(url, lives=asked.lives // 10, kind=races.Contest)
            _tell(database=kind, lives=asked.lives, wrong={})
        for seed in range(asked.seed, asked.seed + asked.seeds):
            failed += not _play(kind, seed, asked)
    return 1 if failed else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", type=int, default=20, help="how many storms on each database (20)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="the first seed")
    parser.add_argument("--recipients", type=int, default=5_000, help="of each blast (5000)")
    parser.add_argument("--events", type=int, default=25, help="in each storm (25)")
    parser.add_argument("--lives", type=int, default=500, help="of the model, on each database (500)")
    parser.add_argument("--database", action="append", choices=journey.DATABASES, help="only this one")
    return parser.parse_args(arguments)


def _play(kind: str, seed: int, asked: argparse.Namespace) -> bool:
    began = time.monotonic()
    with journey.database(kind) as (url, server), tempfile.TemporaryDirectory(prefix="blast-chaos-") as folder:
        load = {"recipients": asked.recipients, "events": asked.events}
        try:
            found, story = journey.play(Path(folder), url, seed=seed, database=server, **load)
        except AssertionError as stuck:
            _tell(database=kind, seed=seed, wrong={"stuck": [str(stuck), *stuck.__notes__]})
            return False
    _tell(database=kind, seed=seed, seconds=round(time.monotonic() - began), wrong=found.wrong, story=story)
    return not found.wrong


def _tell(**told: object) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
