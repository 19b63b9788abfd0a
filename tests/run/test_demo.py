"""What `make demo` promises, seen from outside."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports_recomputed import differing, recomputed
from reports_stored import Stored
from run_support import Desk, Said, broken_promises, nothing_left

FILES = {
    "report.html", "report.css", "results.json", "junit.xml", "summary.md", "samples.parquet", "launches.parquet",
    "readings.parquet", "plan.json", "launches", "transcripts", "figures",
}  # fmt: skip
Demo = tuple[Desk, Said]


@pytest.fixture(scope="module")
def folder(demo: Demo) -> Path:
    return demo[0].runs()[0]


@pytest.fixture(scope="module")
def results(folder: Path) -> Any:
    return json.loads((folder / "results.json").read_text())


def test_it_passes_and_ends_on_the_verdict_and_the_report(demo: Demo) -> None:
    desk, said = demo
    assert said.code == 0, said.err
    assert "Passed" in said.out
    assert said.out.rstrip().endswith(str(desk.runs()[0] / "report.html"))


def test_it_names_real_differences_and_why_the_others_are_ruled_out(results: Any) -> None:
    cells = {cell["variant"]: cell for cell in results["cells"]}
    ship = results["ship"][0]
    assert cells["int8"]["versus_baseline"]["verdict"] == "faster"
    assert cells["int8"]["accuracy"]["metric"] == "top1"
    assert cells["int8"]["accuracy"]["value"] > 0.98
    assert ship["variant"] == "int8"
    reasons = {out["variant"]: out["why"] for out in ship["ruled_out"]}
    assert "size" in reasons["fp32"]
    assert "accuracy" in reasons["struct50"]
    assert "accuracy" in reasons["distilled"]


def test_every_file_of_the_contract_is_there(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == FILES


def test_results_are_of_the_published_schema(demo: Demo, results: Any) -> None:
    schema = json.loads(demo[0].farm("schema", "results").out)
    jsonschema.Draft202012Validator(schema).validate(results)


def test_every_number_can_be_computed_again_from_the_three_tables(folder: Path) -> None:
    stored = Stored(folder)
    assert differing(stored) == []
    assert len(recomputed(stored)) > 200


def test_a_number_that_is_not_in_the_tables_would_be_found(folder: Path) -> None:
    stored = Stored(folder)
    stored.document["cells"][0]["latency_ms"]["p90"]["high"] *= 1 + 1e-6
    stored.document["cells"][1]["first_ms"]["low"] = None
    stored.document["gates"][0]["cells"][0]["more"] = 1
    found = [line.split(": ")[0] for line in differing(stored)]
    assert found == ["cells[0].latency_ms.p90.high", "cells[1].first_ms.low", "gates[0].cells[0].more"]


def test_the_report_is_made_again_from_stored_data_byte_for_byte(demo: Demo, folder: Path) -> None:
    names = ("report.html", "results.json", "junit.xml", "summary.md", "report.css")
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    assert demo[0].farm("report", "last").code == 0
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_nothing_runs_on_and_nothing_lies_outside_its_two_folders(demo: Demo) -> None:
    desk, _ = demo
    assert nothing_left(desk)
    assert {path.name for path in desk.folder.iterdir()} == {".farm", "runs", "home"}
    assert list((desk.folder / "home").rglob("*")) == []
    assert desk.state.stat().st_mode & 0o077 == 0


def test_every_owed_launch_has_exactly_one_result_and_its_file(demo: Demo, folder: Path) -> None:
    rows = demo[0].launches()
    assert broken_promises(rows) == []
    for row in rows:
        if row["file"]:
            assert hashlib.sha256((folder / row["file"]).read_bytes()).hexdigest() == row["file_sha256"]


def test_each_block_holds_the_baseline_and_every_variant_once(demo: Demo) -> None:
    measured = [row for row in demo[0].launches() if row["phase"] == 3 and row["dropped"] is None]
    for block in {row["block"] for row in measured}:
        names = sorted(row["variant"] for row in measured if row["block"] == block)
        assert names == ["distilled", "fp16", "fp32", "int8", "int8-dynamic", "struct50"]


def test_the_list_of_runs_shows_it(demo: Demo, folder: Path) -> None:
    listed = demo[0].farm("runs").out
    assert folder.name in listed
    assert "passed" in listed


def test_without_a_terminal_there_is_no_escape_code(demo: Demo) -> None:
    said = demo[0].farm("report", "last")
    assert "\x1b" not in said.out + said.err
