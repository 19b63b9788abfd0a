"""Who owns the engine, and what becomes of its worker."""

import signal
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from engine_support import broken_promises, finish, make_farm, running, stand_in, tend, wait_for
from farm_orchestrator.engine import Engine, EngineSettings
from farm_orchestrator.errors import FarmError
from farm_orchestrator.model import State
from farm_orchestrator.store import Store
from farm_orchestrator.store.identity import identity


def test_a_second_command_watches_and_takes_over_when_the_first_has_gone(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1, python=stand_in(tmp_path / "stand-in"))
    with running(farm) as first:
        assert Engine.try_start(farm.settings) is None
        wait_for(lambda: farm.rows(state=State.RUNNING), "a launch", tend(farm, first))
        first.kill()
        with running(farm) as second:
            finish(farm, second)
    assert broken_promises(farm) == []


def test_an_idle_worker_ends_by_itself_when_it_is_told_to(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1)
    with running(farm) as engine:
        wait_for(lambda: farm.rows(state=State.DONE), "a launch", tend(farm, engine))
        engine.stop()
        assert engine.worker.returncode == 0


def test_sigterm_alone_ends_a_worker_as_the_end_of_its_stdin_does(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1)
    with running(farm) as engine:
        wait_for(lambda: farm.rows(state=State.DONE), "a launch", tend(farm, engine))
        engine.worker.send_signal(signal.SIGTERM)
        assert engine.worker.wait(60) == 0


def test_a_dead_worker_is_started_again_three_times_in_a_minute(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1)
    with running(farm) as engine:
        for _ in range(3):
            engine.worker.kill()
            engine.worker.wait()
            engine.tick()
            assert engine.worker.poll() is None
        engine.worker.kill()
        engine.worker.wait()
        with pytest.raises(FarmError, match="4 times within 60 s, last with exit code -9"):
            engine.tick()


def test_a_worker_that_cannot_start_is_explained_by_its_last_words(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1)
    farm = replace(farm, settings=replace(farm.settings, store=str(tmp_path)))
    with running(farm) as engine:

        def worn_out() -> bool:
            try:
                engine.tick()
            except FarmError as error:
                return str(tmp_path) in str(error)
            return False

        wait_for(worn_out, "the engine gives up")


def test_settings_come_back_from_their_line() -> None:
    settings = EngineSettings("/h", "/s", "/r", "redis://x", 3, 1.0, 0.5, {"slice_s": 1.0})
    assert settings.line().count(b"\n") == 1
    assert EngineSettings.read(settings.line()) == settings


def test_hints_are_open_to_this_user_alone(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1)
    with running(farm):
        assert stat.S_IMODE((farm.home / "broker").stat().st_mode) == 0o700


def test_a_store_has_a_name_of_its_own_for_as_long_as_it_lives(tmp_path: Path) -> None:
    names = []
    for file in ("a.db", "a.db", "b.db"):
        with Store.open(tmp_path / file) as state:
            names.append(identity(state))
    assert names[0] == names[1] != names[2]
