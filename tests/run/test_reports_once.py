"""One run of two good and two bad variants: what its command says, and that it is reported once, whoever dies."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from farm_orchestrator import config
from farm_orchestrator.config import Settings
from farm_orchestrator.run import reports
from farm_orchestrator.store import Store
from run_support import DIGITS, QUICK, TWO, Desk, Said, heard, nothing_left, wait_for

HEARD = "had ended without its report"
UNREPORTED = "UPDATE run SET reported=0, word=NULL, attached_until=0 WHERE run=?"


def forget_report(desk: Desk) -> Path:
    """Leaves the first run as a command leaves it that dies between its last launch and its report."""
    folder = desk.runs()[0]
    with closing(sqlite3.connect(desk.state / "farm.db", timeout=30)) as file:
        assert file.execute(UNREPORTED, [folder.name]).rowcount == 1
        file.commit()
    for name in ("report.html", "results.json"):
        (folder / name).unlink()
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Said]:
    desk = Desk(tmp_path_factory.mktemp("measured"))
    models = desk.folder / "models"
    models.mkdir()
    for name in ("fp32.onnx", "int8.onnx"):
        shutil.copy(DIGITS / name, models)
    (models / "page.onnx").write_text("<html>not found</html>")
    (models / "half.onnx").write_bytes((DIGITS / "fp16.onnx").read_bytes()[:100_000])
    said = desk.farm("run", models, *QUICK, "--json", "--out", "report")
    assert said.code == 0, said.err
    wait_for(lambda: nothing_left(desk), "all processes to end")
    return desk, said


@pytest.fixture
def ended(measured: tuple[Desk, Said], tmp_path: Path) -> Desk:
    """A copy of the run's folder, to be changed."""
    shutil.copytree(measured[0].folder, tmp_path / "desk")
    return Desk(tmp_path / "desk")


@pytest.fixture
def settings(ended: Desk, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(ended.folder)
    return config.load()


@pytest.fixture
def state(settings: Settings) -> Iterator[Store]:
    with Store.open(settings.store) as opened:
        yield opened


@pytest.mark.long
def test_of_two_commands_at_once_one_builds_the_report_that_a_dead_one_left(desk: Desk) -> None:
    assert desk.farm(*TWO).code == 0
    left = forget_report(desk)
    both = [heard(command) for command in (desk.start(*TWO), desk.start(*TWO))]
    assert [said.code for said in both] == [0, 0]
    assert sum(said.err.count(HEARD) for said in both) == 1
    assert json.loads((left / "results.json").read_text())["run"]["status"] == "complete"
    assert (left / "report.html").exists()
    assert desk.farm("runs", "--json").out.count('"measured"') == 3
    wait_for(lambda: nothing_left(desk), "all processes to end")


def test_json_is_the_only_thing_on_stdout_and_one_bad_variant_stops_nobody(measured: tuple[Desk, Said]) -> None:
    desk, said = measured
    results = said.results
    assert results["verdict"] == "measured"
    states = {cell["variant"]: cell["state"] for cell in results["cells"]}
    assert states == {"fp32": "measured", "int8": "measured", "page": "not_run", "half": "not_run"}
    assert all(cell["reason"] for cell in results["cells"] if cell["state"] == "not_run")
    assert results["counts"]["not_run"] == 2
    assert json.loads((desk.folder / "report" / "results.json").read_text()) == results


def test_a_bad_variant_stops_those_who_ask_for_that(ended: Desk) -> None:
    strict = ended.farm("run", ended.folder / "models", *QUICK, "--strict")
    assert strict.code == 2
    assert "page" in strict.err


def test_who_comes_second_shows_what_the_first_one_built(ended: Desk, settings: Settings, state: Store) -> None:
    file = ended.runs()[0] / "results.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "sentence": "As the first one wrote it."}))
    out = ended.folder / "copies"
    second = reports.build_once(ended.runs()[0].name, state, settings, out, won=False)
    assert second.results.sentence == "As the first one wrote it."
    assert (out / "report.html").exists()
    assert second.exit_code == 0


def test_who_comes_second_builds_it_where_the_first_one_died_over_it(
    ended: Desk, settings: Settings, state: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "WINNER_S", 0.0)
    folder = forget_report(ended)
    assert reports.build_once(folder.name, state, settings, None, won=False).results.verdict == "measured"
    assert (folder / "report.html").exists()


def test_farm_report_builds_it_again_as_often_as_it_is_asked(ended: Desk) -> None:
    folder = forget_report(ended)
    for _ in range(2):
        (folder / "report.html").unlink(missing_ok=True)
        assert ended.farm("report", "last").code == 0
        assert (folder / "report.html").exists()


def test_a_report_that_cannot_be_built_is_told_and_does_not_trouble_others(
    ended: Desk, settings: Settings, state: Store
) -> None:
    folder = forget_report(ended)
    shutil.rmtree(folder / "launches")
    told: list[str] = []
    reports.build_left(state, settings, told.append)
    reports.build_left(state, settings, told.append)
    assert len(told) == 1
    assert f"`farm report {folder.name}` tries again" in told[0]
