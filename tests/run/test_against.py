"""`farm run --against` and `--changed`: old files run again beside the new ones, on this machine, end to end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from farm_orchestrator import config
from farm_orchestrator import store as stored
from farm_orchestrator.store import LastGood
from nightly_support import schedule
from run_support import QUICK, Desk, Said

ROWS, SIZE = 32, 128


def model(path: Path, layers: int) -> None:
    """So many multiplications one after the other."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(SIZE, SIZE)).astype(np.float32) / SIZE for _ in range(layers)]
    names = ["x", *(f"y{index}" for index in range(layers))]
    nodes = [helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]], name=f"m{i}") for i in range(layers)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [ROWS, SIZE]) for name in (names[0], names[-1])]
    weighed = [numpy_helper.from_array(each, f"w{index}") for index, each in enumerate(weights)]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], weighed)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(exist_ok=True)
    onnx.save(made, path)


def variants(folder: Path, **layers: int) -> Path:
    for name, count in layers.items():
        model(folder / f"{name}.onnx", count)
    return folder


@dataclass(frozen=True)
class Past:
    """A desk with an earlier run, and a newer one that was held against it."""

    desk: Desk
    before: str
    said: Said

    @property
    def results(self) -> Any:
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8"))

    @property
    def folder(self) -> Path:
        return self.desk.runs()[-1]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """`chain` became three times as long; `fp32` is the file it was; `fresh` was not there."""
    folder = tmp_path_factory.mktemp("against")
    desk = Desk(folder)
    variants(folder / "before", fp32=8, chain=6)
    variants(folder / "after", fp32=8, chain=18, fresh=4)
    first = desk.farm("run", folder / "before", *QUICK, "-q")
    assert first.code == 0, first.err
    before = desk.runs()[0].name
    said = desk.farm(
        "run", folder / "after", *QUICK, "--against", "last", "--budget", "latency_p50=+50%", "--budget", "size=+1%"
    )
    return Past(desk, before, said)


def test_a_file_that_is_slower_than_it_was_fails_the_run(past: Past) -> None:
    assert past.said.code == 1, past.said.err
    found = past.results
    assert (found["verdict"], found["run"]["against"]) == ("regressed", past.before)
    told = {cell["variant"]: cell["versus_past"] for cell in found["cells"]}
    assert (told["chain"]["verdict"], told["chain"]["basis"]) == ("regressed", "blocks")
    assert told["chain"]["ratio"] > 1.5
    assert told["chain"]["past_run"] == past.before
    assert "chain on local: median latency +" in found["sentence"]


def test_before_it_starts_it_says_what_runs_again_and_what_does_not(past: Past) -> None:
    assert f"against {past.before}: the old file of chain runs again in the same blocks" in past.said.err
    assert "the very file of then, so not measured twice: fp32" in past.said.err
    assert (
        f"without a past: fresh on local (run {past.before} has no file of fresh that could run here)" in past.said.err
    )


def test_each_old_file_ran_in_the_blocks_of_the_new(past: Past) -> None:
    rows = [row for row in past.desk.launches() if row["run"] == past.folder.name and row["phase"] == 3]
    blocks: dict[int, set[str]] = {}
    for row in rows:
        blocks.setdefault(row["block"], set()).add(row["variant"])
    assert len(blocks) >= 8
    assert all(names == {"fp32", "chain", "fresh", "chain@past"} for names in blocks.values())
    digests = {row["variant"]: row["sha256"] for row in rows}
    assert digests["chain@past"] != digests["chain"]


