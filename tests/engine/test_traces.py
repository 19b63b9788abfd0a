"""Traces that no profiler wrote: whatever a board sends ends in figures or in a reason."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_orchestrator import traces
from farm_orchestrator.traces import TraceError

NODE: dict[str, Any] = {"cat": "Node", "name": "conv_kernel_time", "ts": 5, "dur": 4, "args": {"op_name": "Conv"}}
CALL: dict[str, Any] = {"cat": "Session", "name": "model_run", "ts": 3, "dur": 9, "args": {}}


def written(path: Path, *events: Any) -> Path:
    """As onnxruntime writes it: one event a line."""
    path.write_text("[\n" + ",\n".join(json.dumps(event) for event in events) + "\n]\n")
    return path


def test_calls_and_operators_are_taken_and_everything_else_is_left(tmp_path: Path) -> None:
    fence = {**NODE, "name": "conv_fence_before", "args": {"op_name": "Conv"}}
    other = {"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 1, "args": {}}
    found = traces.read(written(tmp_path / "trace", other, fence, NODE, CALL, {**NODE, "ts": 6}))
    assert found.nodes == (("conv", "Conv"),)
    assert found.runs.tolist() == [[3, 9]]
    assert found.events.tolist() == [[0, 5, 4], [0, 6, 4]]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({**NODE, "dur": -1}, "event 2 has no dur"),
        ({**NODE, "dur": 1.5}, "event 2 has no dur"),
        ({**NODE, "dur": True}, "event 2 has no dur"),
        ({**NODE, "ts": 2**53}, "event 2 has no ts"),
        ({**CALL, "ts": "now"}, "event 2 has no ts"),
        ({**NODE, "args": None}, "event 2 has no args"),
        ({**NODE, "args": {}}, "a name that is none"),
        ({**NODE, "args": {"op_name": ["Conv"]}}, "a name that is none"),
        ({**NODE, "name": "x" * 2000 + "_kernel_time"}, "longer than 1000 characters"),
        ({**NODE, "name": "a\0b_kernel_time"}, "a name that is none"),
        ({**NODE, "name": "\ud800_kernel_time"}, "a name that is none"),
        ([1, 2], "event 2 is no object"),
        (7, "event 2 is no object"),
    ],
)
def test_an_event_of_another_shape_is_named(tmp_path: Path, event: Any, why: str) -> None:
    with pytest.raises(TraceError, match=why):
        traces.read(written(tmp_path / "trace", CALL, event))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'[\n{"cat": "No', "event 1 cannot be read"),
        (b"[" * 100_000, "event 1 cannot be read"),
        (b'{"dur": NaN}', "NaN is no number"),
        (b'{"dur": ' + b"9" * 5000 + b"}", "event 1 cannot be read"),
        (b"\xff\xfe\x00", "event 1 cannot be read"),
        (b"x" * (traces.LINE_MAX + 1), "a line is longer than 256 kB"),
        (b"[\n" + json.dumps(CALL).encode() + b",\n" * 1 + (json.dumps(CALL).encode() + b",\n") * 100, "more than 100 calls"),
        (b"{},\n" * (traces.EVENTS_MAX + 1), "more than 1000000 events"),
    ],
    ids=["cut", "deep", "no number", "a huge number", "no text", "a long line", "calls", "events"],
)  # fmt: skip
def test_a_file_beyond_a_bound_is_named(tmp_path: Path, body: bytes, why: str) -> None:
    (tmp_path / "trace").write_bytes(body)
    with pytest.raises(TraceError, match=why):
        traces.read(tmp_path / "trace")


def test_more_operators_than_any_graph_has_are_named(tmp_path: Path) -> None:
    events = [{**NODE, "name": f"n{index}_kernel_time"} for index in range(traces.NODES_MAX + 1)]
    with pytest.raises(TraceError, match="more than 20000 operators"):
        traces.read(written(tmp_path / "trace", *events))


def test_names_that_would_fill_the_store_are_named(tmp_path: Path) -> None:
    events = [{**NODE, "name": f"{index:0>900}_kernel_time"} for index in range(traces.NAMES_MAX // 900 + 1)]
    with pytest.raises(TraceError, match="the names of its operators come to more than"):
        traces.read(written(tmp_path / "trace", *events))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "trace").open("wb") as file:
        file.truncate(traces.BYTES_MAX + 1)
    with pytest.raises(TraceError, match="larger than 128 MB"):
        traces.read(tmp_path / "trace")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*NODE, "op_name"]), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(st.lists(JSON | st.fixed_dictionaries({name: JSON | st.just(NODE[name]) for name in NODE}), max_size=6))
def test_whatever_json_comes_it_ends_in_figures_or_in_a_reason(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any]
) -> None:
    path = written(tmp_path_factory.mktemp("odd") / "trace", *events)
    with suppress(TraceError):
        assert traces.read(path).events.shape[1] == 3


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_whatever_bytes_come_it_ends_in_figures_or_in_a_reason(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    path = tmp_path_factory.mktemp("odd") / "trace"
    path.write_bytes(body)
    with suppress(TraceError):
        assert traces.read(path).runs.shape[1] == 2
