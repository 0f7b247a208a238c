"""The units and the proxy's configuration fit the processes that they are for."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot import guard
from tests.architecture import tree
from webhooks import bodies, email

_UNITS = tree.ROOT / "deploy" / "systemd"
_NGINX = (tree.ROOT / "deploy" / "nginx" / "blast.conf").read_text()
_PROCESSES = dict(line.split(": ", 1) for line in (tree.ROOT / "Procfile").read_text().splitlines())
_SERVICES = [name for name in _PROCESSES if name != "release"]
# How long a process may take to stop, by its own promise.
_PROMISED_S = 10


def _unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read_string((_UNITS / name).read_text())
    return parser


@pytest.mark.parametrize("process", _SERVICES)
def test_a_unit_starts_what_the_procfile_starts(process: str) -> None:
    command = _unit(f"blast-{process}.service")["Service"]["ExecStart"]
    assert command == f"/opt/blast/.venv/bin/{_PROCESSES[process]}"


@pytest.mark.parametrize("process", _SERVICES)
def test_a_unit_comes_back_and_is_stopped_gently(process: str) -> None:
    service = _unit(f"blast-{process}.service")["Service"]
    assert service["Restart"] == "always"
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > _PROMISED_S


@pytest.mark.parametrize("process", _SERVICES)
def test_a_unit_waits_for_the_migration_and_belongs_to_the_target(process: str) -> None:
    unit = _unit(f"blast-{process}.service")
    assert unit["Unit"]["Requires"] == "blast-migrate.service"
    assert unit["Unit"]["PartOf"] == unit["Install"]["WantedBy"] == "blast.target"


def test_the_migration_is_the_release_of_the_procfile() -> None:
    service = _unit("blast-migrate.service")["Service"]
    assert service["ExecStart"].endswith(f"/bin/{_PROCESSES['release']}")
    assert service["Type"] == "oneshot"


def test_every_process_has_a_unit_and_no_unit_lacks_a_process() -> None:
    named = {path.name for path in _UNITS.iterdir()}
    assert named == {f"blast-{process}.service" for process in [*_SERVICES, "migrate"]} | {"blast.target"}


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    checker = shutil.which("systemd-analyze")
    if checker is None:  # not on macOS, nor in small containers; the other checks hold there, too
        return
    said = subprocess.run(
        [checker, "verify", *sorted(_UNITS.iterdir())], capture_output=True, text=True, check=False
    ).stderr
    assert not [line for line in said.splitlines() if "blast" in line and "is not executable" not in line]


def test_the_proxy_knows_the_ports_that_the_processes_use_unless_told_otherwise() -> None:
    ports = {
        name: re.search(r"_USUAL_PORT = (\d+)", (tree.ROOT / name / "__main__.py").read_text())
        for name in ("bot", "webhooks")
    }
    for name, port in ports.items():
        assert port
        assert f"upstream blast_{name} {{\n    server 127.0.0.1:{port[1]};" in _NGINX


def test_the_proxy_passes_paths_on_as_they_came() -> None:
    passed = re.findall(r"proxy_pass (\S+);", _NGINX)
    assert passed
    assert set(passed) <= {"http://blast_bot", "http://blast_webhooks"}
    assert not re.search(r"^\s*rewrite ", _NGINX, re.MULTILINE)


def test_the_proxy_takes_bodies_as_large_as_the_processes_do() -> None:
    outer, inner, mail = (_bytes(size) for size in re.findall(r"client_max_body_size (\w+);", _NGINX))
    assert guard.LARGEST <= outer < 2 * guard.LARGEST
    assert inner == bodies.MOST_BYTES
    assert mail == email.MOST_BYTES


def test_the_proxy_lets_in_whatever_providers_post() -> None:
    places = re.findall(r"location (?:=|~) (\S+) \{", _NGINX)
    posted = {"/slack/events", "/twilio/inbound", "/twilio/status", "/vonage/inbound", "/email/events"}
    assert [path for path in sorted(posted) if not any(re.match(place, path) for place in places)] == []


def _bytes(size: str) -> int:
    return int(size[:-1]) * {"k": 1024, "m": 1024**2}[size[-1]]