def test_budgets_of_the_command_are_gates_of_the_run(past: Past) -> None:
    gates = {gate["metric"]: gate for gate in past.results["gates"]}
    assert (gates["latency_p50"]["bound"], gates["latency_p50"]["verdict"]) == ("+50%", "failed")
    assert (gates["size"]["bound"], gates["size"]["verdict"]) == ("+1%", "failed")
    plan = json.loads((past.folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["gates"]["gated_comparisons"] == 1, "a size needs no interval"


def test_the_page_tells_what_changed_and_shows_no_past_as_a_variant(past: Past) -> None:
    page = (past.folder / "report.html").read_text(encoding="utf-8")
    assert "What changed" in page
    assert "A regression of the runtime itself is not seen this way." in page
    assert not re.search(r"<(th|b|td|span)[^>]*>[^<]*@past", page), "it is named where a dropped block is, nowhere else"
    assert [one["name"] for one in past.results["variants"]] == ["chain", "fp32", "fresh"]


def test_the_same_report_is_made_again_from_what_is_stored(past: Past) -> None:
    before = past.results
    assert past.desk.farm("report", past.folder.name).code == 1
    assert past.results == before


def test_exports_know_of_the_past(past: Past) -> None:
    said = past.desk.farm("report", past.folder.name, "--format", "summary")
    assert f"Against {past.before}: 1 regressed" in said.out
    assert "1 unchanged" in said.out


def test_a_dry_run_shows_what_would_run_again(past: Past) -> None:
    said = past.desk.farm("run", past.desk.folder / "after", *QUICK, "--against", past.before, "--dry-run")
    assert said.code == 0
    assert "the old file of chain runs again" in said.out
    assert len(past.desk.runs()) == 2


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--against", "nobody"), "there is no run 'nobody'"),
        (("--against", "last-good"), "was ever good"),
        (("--against", "last-good:tail"), "there is no schedule 'tail'"),
        (("--against", "last-good:"), "the name of a schedule is missing"),
        (("--budget", "latency_p50=+3%"), "no past is named"),
        (("--against", "last", "--budget", "latency_p50=3ms"), "must be a change against the past"),
        (("--against", "last", "--budget", "speed=+3%"), "'speed' cannot be limited"),
        (("--against", "last", "--preset", "mlperf"), "nothing can be held against its past"),
        (("--against", "last", "--pin", "sweep"), "at one clock"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_says_how_to_mend_it(past: Past, flags: tuple[str, ...], text: str) -> None:
    said = past.desk.farm("run", past.desk.folder / "after", *flags)
    assert said.code == 2
    assert text in said.err
    assert "Traceback" not in said.err


def test_an_old_file_that_is_gone_is_told_with_what_to_do(past: Past, tmp_path: Path) -> None:
    with stored.Store.open(config.load(cwd=past.desk.folder, env={}).store) as store:
        part = stored.part_rows(store, past.before)[0].part
    file = next(one for one in part.variants if one.name == "chain").files[0].sha256
    kept = past.desk.state / "cas" / file[:2] / file
    kept.rename(tmp_path / "away")
    try:
        said = past.desk.farm("run", past.desk.folder / "after", *QUICK, "--against", past.before, "--dry-run")
    finally:
        (tmp_path / "away").rename(kept)
    assert said.code == 2
    assert f"the old file of chain from run {past.before} is gone" in said.err
    assert f"farm compare {past.before}" in said.err


def test_a_run_with_a_past_of_its_own_is_not_compared_again(past: Past) -> None:
    said = past.desk.farm("compare", past.before, past.folder.name)
    assert said.code == 2
    assert f"was itself held against {past.before}" in said.err


# What was good last.


@pytest.fixture
def good(past: Past) -> Iterator[list[LastGood]]:
    """The earlier run as an accepted night left it."""
    settings = config.load(cwd=past.desk.folder, env={})
    with stored.Store.open(settings.store) as store:
        part = stored.part_rows(store, past.before)[0].part
        moves = [
            LastGood(one.name, part.name, point.key, one.sha256, None, past.before)
            for one in part.variants for point in part.points
        ]  # fmt: skip
        if "head" not in stored.schedule_names(store):
            stored.add_schedule(store, schedule())
        stored.move_last_good(store, "head", moves)
        yield stored.last_good(store)


@pytest.mark.usefixtures("good")
def test_last_good_is_a_past_too(past: Past) -> None:
    said = past.desk.farm("run", past.desk.folder / "after", *QUICK, "--against", "last-good", "--dry-run")
    assert said.code == 0, said.err
    assert "against the last good night: the old file of chain runs again in the same blocks" in said.out
    said = past.desk.farm("run", past.desk.folder / "after", *QUICK, "--against", "last-good:head", "--dry-run")
    assert said.code == 0, said.err
    assert "against the last good night of head: the old file of chain runs again in the same blocks" in said.out


@pytest.mark.usefixtures("good")
def test_where_nothing_changed_nothing_is_measured_and_nothing_is_wrong(past: Past) -> None:
    count = len(past.desk.runs())
    said = past.desk.farm("run", past.desk.folder / "before", *QUICK, "--changed")
    assert (said.code, len(past.desk.runs())) == (0, count)
    assert f"nothing to measure: all 2 cells are what was good last (run {past.before})" in said.out


@pytest.mark.usefixtures("good")
def test_only_what_changed_is_measured_and_the_baseline_beside_it(past: Past) -> None:
    folder = variants(past.desk.folder / "one", fp32=8, chain=6, other=5)
    said = past.desk.farm("run", folder, *QUICK, "--changed", "--json", "-q")
    assert said.code == 0, said.err
    cells = {cell["variant"]: (cell["state"], cell["reason"]) for cell in said.results["cells"]}
    assert cells["chain"] == ("not_run", f"unchanged since run {past.before}")
    assert {cells["fp32"][0], cells["other"][0]} == {"measured"}
    assert said.results["verdict"] == "measured"
