"""Launches through a real supervisor on boards that are held back in the slot, that are not, and that cannot tell."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
import pin_support as clocks
from agents_support import Client
from farm_agents import throttle, wire
from farm_lab import synthetic
from sampler_support import tree

Start = Callable[..., Client]
LONG = {"slot_s": 1.0, "slot_cap_s": 3.0}
TIMES = f"{clocks.POLICY}/stats/time_in_state"
CALM = {"speed": 1.0, "temp_mc": 50_000, "cool": 0, "khz": 2_400_000, "high_khz": 2_400_000, "low_khz": 600_000,
        "changes": 0, "governor": "schedutil"}  # fmt: skip
HOT = {**CALM, "speed": 0.5, "temp_mc": 61_000, "cool": 2, "khz": 1_500_000, "high_khz": 1_500_000}


@pytest.fixture
def board_tree(tmp_path: Path) -> Path:
    return clocks.lay(tmp_path / "tree")


def put(file: Path, text: str) -> None:
    """At once: whoever reads it meanwhile finds the old text or the new one."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)


@contextmanager
def keeping_on(act: Callable[[int], None]) -> Iterator[None]:
    """Something goes on beside a launch, twenty times a second."""
    over = threading.Event()

    def work() -> None:
        count = 0
        while not over.wait(0.05):
            count += 1
            act(count)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def begun(start: Start, root: Path, *arguments: str) -> Client:
    client = start(*arguments)
    assert isinstance(client.open(sysroot=str(root), deadman_s=parts.PATIENCE_S), wire.Hello)
    return client


def begin(client: Client, tmp_path: Path, **point: Any) -> None:
    client.start(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz"), recipe=LONG, point=point)


def facts(client: Client) -> dict[str, Any]:
    return client.hear().done.facts


def test_a_board_whose_cooling_takes_clock_away_is_confirmed(start: Start, board_tree: Path, tmp_path: Path) -> None:
    client = begun(start, board_tree)
    begin(client, tmp_path)
    client.until("slot")
    put(board_tree / clocks.COOLER, "2\n")
    found = facts(client)
    told = found["throttle"]
    (evidence,) = [one for one in told["evidence"] if one["source"] == "cooling.cpufreq-cpu0"]
    assert (told["verdict"], evidence["kind"], evidence["after"]) == ("confirmed", "state", 2)
    assert evidence["t_first_ns"] <= found["slot_t1_ns"]
    assert "edges" not in found


def test_a_calm_board_is_not_accused(start: Start, board_tree: Path, tmp_path: Path) -> None:
    client = begun(start, board_tree)
    begin(client, tmp_path)
    found = facts(client)
    assert found["throttle"] == {"verdict": "none", "evidence": [], "before": False}
    assert found["time_in_state"] == {"policy0": {}}
    assert (found["eff_khz"], "simulated" in found["eff_khz_reason"]) == (None, True)


def test_a_pinned_clock_that_strays_in_the_slot_is_confirmed(start: Start, board_tree: Path, tmp_path: Path) -> None:
    client = begun(start, board_tree)
    with keeping_on(lambda count: put(board_tree / TIMES, f"600000 {count}\n1800000 0\n2400000 {1000 + 4 * count}\n")):
        begin(client, tmp_path, pin="max")
        found = facts(client)
    told = found["throttle"]
    (evidence,) = told["evidence"]
    assert (told["verdict"], evidence["source"], evidence["kind"]) == ("confirmed", "policy0", "counter")
    assert (evidence["before"], evidence["after"]) == (2_400_000, 600_000)
    assert set(found["time_in_state"]["policy0"]) == {"600000", "2400000"}


def test_a_board_that_nothing_tells_of_is_unknown_with_its_reason(start: Start, tmp_path: Path) -> None:
    cpus = f"0-{os.cpu_count()}"
    client = begun(start, Path(tree(tmp_path / "tree", {"sys/devices/system/cpu/online": cpus}).root))
    begin(client, tmp_path)
    found = facts(client)
    assert found["throttle"] == {"verdict": "unknown", "evidence": [], "before": None}
    assert found["throttle_reason"] == throttle.NO_SOURCE
    assert found["time_in_state"] is None
    assert found["time_in_state_reason"]


@pytest.mark.parametrize(
    ("changes", "sources"),
    [
        (HOT, {"cooling.cpufreq", "policy0.max"}),
        ({**CALM, "cool": None, "bits": 0x40004, "speed": 0.5}, {"throttled_bits"}),
        (CALM, set()),
    ],
    ids=["kernel", "firmware", "calm"],
)
def test_the_slot_of_a_stand_in_on_a_heating_board_is_judged_too(
    start: Start, board_tree: Path, tmp_path: Path, changes: dict[str, Any], sources: set[str]
) -> None:
    truth, weather = tmp_path / "truth.json", tmp_path / "weather.json"
    truth.write_text("{}")
    weather.write_text(json.dumps({**CALM, "bits": 0} if "bits" in changes else CALM))
    words = [sys.executable, "-IS", synthetic.__file__, str(truth), "vb001", "1", "--weather", str(weather)]
    runner = parts.script(tmp_path / "stand-in", f"import os\nos.execv({words[0]!r}, {words!r})\n")
    client = begun(start, board_tree, "--runner", str(runner))
    begin(client, tmp_path)
    client.until("slot")
    put(weather, json.dumps(changes))
    found = facts(client)
    told = found["throttle"]
    assert {one["source"] for one in told["evidence"] if one["kind"] == "state"} == sources
    assert told["verdict"] == ("confirmed" if sources else "none" if changes is CALM else "suspected")
    assert found["eff_khz"] is None
