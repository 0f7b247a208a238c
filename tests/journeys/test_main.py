"""The main journey, small: from a list to the last receipt, with everything that people do on the way."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import ROWS
from tests.journeys.house import ROOT, House

pytestmark = pytest.mark.journey


def test_a_blast_goes_from_a_list_to_everybody_and_every_count_is_true(house: House, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox.demo", "--rows", str(ROWS), "--folder", str(tmp_path / "list")]
    told = subprocess.run(command, cwd=ROOT, env=house.env, capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr
    assert "All of it is true" in told.stdout
    for name in ("bot", "webhooks", "worker", "clock", "sandbox"):
        assert "Traceback" not in house.log(name), house.log(name)[-3000:]
