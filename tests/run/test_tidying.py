"""What the machine of a worker keeps of launches that came to nothing, and of copies that it no longer uses."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from farm_orchestrator import config
from farm_orchestrator.config import Settings
from farm_orchestrator.run.tidying import LEFT_S, tidied, tidy
from farm_orchestrator.store import Artefacts
from farm_orchestrator.store.unused import UNUSED_S
from run_support import wait_for

MEASURED, REPORTED = "20260101-000000-aaaa", "20260101-000000-bbbb"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = config.load(cwd=tmp_path, env={})
    return replace(made, home=tmp_path / "home", runs=tmp_path / "runs")


def written(path: Path, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    aged(path, age_s)
    return path


def aged(path: Path, age_s: float) -> None:
    os.utime(path, (time.time() - age_s,) * 2)


def test_files_of_launches_that_came_to_nothing_go_after_a_week_and_then_their_folders(settings: Settings) -> None:
    folder = settings.runs / MEASURED
    old = [
        written(folder / name, LEFT_S + 60)
        for name in ("transcripts/1.1.jsonl", "launches/1.1.parquet", "traces/2.json", "outputs-dead/o.bin")
    ]
    aged(folder / "outputs-dead", LEFT_S + 60)
    young = written(folder / "transcripts" / "2.1.jsonl", LEFT_S - 60)
    tidy(settings)
    assert not any(path.exists() for path in old)
    assert young.exists()
    for each in (young, folder / "launches", folder / "traces", folder / "transcripts"):
        aged(each, LEFT_S + 60)
    tidy(settings)
    assert sorted(path.name for path in folder.iterdir()) == ["transcripts"]
    for each in (folder / "transcripts", folder):
        aged(each, LEFT_S + 60)
    tidy(settings)
    aged(folder, LEFT_S + 60)
    tidy(settings)
    assert list(settings.runs.iterdir()) == []


@pytest.mark.parametrize("beside", ["plan.json", "report.html", "notes/of a person.txt"])
def test_a_folder_with_results_stays_as_it_is(settings: Settings, beside: str) -> None:
    kept = [written(settings.runs / REPORTED / name, 2 * LEFT_S) for name in ("transcripts/1.1.jsonl", beside)]
    tidy(settings)
    assert all(path.exists() for path in kept)


def test_a_folder_of_another_name_is_none_of_the_farms(settings: Settings) -> None:
    theirs = written(settings.runs / "experiment" / "launches" / "1", 2 * LEFT_S)
    tidy(settings)
    assert theirs.exists()


def test_a_worker_tidies_at_its_start_and_stops_when_it_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("x")
    cas = settings.home / "cas"
    sha256 = Artefacts(cas).put(tmp_path / "model").sha256
    aged(cas / sha256[:2] / sha256, UNUSED_S + 60)
    stopping = threading.Event()
    tidying = threading.Thread(target=tidied, args=(settings, stopping))
    tidying.start()
    wait_for(lambda: not (cas / sha256[:2] / sha256).exists(), "the file that nobody uses")
    stopping.set()
    tidying.join(60)
    assert not tidying.is_alive()
