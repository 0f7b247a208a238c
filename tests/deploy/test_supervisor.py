"""The supervisor, as a process of its own: what it starts lives and ends together."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.ports import wait_until
from deploy.supervisor import read_procfile

ROOT = Path(__file__).resolve().parents[2]

# Starts two stages, each process of which writes its pid to a file; says so when all are up.
DRIVER = """
import json, sys
from pathlib import Path
from deploy.supervisor import Supervisor
import os

folder, stages = Path(sys.argv[1]), json.loads(sys.argv[2])
supervisor = Supervisor(cwd=folder, env=os.environ)
for stage in stages:
    supervisor.start({name: [sys.executable, "-c", code] for name, code in stage.items()})
    supervisor.wait_ready({name: (folder / name).exists for name in stage}, seconds=60)
supervisor.say("all up")
ended = supervisor.wait()
supervisor.say(supervisor.describe(ended) if ended.name else f"signal {ended.code}")
supervisor.stop()
"""
WAIT = """
import os, signal, sys, time
from pathlib import Path
def end(*_):
    with open("ended", "a") as file: file.write("{name} ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
Path("{name}.part").write_text(str(os.getpid())); os.rename("{name}.part", "{name}")
while True: time.sleep(60)
"""
STUBBORN = WAIT.replace("signal.signal(signal.SIGTERM, end)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(*stages: dict[str, str]) -> "subprocess.Popen[str]":
        codes = [{name: code.replace("{name}", name) for name, code in stage.items()} for stage in stages]
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(tmp_path), json.dumps(codes)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert any("all up" in line for line in process.stdout), "the processes didn't come up"
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_a_signal_stops_the_stages_in_reverse_order(start: Start, tmp_path: Path) -> None:
    supervisor = start({"first": WAIT}, {"second": WAIT}, {"third": WAIT})
    supervisor.send_signal(signal.SIGINT)
    said, _ = supervisor.communicate(timeout=60)
    assert said == f"signal {signal.SIGINT:d}\n"
    assert (tmp_path / "ended").read_text().split() == ["third", "second", "first"]


def test_when_one_dies_all_are_stopped_and_it_is_named(start: Start, tmp_path: Path) -> None:
    supervisor = start({"steady": WAIT}, {"frail": WAIT})
    os.kill(_pid(tmp_path, "frail"), signal.SIGKILL)
    said, _ = supervisor.communicate(timeout=60)
    assert said == "frail was killed by SIGKILL, so everything is stopped.\n"
    assert not _is_alive(_pid(tmp_path, "steady"))


def test_a_second_signal_forces_what_does_not_listen(start: Start, tmp_path: Path) -> None:
    supervisor = start({"stubborn": STUBBORN})
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline().startswith("signal")
    assert wait_until(lambda: _forces(supervisor), seconds=8)
    assert not _is_alive(_pid(tmp_path, "stubborn"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_nothing_is_left_behind_when_the_supervisor_is_killed(start: Start, tmp_path: Path) -> None:
    supervisor = start({"first": WAIT}, {"second": WAIT})
    pids = [_pid(tmp_path, name) for name in ("first", "second")]
    supervisor.kill()
    assert wait_until(lambda: not any(map(_is_alive, pids)), seconds=60)


def test_each_line_carries_the_name_of_its_speaker(tmp_path: Path) -> None:
    code = (
        "import os, sys; from deploy.supervisor import Supervisor; s = Supervisor(cwd='.', env=os.environ);"
        "s.run('speaker', [sys.executable, '-c', 'print(1); print(2)']); s.stop()"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == " speaker │ 1\n speaker │ 2\n"


def test_a_failed_release_says_which_command_failed() -> None:
    code = (
        "import os; from deploy.supervisor import Supervisor; s = Supervisor(cwd='.', env=os.environ);"
        "s.run('release', ['sh', '-c', 'exit 3'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "CannotStart: `sh -c 'exit 3'` failed with exit code 3." in ended.stderr


def test_the_procfile_starts_what_the_interfaces_promise() -> None:
    processes = read_procfile(ROOT / "Procfile")
    assert list(processes) == ["release", "bot", "webhooks", "worker", "clock"]
    assert processes["release"] == ["blast", "migrate"]


def _pid(folder: Path, name: str) -> int:
    return int((folder / name).read_text())


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _forces(supervisor: "subprocess.Popen[str]") -> bool:
    supervisor.send_signal(signal.SIGINT)
    return supervisor.poll() is not None
