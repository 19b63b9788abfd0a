"""The orchestrator where there is no /proc, no /sys, no affinity, no epoll and none of Linux's socket options."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm_lab import lab
from farm_lab.places import Places
from lab_support import at, options
from macos_support import DIGITS, Mac

QUICK = ("--preset", "quick", "--max-blocks", "8")
TWO = (DIGITS / "fp32.onnx", DIGITS / "int8.onnx")
PACKAGES = ("farm_orchestrator", "farm_agents", "farm_lab", "farm_inventory", "farm_reports")
EVERY_MODULE = f"""
import importlib, pkgutil
for name in {PACKAGES!r}:
    for found in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        if not found.name.endswith(("__main__", "versions", "env")) and ".versions." not in found.name:
            importlib.import_module(found.name)
            print(found.name)
"""
IS_A_MAC = """
import os, select, socket, sys
print(sys.platform, os.uname().sysname, os.path.exists("/proc"), os.access("/sys", os.R_OK))
print([n for n in ("sched_getaffinity", "pipe2", "posix_fadvise") if hasattr(os, n)], hasattr(select, "epoll"))
print(hasattr(socket, "TCP_KEEPIDLE"))
try: open("/proc/self/stat")
except FileNotFoundError: print("no /proc")
"""
TUNED = """
import socket
from farm_orchestrator.transport import road
listener = socket.create_server(("127.0.0.1", 0))
one = road.direct({"name": "b", "host": "127.0.0.1", "port": listener.getsockname()[1], "ssh": {"connect_timeout_s": 5}}).sock
print(*(one.getsockopt(level, option) for level, option in (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    (socket.IPPROTO_TCP, socket.TCP_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT), (socket.IPPROTO_TCP, 18))))
one.close(), listener.close()
"""


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """A board with Linux, reached over ssh."""
    place = at(tmp_path_factory.mktemp("virtual"))
    lab.up(place, 1, options())
    yield place
    lab.down(place)


def unmeasured(document: Any) -> Iterator[Any]:
    """Every {"value": null, ...}."""
    if isinstance(document, dict):
        if "value" in document and document["value"] is None:
            yield document
        for each in document.values():
            yield from unmeasured(each)
    elif isinstance(document, list):
        for each in document:
            yield from unmeasured(each)


def test_the_processes_under_test_find_a_mac_with_and_without_isolation(mac: Mac) -> None:
    told = "darwin Darwin False False\n[] False\nFalse\nno /proc"
    assert mac.python_says(IS_A_MAC) == told
    assert mac.run("-c", IS_A_MAC).stdout.strip() == told


def test_every_module_can_be_imported(mac: Mac) -> None:
    said = mac.python_says(EVERY_MODULE).split()
    assert {"farm_agents.supervisor", "farm_lab.lab", "farm_orchestrator.tasks", "farm_reports.results"} <= set(said)


def test_help_and_the_lists_answer(mac: Mac) -> None:
    assert "doctor" in mac.farm("--help").stdout
    assert "this machine" in mac.farm("boards", "ls").stdout
    for words in (("runs",), ("schema", "results"), ("lab", "status")):
        assert mac.farm(*words).returncode == 0, words


def test_this_machine_is_measured_to_a_verdict_and_all_that_is_missing_has_a_reason(mac: Mac) -> None:
    done = mac.farm("run", *TWO, *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    (board,) = results["boards"]
    assert (results["verdict"], board["kernel"]) == ("measured", "Darwin 23.5.0")
    assert {cell["state"] for cell in results["cells"]} == {"measured"}
    assert all(cell["latency_ms"]["p50"]["value"] > 0 for cell in results["cells"])
    missing = {name: found["reason"] for name, found in board["capabilities"].items() if not found["ok"]}
    assert set(missing) >= {"affinity", "memory_peak", "run_queue", "clocks", "temperature", "dies_with_supervisor"}
    assert all(missing.values())
    assert {cell["peak_rss_bytes"]["reason"] for cell in results["cells"]} == {"this system has no /proc/self/status"}
    assert all(figure["reason"] for figure in unmeasured(results["cells"]))
    again = mac.farm("report", "last", "--json")
    assert (again.returncode, json.loads(again.stdout)["verdict"]) == (0, "measured"), again.stderr


def test_a_board_with_linux_is_measured_over_ssh_from_there(mac: Mac, virtual: Places) -> None:
    done = mac.farm("run", *TWO, *QUICK, "--inventory", virtual.inventory, "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["boards"][0]["kernel"].startswith("Linux")
    assert {cell["state"] for cell in results["cells"]} == {"measured"}
    assert all(cell["peak_rss_bytes"]["value"] for cell in results["cells"])


def test_a_board_is_recorded_from_there_and_a_mac_has_nothing_to_record(mac: Mac, virtual: Places) -> None:
    there = mac.farm("boards", "probe", "--record", "there.json", "--inventory", virtual.inventory)
    assert there.returncode == 0, there.stderr
    assert "sys/devices/system/cpu/online" in json.loads((mac.folder / "there.json").read_text())["entries"]
    here = mac.farm("boards", "probe", "--record", "here.json")
    assert here.returncode == 0, here.stderr
    assert json.loads((mac.folder / "here.json").read_text())["entries"] == {}


def test_the_doctor_finds_no_fault_in_a_mac(mac: Mac) -> None:
    done = mac.farm("doctor", "local", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    system = next(each for each in json_lines(said) if each.get("check") == "system")
    assert "Darwin 23.5.0" in str(system)


def json_lines(said: Any) -> list[dict[str, Any]]:
    return list(said if isinstance(said, list) else said["findings"])


def test_what_needs_linux_says_so(mac: Mac) -> None:
    up = mac.farm("lab", "up", "-n", "1")
    assert (up.returncode, "virtual boards need Linux" in up.stderr) == (2, True)
    laid = mac.farm("boards", "bootstrap", "local", "--check")
    assert "runs Darwin" in laid.stdout + laid.stderr


def test_two_agents_tell_the_same_process_by_the_same_text(mac: Mac, mac_python: Path) -> None:
    """Without /proc by `ps`, whose dates follow the zone of whoever asks."""
    ask = f"from farm_agents.lock import started; print(started({os.getpid()}))"
    here, there = mac.python_says(ask), Mac(mac_python, mac.folder, {"TZ": "Asia/Tokyo"}).python_says(ask)
    assert here == there != "None"


def test_a_connection_notices_a_dead_peer_with_what_a_mac_offers(mac: Mac) -> None:
    """The last of them is Linux's own time limit for unanswered bytes: not set."""
    assert mac.python_says(TUNED) == "1 1 2 2 3 0"


def test_a_key_is_enrolled_and_the_shells_answer_is_heard(mac: Mac, virtual: Places) -> None:
    boards = json.loads(json.dumps(_boards(virtual.inventory)))
    pinned = boards["vb001"].pop("fingerprint")
    (mac.folder / "fleet.yaml").write_text(json.dumps({"boards": boards}))
    words = ("vb001", "--inventory", "fleet.yaml")
    assert mac.farm("boards", "probe", *words).returncode == 4
    assert mac.farm("boards", "enroll", *words, "--fingerprint", pinned).returncode == 0
    assert "virtual board" in mac.farm("boards", "probe", *words).stdout


def _boards(file: Path) -> dict[str, dict[str, Any]]:
    from lab_support import inventory

    return inventory(Places(file.parent))
