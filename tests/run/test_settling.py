"""What is judged beside a run that still goes on: with real results, in a thread that ends with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from farm_orchestrator import judged
from farm_orchestrator import store as stored
from farm_orchestrator.config import Settings
from farm_orchestrator.run import settling as module
from farm_orchestrator.run.settling import settling
from farm_orchestrator.store import NewRun, Store
from run_support import wait_for
from scale_support import RUN, Farm, Scale, filled

SHORT = 0.05


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.setattr(module, "LOOK_S", SHORT)
    with Store.open(tmp_path / "farm.db") as state:
        yield filled(state, tmp_path, Scale(2, 2, iterations=40))


def settings_of(farm: Farm) -> Settings:
    return Settings(farm.runs.parent, str(farm.state.path), "", farm.runs, "quick")


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_boards_are_judged_meanwhile_and_the_thread_ends_with_the_run(farm: Farm) -> None:
    figures = farm.folder / judged.FIGURES
    with settling(RUN, farm.state, settings_of(farm)):
        wait_for(lambda: len(list(figures.glob("*.json"))) == 2, "figures of both boards")
        assert "settling" in threads()
    assert "settling" not in threads()


def test_an_error_of_the_run_ends_it_too(farm: Farm) -> None:
    with pytest.raises(KeyboardInterrupt), settling(RUN, farm.state, settings_of(farm)):
        raise KeyboardInterrupt
    assert "settling" not in threads()


def test_nothing_is_judged_beside_a_board_that_is_this_machine(farm: Farm) -> None:
    first, *others = stored.parts(farm.state, RUN)
    here = replace(first, run="here", board={**first.board, "local": True})
    new = NewRun("here", None, here.recipe, 1, 1.0, {})
    stored.insert_run(farm.state, new, [here, *(replace(each, run="here") for each in others)], [], [])
    with settling("here", farm.state, settings_of(farm)):
        assert "settling" not in threads()
