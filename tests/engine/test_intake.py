"""What is believed of an agent's words, and how they become arrays."""

from typing import Any

import numpy as np
import pytest

from farm_agents import wire
from farm_orchestrator.intake import BYTES_MAX, SAMPLES_MAX, Answer, Intake, check_json

LAUNCH = "7.3"
DONE = wire.Done(LAUNCH, {"n": 4})


def taken(kind: str, *messages: wire.Message) -> Answer | None:
    intake = Intake(LAUNCH, kind)
    answer = None
    for message in messages:
        answer = intake.take(message, 100)
    return answer


def samples(first: int, *latency_ns: int, delays: list[int] | None = None, t0_ns: int = 1000) -> wire.Samples:
    return wire.Samples(LAUNCH, first, t0_ns, list(latency_ns), delays)


def test_chunks_become_one_array_that_starts_at_the_first_chunk() -> None:
    answer = taken("measure", samples(0, 5, 6), wire.Beat(1), samples(2, 7, 8, t0_ns=9999), DONE)
    assert answer is not None
    assert answer.t0_ns == 1000
    assert answer.latency_ns.dtype == np.int64
    assert answer.latency_ns.tolist() == [5, 6, 7, 8]
    assert answer.start_delay_ns is None


def test_start_delays_go_with_their_samples() -> None:
    answer = taken("measure", samples(0, 5, delays=[1]), samples(1, 6, delays=[2]), DONE)
    assert answer is not None
    assert answer.start_delay_ns is not None
    assert answer.start_delay_ns.tolist() == [1, 2]


def test_a_launch_goes_on_until_done_or_failed() -> None:
    assert taken("measure", samples(0, 5)) is None
    failed = taken("measure", wire.Failed(LAUNCH, "load", "INVALID_GRAPH", "no such operator"))
    assert failed is not None
    assert isinstance(failed.end, wire.Failed)


@pytest.mark.parametrize("kind", ["evaluate", "profile"])
def test_an_evaluation_and_a_profile_have_a_file_and_no_samples(kind: str) -> None:
    outputs = wire.Outputs(LAUNCH, "outputs.npz", 5, "0" * 64)
    answer = taken(kind, outputs, DONE)
    assert answer is not None
    assert answer.outputs == outputs
    assert answer.latency_ns.size == 0


@pytest.mark.parametrize(
    ("kind", "message", "why"),
    [
        ("measure", samples(1, 5), "expected 0"),
        ("measure", samples(0, -1), "outside"),
        ("measure", samples(0, 2**63), "outside"),
        ("measure", samples(0, 5, delays=[1, 2]), "differ in length"),
        ("measure", samples(0, *[1] * (SAMPLES_MAX + 1)), "more than 1000000 samples"),
        ("measure", wire.Samples("8.3", 0, 0, [1]), "another launch"),
        ("measure", wire.Ready([]), "no place in a launch"),
        ("measure", wire.Job(LAUNCH, "measure", {}, {}, {}, {}, 1.0), "not the agent's"),
        ("measure", DONE, "without a sample"),
        ("measure", wire.Outputs(LAUNCH, "a", 5, "0" * 64), "kind measure"),
        ("evaluate", samples(0, 5), "kind evaluate"),
        ("evaluate", wire.Outputs(LAUNCH, "../a", 5, "0" * 64), "../a"),
        ("evaluate", wire.Outputs(LAUNCH, ".a", 5, "0" * 64), ".a"),
        ("evaluate", wire.Outputs(LAUNCH, "a\n", 5, "0" * 64), "name"),
        ("evaluate", wire.Outputs(LAUNCH, "a", 5, "0" * 64 + "\n"), "sha256"),
        ("evaluate", wire.Outputs(LAUNCH, "a", 1 << 40, "0" * 64), "bytes"),
        ("profile", samples(0, 5), "kind profile"),
        ("profile", wire.Outputs(LAUNCH, "a", (128 << 20) + 1, "0" * 64), "bytes"),
        ("evaluate", wire.Readings(LAUNCH, [{"t_ns": True, "source": "x"}]), "t_ns"),
        ("evaluate", wire.Readings(LAUNCH, [{"t_ns": 1, "source": None}]), "source"),
        ("evaluate", wire.Readings(LAUNCH, [{"t_ns": 1, "source": "x", "value": "1"}]), "no number"),
        ("evaluate", wire.Done(LAUNCH, {}, [{"name": "X", "text": None}]), "text of a finding"),
        ("evaluate", wire.Failed(LAUNCH, "load", "K", "\ud800"), "cannot be stored"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_the_bound(kind: str, message: wire.Message, why: str) -> None:
    with pytest.raises(wire.WireError, match=why):
        taken(kind, message)


def test_only_some_samples_with_a_delay_are_refused() -> None:
    with pytest.raises(wire.WireError, match="only some"):
        taken("measure", samples(0, 5, delays=[1]), samples(1, 6), DONE)


def test_outputs_are_sent_once() -> None:
    outputs = wire.Outputs(LAUNCH, "outputs.npz", 5, "0" * 64)
    with pytest.raises(wire.WireError, match="twice"):
        taken("evaluate", outputs, outputs)


def test_an_endless_launch_is_refused_by_its_bytes() -> None:
    with pytest.raises(wire.WireError, match="bytes in one launch"):
        Intake(LAUNCH, "measure").take(wire.Beat(1), BYTES_MAX + 1)


@pytest.mark.parametrize(
    "value",
    [{"a": {"b": [1, None, True, "text", 1.5]}}, {}, [[[]]], {"n": 2**63 - 1}],
)
def test_ordinary_facts_are_believed(value: Any) -> None:
    check_json(value, "facts")


@pytest.mark.parametrize(
    "value",
    [{"n": 2**63}, {"n": -1e300}, {"a\0": 1}, {"a": "\udfff"}, {"a": [0] * 10_001}, {"a": "x" * 70_000},
     [[[[[[[[[[1]]]]]]]]]]],
)  # fmt: skip
def test_facts_that_no_database_can_hold_are_refused(value: Any) -> None:
    with pytest.raises(wire.WireError, match="facts"):
        check_json(value, "facts")
