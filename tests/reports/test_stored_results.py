"""results.json as it is written and read: it keeps to its own schema, older ones load, others get a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from farm_orchestrator import report_files
from farm_orchestrator.errors import StoreError, UsageError
from farm_reports import exports, page
from reports_pages import PAGES
from reports_screens import demo
from reports_support import Made

OLD = Path(__file__).parent / "old" / "result-1.json"  # of a farm that knew no calibration, sweep, heat or past
SCHEMA = Draft202012Validator(exports.schema())


def stored(folder: Path, document: object) -> Path:
    path = folder / "20261120-021400-9f3c" / "results.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.mark.parametrize("name", PAGES)
def test_what_is_written_keeps_to_the_published_schema_and_reads_back_as_it_was(name: str, tmp_path: Path) -> None:
    results = PAGES[name]().results
    text = report_files.results_text(results)
    SCHEMA.validate(json.loads(text))
    assert report_files.read_results(stored(tmp_path, text)).document() == json.loads(text) == results.document()


def test_results_that_do_not_keep_to_the_schema_are_not_written() -> None:
    made = demo()
    odd = made.results.model_copy(update={"verdict": "splendid", "counts": None})
    with pytest.raises(StoreError, match=r"does not keep to farm.result/1: verdict: .* and 1 more"):
        report_files.results_text(odd)


def test_a_document_of_an_older_farm_is_read_and_drawn() -> None:
    results = report_files.read_results(OLD)
    assert {"sweeps", "profiles", "calibration"}.isdisjoint(json.loads(OLD.read_text()))
    assert results.cells[0].soak is None
    assert results.past is None
    assert "<title>Passed: 3 variants on 1 board</title>" in page.render(results, {})
    for _, export in exports.EXPORTS.values():
        assert export(results) or not results.gates or {gate.verdict for gate in results.gates} == {"passed"}


@pytest.mark.parametrize(
    ("change", "said", "mend"),
    [
        ({"schema": "farm.result/2"}, "of the format 'farm.result/2', and this farm reads farm.result/1", "--upgrade"),
        ({"schema": "farm.result/0"}, "of the format 'farm.result/0'", "farm report 20261120-021400-9f3c"),
        ({"schema": "farm.plan/1"}, "is no document of a run: its schema is 'farm.plan/1'", "farm report 2026"),
        ({"schema": None}, "it names no format", "farm report 20261120-021400-9f3c"),
        ({"schema": {"$ref": "x"}}, "its schema is", "farm report 20261120-021400-9f3c"),
        ({"verdict": "splendid"}, "does not keep to farm.result/1: verdict: Input should be", "farm report 2026"),
        ({"more": 1}, "more: Extra inputs are not permitted", "farm report 20261120-021400-9f3c"),
    ],
)
def test_another_document_is_refused_with_a_sentence(
    change: dict[str, Any], said: str, mend: str, tmp_path: Path
) -> None:
    path = stored(tmp_path, {**json.loads(OLD.read_text()), **change})
    with pytest.raises(UsageError) as refused:
        report_files.read_results(path)
    assert str(path) in refused.value.text
    assert said in refused.value.text
    assert mend in (refused.value.mend or "")
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"farm.result/1"', "\ufeff{}", "{" * 100_000])
def test_what_is_no_json_object_is_refused_with_a_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"results\.json: "):
        report_files.read_results(stored(tmp_path, text))


def test_a_file_that_is_not_there_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file") as refused:
        report_files.read_results(tmp_path / "20261120-021400-9f3c" / "results.json")
    assert refused.value.mend == "make it again from what is stored: farm report 20261120-021400-9f3c"


def test_every_format_has_a_file_of_its_own() -> None:
    names = [name for name, _ in exports.EXPORTS.values()]
    assert len(set(names)) == len(names)
    made: Made = demo()
    assert all(
        export(made.results).endswith("\n") for name, (_, export) in exports.EXPORTS.items() if name != "annotations"
    )
