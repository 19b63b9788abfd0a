"""Nights of a small fleet in minutes: what breaks is told once, on its night, and what was good last stays good."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import pytest

from farm_lab import faults, lab
from farm_lab.places import Places
from farm_orchestrator import config, store
from farm_orchestrator.cli import call
from farm_orchestrator.cli.live import make_view
from farm_orchestrator.config import Settings
from farm_orchestrator.run.nightly import hold
from farm_orchestrator.run.request import Finished
from farm_orchestrator.store import LastGood, Store
from lab_support import at, options
from nightly_support import DAY, DUE, schedule
from run_support import DIGITS
from store_support import Clock

MS = {"base": 2.0, "other": 1.6}
TRUTH = {"ms": {**MS, **{f"{name}@past": ms for name, ms in MS.items()}}, "sleep_s": 0.02, "launch_sd": 0.002}
SLOWER = {"vb002/other": 1.6 * 1.2}
EARS = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"
CATCH_UP_S = 6 * 3600.0


@dataclass
class Farm:
    """Boards, a schedule, somebody who hears, and a clock that the test turns."""

    folder: Path
    where: Places
    clock: Clock = field(default_factory=Clock)
    finished: dict[int, Finished] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return config.load(cwd=self.folder, env={})

    def prepare(self) -> None:
        words = json.dumps([sys.executable, "-c", EARS, str(self.folder / "heard")])
        (self.folder / "farm.yaml").write_text(f"inventory: {self.where.inventory}\nnotify: {{command: {words}}}\n")
        asked = {**schedule().run, "variants": str(self.folder / "head"), "max_blocks": 10, "preset": "quick"}
        self.clock.s = DUE - DAY / 2
        (self.folder / "head").mkdir()
        config.make_home(self.settings)
        with Store.open(self.settings.store, self.clock) as state:
            store.add_schedule(state, schedule(run=asked))

    def build_head(self, night: int) -> None:
        """What a pipeline made of the sources that day: other files under the same names."""
        for name in MS:
            model = onnx.load(DIGITS / "int8.onnx")
            model.doc_string = f"{name} of night {night}"
            onnx.save(model, self.folder / "head" / f"{name}.onnx")

    def truth(self, **changes: float) -> None:
        self.where.truth.write_text(json.dumps({**TRUTH, "ms": {**TRUTH["ms"], **changes}}))  # type: ignore[dict-item]  # a dict of dicts

    def night(self, number: int, late_s: float = 5.0) -> None:
        """Beats look all day from `late_s` after the hour on; the night is held as soon as one sees it."""
        self.build_head(number)
        begin = DUE + (number - 1) * DAY + late_s
        for look_s in (0.0, 31.0, 3600.0, CATCH_UP_S):
            self.clock.s = begin + look_s
            with Store.open(self.settings.store, self.clock) as state:
                found = store.due_nights(state)
            for due in found:
                assert number not in self.finished, "a second run of the same night"
                self.finished[number] = hold(due, self.settings, make_view(quiet=True))
        assert number in self.finished, "no run at all"

    @property
    def heard(self) -> list[Any]:
        path = self.folder / "heard"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def told(self, number: int) -> list[tuple[str, str | None, str | None]]:
        """What was heard of a night, as (kind, board, variant)."""
        run = self.finished[number].run
        documents = [each for each in self.heard if each["run"] == run]
        assert len(documents) <= 1, "told twice"
        return [
            (each["kind"], each["board"], each["variant"]) for document in documents for each in document["changes"]
        ]

    def good(self) -> dict[tuple[str, str], LastGood]:
        with Store.open(self.settings.store) as state:
            return {(each.board, each.variant): each for each in store.last_good(state)}

    def verdicts(self) -> list[str]:
        return [each.results.verdict for each in self.finished.values()]


@pytest.fixture
def farm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Farm]:
    """Of three boards, or as many as the test says."""
    where = at(tmp_path)
    made = Farm(tmp_path, where)
    try:
        lab.up(where, getattr(request, "param", 3), options(load="synthetic"))
        made.prepare()
        yield made
    finally:
        lab.down(where)


def regressions(farm: Farm) -> list[tuple[int, str, str]]:
    """(night, board, variant) of every alert."""
    nights = {each.run: number for number, each in farm.finished.items()}
    return [
        (nights[document["run"]], change["board"], change["variant"])
        for document in farm.heard
        for change in document["changes"]
        if change["kind"] == "regressed"
    ]


@pytest.mark.parametrize("farm", [2], indirect=True)
def test_four_nights_with_a_regression_on_the_third_are_told_once(farm: Farm) -> None:
    farm.truth()
    farm.night(1)
    farm.night(2)
    before = farm.good()
    assert {each.run for each in before.values()} == {farm.finished[2].run}
    farm.truth(**SLOWER)
    farm.night(3)
    farm.night(4, late_s=3 * 3600.0)
    assert farm.verdicts() == ["measured", "passed", "regressed", "regressed"]
    assert [farm.told(night) for night in farm.finished] == [[], [], [("regressed", "vb002", "other")], []]
    assert farm.good() == before
    assert farm.finished[3].exit_code == 1
    assert (farm.finished[4].folder / "report.html").is_file()


@pytest.mark.parametrize("farm", [1], indirect=True)
def test_a_regression_that_is_wanted_is_accepted_and_the_next_night_passes(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_settings: None
) -> None:
    wanted = {"other": 1.6 * 1.2}
    farm.truth()
    farm.night(1)
    farm.truth(**wanted)
    farm.night(2)
    assert farm.told(2) == [("regressed", "vb001", "other")]
    monkeypatch.chdir(farm.folder)
    assert call(["nightly", "accept", "head", "--reason", "it is more accurate"]) == 0
    assert f"2 cells as run {farm.finished[2].run} measured them" in capsys.readouterr().out
    assert {each.run for each in farm.good().values()} == {farm.finished[2].run}
    farm.truth(**wanted, **{f"{name}@past": ms for name, ms in wanted.items()})
    farm.night(3)
    assert farm.verdicts() == ["measured", "regressed", "passed"]
    assert {cell.versus_past.past_run for cell in farm.finished[3].results.cells if cell.versus_past} == {
        farm.finished[2].run
    }
    assert farm.told(3) == []
    assert {each.run for each in farm.good().values()} == {farm.finished[3].run}


@pytest.mark.long
def test_ten_nights_with_a_regression_a_lost_board_and_a_missed_tick_give_one_alert(farm: Farm) -> None:
    farm.truth()
    for night in (1, 2, 3):
        farm.night(night)
    before_loss = farm.good()
    faults.strike(farm.where, "vb003", "power-off", for_s=None)
    farm.night(4)
    assert farm.good() == before_loss
    faults.cure(farm.where, "vb003", "power-on")
    farm.night(5)
    before = farm.good()
    farm.truth(**SLOWER)
    for night in (6, 7):
        farm.night(night)
    farm.night(8, late_s=3 * 3600.0)  # no tick at the hour, nor for three hours after it
    for night in (9, 10):
        farm.night(night)
    assert regressions(farm) == [(6, "vb002", "other")]
    assert farm.told(4)[0] == ("board_lost", "vb003", None)
    assert farm.told(5)[0] == ("board_back", "vb003", None)
    quiet = [night for night in farm.finished if farm.told(night) == []]
    assert quiet == [1, 2, 3, 7, 8, 9, 10]
    assert farm.good() == before
    assert {each.run for each in before.values()} == {farm.finished[5].run}
    assert farm.verdicts() == ["measured", "passed", "passed", "invalid", "passed", *["regressed"] * 5]
