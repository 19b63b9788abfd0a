"""The doctor says of the nights what a person would find out too late."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from farm_orchestrator import config, store
from farm_orchestrator.doctor import Finding, State, farm_facts, of_farm
from farm_orchestrator.store import Store
from nightly_support import schedule


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_settings: None) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found() -> dict[str, Finding]:
    facts = farm_facts.look(config.load(), ({"name": "local", "local": True},), (time.time(), time.monotonic()))
    return {each.check: each for each in of_farm(facts)}


def added(folder: Path, name: str = "head") -> None:
    with Store.open(config.load().store) as state:
        store.add_schedule(state, schedule(name, run={**schedule().run, "variants": str(folder)}))


def test_where_there_is_no_schedule_nothing_is_said(here: Path) -> None:
    assert not {"nights", "notify"} & set(found())
    assert list(here.iterdir()) == []


def test_a_schedule_whose_directory_is_here_and_of_which_somebody_hears_is_well(here: Path) -> None:
    (here / "farm.yaml").write_text("notify: {command: [mail, bench@example.org]}\n")
    added(here)
    said = found()
    assert (said["nights"].state, said["nights"].what) == (State.OK, "1 schedule")
    assert said["notify"].state == State.OK


def test_a_directory_that_is_not_here_and_nobody_who_hears_are_told_with_their_mends(here: Path) -> None:
    added(here / "gone")
    said = found()
    assert said["nights"].state == said["notify"].state == State.WARNING
    assert str(here / "gone") in said["nights"].what
    assert "farm nightly rm head" in (said["nights"].mend or "")
    assert "FARM_NOTIFY_WEBHOOK" in (said["notify"].mend or "")


def test_a_night_that_could_not_begin_is_told_with_its_reason(here: Path) -> None:
    added(here)
    with Store.open(config.load().store) as state:
        store.tell_unbegun(state, "head", time.time(), "no board is selected")
    said = found()["nights"]
    assert (said.state, said.why) == (State.WARNING, "no board is selected")
    assert said.what == "the last night of head could not begin"


def test_a_store_that_cannot_be_read_is_told_of_once(here: Path) -> None:
    added(here)
    Path(here / ".farm" / "farm.db").write_bytes(b"no database" * 1000)
    said = found()
    assert said["store"].state == State.FAULT
    assert "nights" not in said
