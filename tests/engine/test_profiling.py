"""Profile launches through the real engine to the report: they come last, and nothing hangs on them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import engine_support as support
import profile_support
from engine_support import Farm, broken_promises, make_farm, running, tend, variant, wait_for, world_of
from farm_orchestrator import digest, store, tabled
from farm_orchestrator.lane import drain
from farm_orchestrator.model import PRESETS, Json, LaunchRow, Limits, State
from farm_orchestrator.store import Artefacts
from farm_reports import judge
from farm_reports.profiled import Operator, Profile
from farm_reports.results import Results

FACTS: Json = {
    "limits": {"limits": {}, "ship": [], "lines": {}}, "labels": None, "refused": [],
    "files": {}, "git": None, "farm_version": "0", "min_boards": 1, "baseline": "base",
}  # fmt: skip
ODD = ("cut", "mute", "odd", "shy")
BLOCKS = 8


def stood_in(folder: Path, *names: str, limits: Limits | None = None) -> Farm:
    """Launches take no time of their own, and a variant behaves under the profiler as its name says."""
    artefacts, models = Artefacts(folder / ".farm" / "cas"), folder / "models"
    models.mkdir(parents=True)
    ops = dict(zip(("base", *names), ("Abs", "Neg", "Sqrt", "Exp", "Tanh"), strict=False))
    arms = [variant(artefacts, models, name, op) for name, op in ops.items()]
    python = support.stand_in(folder / "stand-in")
    return make_farm(folder, python=python, variants=arms, blocks=BLOCKS, limits=limits, profile=True)


def drained(farm: Farm) -> Farm:
    """Slice after slice: on a busy machine one is over before the run is."""
    store.attach(farm.store, support.RUN, 600.0)
    with world_of(farm) as world:
        again = ["b0"]
        while again:
            drain(again.pop(), world, again.append)
    store.close_finished(farm.store)
    return farm


def reported(farm: Farm) -> Results:
    found = tabled.read(farm.store, support.RUN)
    store.compact(farm.folder, [found.launches])
    return judge.results(tabled.tables(replace(found, run=replace(found.run, facts=FACTS)), {}, {}))


def profile(results: Results, name: str) -> Profile:
    return next(each for each in results.profiles if each.variant == name)


def rounded(row: Operator) -> Operator:
    return row.model_copy(update={name: round(getattr(row, name), 9) for name in ("ms", "low_ms", "share")})


def ended(farm: Farm) -> list[LaunchRow]:
    return sorted(farm.rows(), key=lambda row: row.t0 or 0)


@dataclass(frozen=True)
class Ended:
    """A run at its end, and what is judged of it."""

    farm: Farm
    results: Results

    def profile(self, name: str) -> Profile:
        return profile(self.results, name)


def ended_run(farm: Farm) -> Iterator[Ended]:
    """Its store outlives the test that asked for it first."""
    support.OPENED.remove(farm.store)
    yield Ended(drained(farm), reported(farm))
    farm.store.close()


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    yield from ended_run(stood_in(tmp_path_factory.mktemp("odd"), *ODD))


def test_they_come_after_all_blocks_and_after_those_that_confirm(tmp_path: Path) -> None:
    farm = drained(stood_in(tmp_path, "slow", limits=Limits({"latency_p50": "3x"}, ship=("slow",))))
    assert [row.phase for row in ended(farm)] == [0] * 3 + [3] * 16 + [6] * 32 + [4] * 2
    assert broken_promises(farm) == []


def test_one_that_fails_under_the_profiler_only_is_measured_all_the_same(odd: Ended) -> None:
    results = odd.results
    assert {cell.state for cell in results.cells} == {"measured"}
    assert [row.state for row in odd.farm.rows(phase=4, variant="shy")] == [State.FAILED], "and it is not tried again"
    assert store.load_run(odd.farm.store, support.RUN).state == "closed"
    told = profile(results, "shy")
    assert told.reason == "it failed while it was profiled: slot: CRASH(SIGSEGV): only while it is watched"
    assert (told.operators, told.anchored, told.trace) == ([], None, None)


def test_the_time_is_scaled_to_the_median_without_profiling(odd: Ended) -> None:
    told = odd.profile("base")
    assert [rounded(each) for each in told.operators] == [
        Operator(anchor="y", op="Abs", nodes=1, ms=0.75, low_ms=0.75, share=0.75),
        Operator(anchor=None, op="ReorderOutput", nodes=1, ms=0.25, low_ms=0.25, share=0.25),
    ]
    assert (told.iterations, told.anchored, told.original) == (50, 0.75, "base")
    assert told.slowdown == pytest.approx(2.0)
    assert told.note == "The nodes of base have no names: its operators are led back to tensors, where they can be."


def test_a_trace_that_lacks_calls_is_a_finding_and_what_is_there_counts(odd: Ended) -> None:
    results = odd.results
    told = profile(results, "cut")
    assert told.iterations == 41
    assert told.note is not None
    assert told.note.startswith("The trace holds 46 calls of 55.")
    found = {
        cell.variant: [each.name for each in cell.findings if each.name == "PROFILE_CUT"] for cell in results.cells
    }
    assert found == {"base": [], "cut": ["PROFILE_CUT"], "mute": [], "odd": [], "shy": []}


def test_no_trace_and_one_that_is_none_are_reasons(odd: Ended) -> None:
    results = odd.results
    assert profile(results, "mute").reason == "the board sent no trace"
    assert profile(results, "mute").trace is None
    assert str(profile(results, "odd").reason).startswith("its trace cannot be used: event 1 cannot be read")
    assert profile(results, "odd").trace, "for whoever wants to see what it is"


def test_the_figures_can_be_computed_again_from_the_launches_table(odd: Ended) -> None:
    results = odd.results
    table = pq.read_table(odd.farm.folder / "launches.parquet").to_pylist()
    rows = {row["variant"]: json.loads(row["facts"]) for row in table if row["kind"] == "profile"}
    assert {row["phase"] for row in table if row["kind"] == "profile"} == {4}
    nodes = rows["base"]["profile"]["nodes"]
    total = sum(us for _, _, us, _, _ in nodes)
    shares = {op: us / total for _, op, us, _, _ in nodes}
    assert shares == {each.op: each.share for each in profile(results, "base").operators}


def test_a_worker_that_dies_while_it_profiles_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    farm = stood_in(tmp_path, "other")
    hold = farm.hold("b0").with_name("hold-profile")
    with running(farm) as engine:
        hold.parent.mkdir(parents=True, exist_ok=True)
        hold.touch()
        wait_for(lambda: farm.rows(phase=4, state=State.RUNNING), "a profile launch", tend(farm, engine))
        engine.worker.send_signal(signal.SIGKILL)
        engine.worker.wait()
        hold.unlink()
        support.finish(farm, engine)
    assert broken_promises(farm) == []
    assert {row.outcome for row in farm.rows(state=State.LOST)} == {"worker_lost"}
    assert sorted(row.variant for row in farm.rows(phase=4, state=State.DONE)) == ["base", "other"]


def test_a_cancelled_run_skips_them_and_a_resumed_one_takes_them_up(tmp_path: Path) -> None:
    farm = stood_in(tmp_path, "other")
    hold = farm.hold("b0").with_name("hold-profile")
    with running(farm) as engine:
        hold.parent.mkdir(parents=True, exist_ok=True)
        hold.touch()
        wait_for(lambda: farm.rows(phase=4, state=State.RUNNING), "a profile launch", tend(farm, engine))
        store.cancel(farm.store, support.RUN)
        wait_for(lambda: not farm.rows(phase=4, state=State.RUNNING), "its end")
        assert {row.state for row in farm.rows(phase=4)} == {State.CANCELLED}
        told = reported(farm)
        assert {each.reason for each in told.profiles} == {"not yet"}
        assert {cell.state for cell in told.cells} == {"measured"}
        hold.unlink()
        store.detach(farm.store, support.RUN)
        store.resume(farm.store, support.RUN)
        support.finish(farm, engine)
    assert sorted(row.variant for row in farm.rows(phase=4, state=State.DONE)) == ["base", "other"]


# The real thing: onnxruntime's own profiler on graphs that its optimiser has rewritten.


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    folder = tmp_path_factory.mktemp("real")
    artefacts = Artefacts(folder / ".farm" / "cas")
    arms = profile_support.arms(artefacts, folder / "models")
    recipe = replace(PRESETS["quick"], compare=False)  # a launch of each is enough to hold its profile against
    yield from ended_run(make_farm(folder, variants=arms, blocks=1, recipe=recipe, profile=True))


def test_the_time_of_the_original_leads_back_to_its_nodes(real: Ended) -> None:
    told = real.profile("fp32")
    assert told.reason is None
    assert (told.iterations, told.original) == (50, "fp32")
    assert told.anchored is not None
    assert told.anchored >= 0.85
    anchors = [each.anchor for each in told.operators if each.op == "Conv"]
    assert sorted(map(str, anchors)) == [f"/body/conv{index}" for index in range(profile_support.LAYERS)]
    assert not any(each.tiny for each in told.operators if each.anchor == "/body/conv1")


def test_what_the_original_does_not_have_is_glue_and_the_rest_stands_for_its_nodes(real: Ended) -> None:
    told = real.profile("int8")
    glue = {each.op for each in told.operators if each.anchor is None}
    assert glue & {"QuantizeLinear", "Transpose", "DequantizeLinear", "ReorderOutput"}
    assert told.original == "fp32"
    assert told.anchored is not None
    assert 0.5 < told.anchored < 1.0
    assert {each.anchor for each in told.operators if each.op == "QLinearConv"} == {
        f"/body/conv{index}" for index in range(profile_support.LAYERS)
    }


def test_all_operators_of_a_variant_add_up_to_its_median(real: Ended) -> None:
    results = real.results
    for cell in results.cells:
        told = profile(results, cell.variant)
        assert sum(each.ms for each in told.operators) == pytest.approx(cell.latency_ms.p50.value)
        assert sum(each.share for each in told.operators) == pytest.approx(1.0)
        assert all(each.low_ms <= each.ms for each in told.operators)
        assert [each.ms for each in told.operators] == sorted((each.ms for each in told.operators), reverse=True)


def test_the_trace_lies_in_the_runs_folder_as_the_board_sent_it(real: Ended) -> None:
    rows = {row.variant: row for row in real.farm.rows(phase=4)}
    for each in real.results.profiles:
        row = rows[each.variant]
        assert each.trace == f"traces/b0.{each.variant}.{row.id}.json"
        path = real.farm.folder / each.trace
        assert digest.afresh(path) == row.facts["outputs"]["sha256"]
        assert path.stat().st_size == row.facts["outputs"]["size"]
        assert isinstance(json.loads(path.read_text()), list)


def test_a_variant_without_names_leads_back_by_its_tensors(real: Ended) -> None:
    told = real.profile("bare")
    assert (told.original, told.note) == ("fp32", None)
    assert told.anchored is not None
    assert told.anchored >= 0.85


def test_a_graph_that_was_not_made_from_the_baseline_is_told_by_its_own_nodes(real: Ended) -> None:
    told = real.profile("other")
    assert told.original == "other"
    assert told.anchored is not None
    assert told.anchored >= 0.85
    assert told.note == "Its operators are not those of fp32, so they are named after its own graph."


def test_no_timed_launch_had_the_profiler_on(real: Ended) -> None:
    table = pq.read_table(real.farm.folder / "launches.parquet", columns=["kind", "facts", "t0", "t1"]).to_pylist()
    on = {(row["kind"], json.loads(row["facts"])["options"]["profiling"]) for row in table}
    assert on == {("measure", False), ("evaluate", False), ("profile", True)}
    timed = max(row["t1"] for row in table if row["kind"] != "profile")
    assert timed <= min(row["t0"] for row in table if row["kind"] == "profile")
