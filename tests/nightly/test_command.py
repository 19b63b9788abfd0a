"""`farm nightly` as a person and a pipeline call it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from farm_lab import lab
from farm_orchestrator import config, store
from farm_orchestrator.cli import call
from farm_orchestrator.plan.nights import Due
from farm_orchestrator.run.nightly import request
from farm_orchestrator.store import LastGood, Store, schema
from lab_support import at, options
from nightly_support import DAY, DUE, begin, schedule
from run_support import DIGITS, QUICK, Desk, Said

ADD = ("nightly", "add", "head", "--variants", "head", "--at", "02:30")
Farm = Callable[..., Said]
EARS = "import sys; open('heard', 'a').write(sys.stdin.read() + '\\n')"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "head").mkdir()
    shutil.copy(DIGITS / "int8.onnx", tmp_path / "head")
    return Desk(tmp_path)


@pytest.fixture
def here(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_settings: None) -> Farm:
    """The command in this process: as quick as it can be, where nothing is measured."""
    monkeypatch.chdir(desk.folder)
    monkeypatch.delenv("CI", raising=False)

    def farm(*arguments: str | Path) -> Said:
        code = call(list(map(str, arguments)))
        return Said(code, *capsys.readouterr())

    return farm


def listed(farm: Farm) -> Any:
    said = farm("nightly", "ls", "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def refused(said: Said, *words: str) -> None:
    assert (said.code, said.out) == (2, ""), said
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


def test_a_schedule_is_added_listed_and_removed(here: Farm, desk: Desk) -> None:
    said = here(*ADD, "--zone", "Europe/Berlin", "--until", "06:00", "--days", "mon-fri", "--budget", "latency_p50=+3%",
                     "--preset", "quick", "--catch-up", "90m", "--boards", "rpi5-*", "--min-boards", "2", "--max-blocks", "20")  # fmt: skip
    assert said.code == 0, said.err
    assert said.out.startswith("head: the next night begins ")
    assert said.out.endswith(" 02:30 Europe/Berlin\n")
    assert "`farm nightly run head`" in said.err
    (one,) = listed(here)
    assert one["run"] == {
        "boards": "rpi5-*", "preset": "quick", "max_blocks": 20, "min_boards": 2,
        "variants": str(desk.folder / "head"), "budgets": {"latency_p50": "+3%"},
    }  # fmt: skip
    assert (one["at"], one["until"], one["days"], one["catch_up_s"]) == ("02:30", "06:00", [0, 1, 2, 3, 4], 5400.0)
    assert (one["variants_here"], one["last"]) == (True, None)
    table = here("nightly", "ls").out
    assert "head  mon-fri 02:30 until 06:00 Europe/Berlin" in table
    assert "none yet" in table
    assert here("nightly", "rm", "head").code == 0
    assert listed(here) == []


def test_the_settings_of_the_file_hold_where_a_flag_does_not(here: Farm, desk: Desk) -> None:
    (desk.folder / "farm.yaml").write_text("nightly: {at: 03:15, zone: Asia/Kathmandu, until: 05:00, catch_up: 1h}\n")
    assert here("nightly", "add", "head", "--variants", "head", "--until", "06:00").code == 0
    (one,) = listed(here)
    assert (one["at"], one["zone"], one["until"], one["catch_up_s"]) == ("03:15", "Asia/Kathmandu", "06:00", 3600.0)


def test_a_directory_that_is_not_on_this_machine_is_told_not_refused(here: Farm) -> None:
    said = here("nightly", "add", "far", "--variants", "/srv/far", "--at", "02:30")
    assert said.code == 0
    assert "there is no /srv/far here" in said.err
    assert "/srv/far  (not on this machine)" in here("nightly", "ls").out


def test_what_is_no_schedule_is_refused_before_anything_is_stored(here: Farm, desk: Desk) -> None:
    refused(here("nightly", "add", "head", "--variants", "head"), "--at 02:30", "farm.yaml")
    refused(here("nightly", "add", "our nights", "--variants", "head", "--at", "02:30"), "'our-nights' would be one")
    for option, text, mend in (("--at", "25:00", "06:00"), ("--zone", "Berlin", "Europe/Berlin"), ("--days", "never", "mon-fri"),
                               ("--catch-up", "1m", "5m"), ("--until", "dawn", "06:00"), ("--budget", "p50=1", "+5%")):  # fmt: skip
        refused(here(*ADD, option, text), mend)
    refused(here(*ADD, "--preset", "mlperf"), "preset mlperf", "--preset quick, ci or standard")
    assert not desk.state.exists()


def test_a_name_that_is_taken_or_unknown_is_refused(here: Farm) -> None:
    assert here(*ADD).code == 0
    refused(here(*ADD), "already", "farm nightly rm head")
    refused(here("nightly", "run", "tail"), "no schedule 'tail'", "head")
    refused(here("nightly", "rm", "tail"), "no schedule 'tail'")


@pytest.fixture
def night(here: Farm, desk: Desk) -> str:
    """The last night of `head`: one cell is slower, one board was lost; and what was good before."""
    assert here(*ADD).code == 0
    first, last = "20261121-013000-aaaa", "20261122-013000-bbbb"
    with Store.open(config.load().store) as state:
        for run, at in ((first, DUE - DAY), (last, DUE)):
            assert begin(state, run, at, boards=("b0", "b1"))
        cells = store.cells(state, last)
        was = [LastGood(each.variant, each.board, each.point, str(each.sha256), None, first) for each in cells]
        store.move_last_good(state, "head", was)
        measured, lost = {"state": "measured"}, {"state": "not_run", "reason": "no answer"}
        store.set_word(state, last, "regressed")
        store.set_cells(state, last, [replace(each, **(measured if each.board == "b0" else lost)) for each in cells])
        state.submit(lambda c: c.execute(update(schema.run).values(state="closed")) and None)
    return last


def good() -> dict[str, set[str]]:
    """The runs by board."""
    with Store.open(config.load().store) as state:
        rows = store.last_good(state, schedule="head")
    return {board: {each.run for each in rows if each.board == board} for board in {each.board for each in rows}}


def test_a_person_accepts_a_night_that_regressed(here: Farm, night: str) -> None:
    said = here("nightly", "accept", "head", "--reason", "the new kernel is worth it")
    assert (said.code, said.out) == (0, f"head: good from now on: 2 cells as run {night} measured them\n")
    for name in ("fp32", "int8"):
        assert f"not measured, so it keeps what it had: {name} on b1 (not_run: no answer)" in said.err
    assert good() == {"b0": {night}, "b1": {"20261121-013000-aaaa"}}


def test_what_cannot_be_accepted_is_refused(here: Farm, night: str) -> None:
    refused(here("nightly", "accept", "tail"), "no schedule 'tail'", "head")
    refused(here("nightly", "accept", "head", "--run", "2025"), "no run '2025'")
    assert here("nightly", "add", "tail", "--variants", "head", "--at", "02:30").code == 0
    refused(here("nightly", "accept", "tail"), "no night of tail is over yet", "farm nightly run tail")
    refused(here("nightly", "accept", "tail", "--run", night), f"{night} is no night of tail: it is one of head")
    assert here("nightly", "accept", "head", "--run", "20261122").code == 0


def test_a_schedule_that_is_added_again_goes_on_from_what_was_good_unless_that_is_forgotten(
    here: Farm, night: str
) -> None:
    assert here("nightly", "rm", "head").code == 0
    assert set(good()) == {"b0", "b1"}
    said = here("nightly", "add", "head", "--variants", "/srv/other", "--at", "03:30")
    assert "goes on from what was good last in the schedule head that was removed (4 cells)" in said.err
    assert "farm nightly rm head --forget" in said.err
    assert here("nightly", "rm", "head").code == 0
    assert here("nightly", "rm", "head", "--forget").code == 0, "it was removed before, its past was not"
    assert good() == {}
    refused(here("nightly", "rm", "head", "--forget"), "no schedule 'head'")
    assert "goes on" not in here(*ADD).err


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Path]:
    """The inventory of one virtual board."""
    where = at(tmp_path)
    try:
        lab.up(where, 1, options(load="synthetic"))
        where.truth.write_text(json.dumps({"default_ms": 2.0, "sleep_s": 0.02}))
        yield where.inventory
    finally:
        lab.down(where)


def test_a_pipeline_job_makes_what_is_good_and_holds_the_next_night_against_it(desk: Desk, board: Path) -> None:
    """The recipe of the README: add once, run from cron, a timer or a job."""
    words = json.dumps([sys.executable, "-c", EARS])
    (desk.folder / "farm.yaml").write_text(f"inventory: {board}\nnotify: {{command: {words}}}\n")
    assert desk.farm(*ADD, "--preset", "quick", "--max-blocks", "8").code == 0
    first = desk.farm("nightly", "run", "head", "--json")
    assert first.code == 0, first.err
    assert (first.results["verdict"], first.results["run"]["against"]) == ("measured", None)
    second = desk.farm("nightly", "run", "head", "--json")
    assert second.code == 0, second.err
    made = first.results["run"]["id"]
    assert second.results["run"]["against"] == made
    (cell,) = second.results["cells"]
    assert (cell["versus_past"]["verdict"], cell["versus_past"]["past_run"]) == ("equivalent", made)
    assert not (desk.folder / "heard").exists()
    (one,) = listed(desk.farm)
    assert one["last"]["run"] == second.results["run"]["id"]
    assert {path.name for path in desk.runs()} == {made, one["last"]["run"]}


def test_two_schedules_are_not_each_other_s_past_and_a_run_says_whose_it_asks(desk: Desk, board: Path) -> None:
    """Other files under equal names on one board."""
    (desk.folder / "farm.yaml").write_text(f"inventory: {board}\n")
    (desk.folder / "tail").mkdir()
    shutil.copy(DIGITS / "distilled.onnx", desk.folder / "tail" / "int8.onnx")
    for name in ("head", "tail"):
        added = desk.farm("nightly", "add", name, "--variants", name, "--at", "02:30", *QUICK)
        assert added.code == 0, added.err
        first = desk.farm("nightly", "run", name, "--json")
        assert (first.code, first.results["verdict"], first.results["run"]["against"]) == (0, "measured", None), name
    ask = ("run", "--variants", "head", *QUICK, "--dry-run", "--against")
    refused(desk.farm(*ask, "last-good"), "the nights of head and tail found different files of int8 on vb001 good",
            "--against last-good:head or --against last-good:tail")  # fmt: skip
    own, other = desk.farm(*ask, "last-good:head"), desk.farm(*ask, "last-good:tail")
    assert "against the last good night of head: no file has changed since then" in own.out, own
    assert "against the last good night of tail: the old file of int8 runs again in the same blocks" in other.out, other
    assert desk.farm("nightly", "rm", "tail").code == 0
    assert "against the last good night: no file has changed" in desk.farm(*ask, "last-good").out


def test_a_night_that_cannot_begin_ends_with_two_and_is_told_once(here: Farm, desk: Desk) -> None:
    words = json.dumps([sys.executable, "-c", EARS])
    (desk.folder / "farm.yaml").write_text(f"notify: {{command: {words}}}\n")
    assert here(*ADD).code == 0
    shutil.rmtree(desk.folder / "head")
    for _ in range(2):
        refused(here("nightly", "run", "head"), str(desk.folder / "head"))
    assert f"not begun {desk.folder / 'head'}" in here("nightly", "ls").out
    (heard,) = (json.loads(line) for line in (desk.folder / "heard").read_text().splitlines())
    assert (heard["schema"], heard["schedule"], heard["run"]) == ("farm.night/1", "head", None)
    assert [change["kind"] for change in heard["changes"]] == ["not_begun"]


def test_who_cannot_be_told_is_told_of_and_the_night_is_what_it_is(here: Farm, desk: Desk) -> None:
    (desk.folder / "farm.yaml").write_text("notify: {command: [/nowhere/mail]}\n")
    assert here(*ADD).code == 0
    (desk.folder / "head" / "int8.onnx").write_text("no model")
    said = here("nightly", "run", "head")
    refused(said, "the command /nowhere/mail was not told: it cannot be started")


def test_a_state_that_cannot_be_used_is_news_of_the_night_too(here: Farm, desk: Desk) -> None:
    """No mistake of a person, but nobody would hear of it else."""
    words = json.dumps([sys.executable, "-c", EARS])
    (desk.folder / "farm.yaml").write_text(f"notify: {{command: {words}}}\n")
    assert here(*ADD).code == 0
    (desk.state / "cas").write_text("no folder")
    said = here("nightly", "run", "head")
    assert said.code == 4, said
    (heard,) = (json.loads(line) for line in (desk.folder / "heard").read_text().splitlines())
    assert [change["kind"] for change in heard["changes"]] == ["not_begun"]


def test_a_night_has_the_date_of_its_own_zone() -> None:
    asked = request(
        Due(schedule(at="00:15"), DUE - 2.25 * 3600.0, None)
    )  # 00:15 in Berlin, 23:15 of the day before in UTC
    assert (asked.name, asked.against) == ("head 2026-11-22", "last-good")
