"""Profile launches through a real agent, a real runner and a real onnxruntime."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import profile, wire

Start = Callable[..., Client]


def test_the_trace_tells_of_every_call_and_its_digest_is_that_of_the_file(
    client: Client, board: Board, mlp: Path, ones: Path
) -> None:
    launch = client.launch(mlp, ones, kind="profile")
    assert launch.stages == ["import", "verify", "load", "bind", "first", "warmup", "slot", "send"]
    (said,) = launch.of(wire.Outputs)
    path = board.base / "scratch" / said.launch / said.name
    assert (parts.sha256(path.read_bytes()), path.stat().st_size) == (said.sha256, said.size)
    events = json.loads(path.read_text())
    assert sum(event["name"] == "model_run" for event in events) == launch.done.facts["calls"] == 55
    assert launch.done.facts["n"] == 50
    assert launch.done.facts["options"]["profiling"] is True
    assert launch.latency_ns == []
    assert [file.name for file in path.parent.iterdir()] == [said.name]


@pytest.mark.parametrize("kind", ["measure", "evaluate"])
def test_no_other_launch_has_the_profiler_on(client: Client, board: Board, mlp: Path, ones: Path, kind: str) -> None:
    launch = client.launch(mlp, ones, kind=kind)
    assert launch.done.facts["options"]["profiling"] is False
    names = {path.name for path in (board.base / "scratch").glob("1.1/*")}  # an empty folder is gone
    assert names == ({"outputs.npz"} if kind == "evaluate" else set())


def test_a_variant_that_cannot_be_loaded_fails_as_anywhere(client: Client, mlp: Path, ones: Path) -> None:
    mlp.write_bytes(mlp.read_bytes()[:-2000])
    failed = client.launch(mlp, ones, kind="profile").failed
    assert (failed.stage, failed.kind) == ("load", "INVALID_GRAPH")


@pytest.mark.parametrize(
    ("operators", "calls"), [({"CPU": 11}, 50), ({"CPU": 1000, "NPU": 680}, 29), ({"CPU": 90_000}, 10), (None, 20)]
)
def test_there_are_as_many_calls_as_the_trace_has_room_for(operators: dict[str, int] | None, calls: int) -> None:
    assert profile.calls(operators) == calls


class Slow:
    """Of a session the two things that a call needs; time goes by with every call."""

    def __init__(self, ticks: list[float]) -> None:
        self.binding: Any = None
        self.call = lambda _: ticks.append(ticks[-1] + 10.0)


def test_a_slow_model_ends_with_its_time_but_not_before_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = [0.0]
    monkeypatch.setattr("farm_agents.profile.time.monotonic", lambda: ticks[-1])
    session: Any = Slow(ticks)
    assert profile.call(session, 50, until=60.0) == profile.LEAST
    assert profile.call(session, 50, until=ticks[-1] + 200.0) == 21
    assert profile.call(session, 3) == 3
