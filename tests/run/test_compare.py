"""`farm compare`: a real run held against an earlier one, by id and by path; what cannot be compared says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator.cli import call
from run_support import DIGITS, QUICK, Desk, Said

EARLIER = "20260101-000000-abcd"
YAML = """
baseline: fp32
budgets: {latency_p50: +900%}
"""
Document = dict[str, Any]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with one run, and what an earlier one of the same board would have left in `before`."""
    made = Desk(tmp_path_factory.mktemp("compare"))
    models = made.folder / "models"
    models.mkdir()
    for name in ("fp32", "int8"):
        shutil.copyfile(DIGITS / f"{name}.onnx", models / f"{name}.onnx")
    (models / "variants.yaml").write_text(YAML)
    ran = made.farm("run", "--variants", models, *QUICK, "--name", "now", "--out", "now")
    assert ran.code == 0, ran.err
    earlier(made, "before", unchanged)
    return made


@pytest.fixture
def here(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The command at that desk, in the process of the test."""
    monkeypatch.chdir(desk.folder)

    def compare(*arguments: str) -> Said:
        code = call(["compare", *arguments])
        return Said(code, *capsys.readouterr())

    return compare


def earlier(desk: Desk, name: str, edit: Callable[[Document], None]) -> Path:
    """The run's folder as an artefact of three days before, with its document edited."""
    folder = desk.folder / name
    shutil.copytree(desk.folder / "now", folder, dirs_exist_ok=True)
    document = json.loads((folder / "results.json").read_text())
    document["run"].update(id=EARLIER, created="2026-01-01T00:00:00Z", name="then")
    edit(document)
    (folder / "results.json").write_text(json.dumps(document))
    return folder


def unchanged(_: Document) -> None:
    """As it was measured."""


def faster(document: Document) -> None:
    """int8 took a tenth of the time it takes now."""
    for cell in document["cells"]:
        if cell["variant"] == "int8":
            for end in ("ratio", "low", "high"):
                cell["versus_baseline"][end] /= 20


def digests(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_run_against_its_like_has_no_regression_and_both_stay_as_they_are(desk: Desk) -> None:
    (run,) = desk.runs()
    before, now = digests(desk.folder / "before"), digests(run)
    said = desk.farm("compare", "before", "last")
    assert said.code == 0, said.err
    assert said.out.startswith("### \u2705 Passed: No regression in 2 comparisons; the smallest change")
    folder = run / "compared" / EARLIER
    assert f"report: {folder.relative_to(desk.folder)}" in said.out or f"report: {folder}" in said.out
    assert (digests(desk.folder / "before"), digests(run)) == (before, now)
    kept = {
        "report.html",
        "report.css",
        "results.json",
        "summary.md",
        "junit.xml",
        "samples.parquet",
        "launches.parquet",
    }
    assert kept <= {path.name for path in folder.iterdir()}
    html = (folder / "report.html").read_text()
    assert f"against <code>{EARLIER}</code> (then, " in html
    assert f"farm compare {EARLIER} {run.name}" in html


def test_the_budget_of_the_variants_file_is_kept_with_the_run_and_a_flag_wins_over_it(desk: Desk) -> None:
    own = desk.farm("compare", "before", "now", "--json", "--out", "own")
    assert own.results["run"]["budgets"] == {"latency_p50": {"bound": "+900%", "line": "models/variants.yaml:3"}}
    (gate,) = [gate for gate in own.results["gates"] if gate["kind"] == "budget"]
    assert (gate["bound"], gate["verdict"], gate["line"]) == ("+900%", "passed", "models/variants.yaml:3")
    other = desk.farm(
        "compare", "before", "now/results.json", "--json", "--out", "other", "--budget", "latency_p50=+800%"
    )
    assert [gate["bound"] for gate in other.results["gates"]] == ["+800%"]
    assert other.results["run"]["against"] == EARLIER


def test_a_regression_ends_with_one_and_says_the_change(desk: Desk) -> None:
    earlier(desk, "fast", faster)
    said = desk.farm("compare", "fast", desk.runs()[0].name[:15], "--out", "worse")
    assert said.code == 1, said.err
    assert "Regressed: 1 of 2 comparisons is worse than the budget allows" in said.out
    assert "It is int8 on local: median latency +1900.0 % (95 % CI" in said.out
    assert (desk.folder / "worse" / "report.html").exists()
    why = json.loads((desk.folder / "worse" / "results.json").read_text())["why"]
    assert (why["rule"], why["reference"], why["variant"]) == ("regressed", "past", "int8")
    assert why["quantiles"]


def test_an_open_comparison_ends_with_three_only_where_asked_to(here: Callable[..., Said], desk: Desk) -> None:
    def same(document: Document) -> None:
        """Nothing changed, as far as intervals of half and double can tell."""
        for cell in document["cells"]:
            if cell["variant"] == "int8":
                told = cell["versus_baseline"]
                told.update(low=told["ratio"] / 2, high=told["ratio"] * 2)

    earlier(desk, "wide", same)
    budget = ("--budget", "latency_p50=+1%", "--out", "open")
    assert here("wide", "now", *budget).code == 0
    said = here("wide", "now", *budget, "--on-inconclusive", "fail")
    assert said.code == 3
    assert "Inconclusive: 1 of 2 comparisons is inconclusive: int8 on local" in said.out


def test_without_a_store_two_artefacts_are_compared_and_nothing_is_left_behind(desk: Desk, tmp_path: Path) -> None:
    bare = Desk(tmp_path)
    for name in ("before", "now"):
        shutil.copytree(desk.folder / name, tmp_path / name)
        for file in ("samples.parquet", "launches.parquet"):
            (tmp_path / name / file).unlink()
    said = bare.farm("compare", "before", "now", "--out", "page")
    assert said.code == 0, said.err
    assert (tmp_path / "page" / "report.html").exists()
    assert not bare.state.exists()


@pytest.mark.parametrize(
    ("arguments", "what", "mend"),
    [
        (("before", "nowhere"), "'nowhere'", "farm runs"),
        (("before", "n" * 300), "'nnn", "farm runs"),
        (("climbing", "last"), "it calls its run '../../climbed', which is no id of a run", "again"),
        (("last", "last"), "both are the run", "farm runs"),
        (("before",), "Missing argument 'B'", ""),
        (("before", "last", "--budget", "latency_p50"), "no METRIC=CHANGE", "latency_p50=+5%"),
        (("before", "last", "--budget", "latency_p50=30ms"), "must be a change against the past", "+5%"),
        (("before", "last", "--budget", "latency_p50=-5%"), "more than the past gave", "+5%"),
        (("before", "last", "--budget", "speed=+5%"), "'speed' cannot be limited", "latency_p50"),
        (("before", "last", "--out", "before"), "holds one of the two runs", "another folder"),
        (("others", "last"), "no variant in common: 20260101-000000-abcd has a and b, ", "same variants"),
        (("elsewhere", "last"), "no board in common", "same boards"),
        (("old", "last"), "farm.result/0", "farm"),
        (("before", "going"), "is not complete", "farm run --resume"),
        (("before", "held"), "held holds a comparison with 20251212-000000-abcd, not the run itself", "farm compare"),
    ],
)
def test_what_cannot_be_compared_says_what_where_why_and_how_to_mend_it(
    here: Callable[..., Said], desk: Desk, arguments: tuple[str, ...], what: str, mend: str
) -> None:
    odd(desk)
    said = here(*arguments)
    assert (said.code, said.out) == (2, "")
    assert what in said.err
    assert mend in said.err
    assert "Traceback" not in said.err
    assert not list(desk.folder.rglob("climbed"))


def odd(desk: Desk) -> None:
    """Artefacts that cannot be held against the run."""

    def renamed(document: Document) -> None:
        for each in document["variants"]:
            each["name"] = {"fp32": "a", "int8": "b"}[each["name"]]

    def elsewhere(document: Document) -> None:
        document["boards"][0]["name"] = "rpi5"

    def old(document: Document) -> None:
        document["schema"] = "farm.result/0"

    def going(document: Document) -> None:
        document["run"].update(id="20260909-000000-abcd", status="partial")

    def climbing(document: Document) -> None:
        document["run"].update(id="../../climbed")

    def held(document: Document) -> None:
        document["run"].update(id="20260606-000000-abcd")
        document["past"] = {"id": "20251212-000000-abcd", "name": None, "created": "", "sha": None}

    edits = (climbing, held, renamed, elsewhere, old, going)
    for name, edit in zip(("climbing", "held", "others", "elsewhere", "old", "going"), edits, strict=True):
        if not (desk.folder / name).exists():
            earlier(desk, name, edit)


def test_nothing_stored_and_no_such_file_says_both(tmp_path: Path) -> None:
    said = Desk(tmp_path).farm("compare", "a", "b")
    assert said.code == 2
    assert "a: there is no folder with a results.json of that name, and no run is stored here" in said.err
    assert not (tmp_path / ".farm").exists()


def test_samples_that_are_no_parquet_are_refused_with_their_path(here: Callable[..., Said], desk: Desk) -> None:
    folder = earlier(desk, "broken", unchanged)
    (folder / "samples.parquet").write_text("no parquet")
    said = here("broken", "last", "--out", "never")
    assert said.code == 2
    assert "broken/samples.parquet: this cannot be read as the iterations of a run" in said.err
    assert not (desk.folder / "never").exists()


def test_one_output_of_it_is_printed_alone_and_nothing_is_written(
    desk: Desk, here: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    worse, (run,) = earlier(desk, "quicker", faster), desk.runs()
    kept = set(run.rglob("*"))
    said = here(str(worse), "last", "--budget", "latency_p50=+5%", "--format", "annotations")
    assert said.code == 1, said.err
    assert said.out.startswith("::error")
    assert "int8" in said.out
    assert set(run.rglob("*")) == kept
    document = json.loads(here(str(worse), "last", "--format", "json").out)
    assert document["past"]["id"] == EARLIER


@pytest.mark.parametrize("other", ["--json", "--open"])
def test_one_output_is_asked_for_at_a_time(here: Callable[..., Said], other: str) -> None:
    said = here("before", "last", "--format", "csv", other)
    assert said.code == 2
    assert "leave" in said.err
