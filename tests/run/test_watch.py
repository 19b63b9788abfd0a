"""A watcher sees what the run's own command sees, ends as it ends, and is never in its way."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from farm_orchestrator import config, store
from farm_orchestrator.cli.live import QuietView
from farm_orchestrator.config import Settings
from farm_orchestrator.model import Limits
from farm_orchestrator.run.desk import Desk as At
from farm_orchestrator.run.drain import drain
from farm_orchestrator.run.engines import Engines
from farm_orchestrator.run.interrupts import Interrupts
from farm_orchestrator.run.request import Finished
from farm_orchestrator.run.watch import REPORT_S, look_at_fleet, watch
from farm_orchestrator.store import Snapshot, Store, schema
from postgres_support import PrivatePostgres
from run_support import DIGITS, ONE, Desk, heard, nothing_left, started, wait_for
from setup_support import Terminal
from store_support import RUN, Lane, insert, part

WATCH = ("run", "--watch", "last")


def results(desk: Desk) -> Any:
    (folder,) = desk.runs()
    return json.loads((folder / "results.json").read_text())


def looking(desk: Desk, *words: str) -> subprocess.Popen[str]:
    """A watcher that has begun to look."""
    watcher = desk.start(*WATCH, *words)
    assert watcher.stderr is not None
    assert "run" in watcher.stderr.readline()
    return watcher


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A run that two watchers and two looks at the fleet went along with."""
    desk = Desk(tmp_path_factory.mktemp("ended"))
    command = desk.start(*ONE)
    wait_for(started(desk, 3), "some launches")
    watchers = [looking(desk), looking(desk)]
    lines = desk.farm("run", "--watch").out
    (run,) = desk.runs()
    assert re.search(rf"^board local (measuring \w+ .* for|connecting for|queued for) {run.name}$", lines, re.MULTILINE)
    assert re.search(rf"^run {run.name} (measuring|queued) \d/1 board, .*\d+/\d+ launches", lines, re.MULTILINE)
    said, seen = heard(command), [heard(each) for each in watchers]
    assert said.code == 0, said.err
    assert [each.code for each in seen] == [0, 0], [each.err for each in seen]
    assert [each.out for each in seen] == [said.out, said.out]
    wait_for(lambda: nothing_left(desk), "all processes to end")
    return desk


def test_watchers_end_with_the_outcome_of_the_run_and_change_nothing_of_it(ended: Desk) -> None:
    assert results(ended)["run"]["status"] == "complete"
    assert {row["state"] for row in ended.launches()} == {"done"}


def test_a_run_that_is_closed_tells_its_outcome_at_once(ended: Desk) -> None:
    (folder,) = ended.runs()
    for name in ("last", folder.name, folder.name[:11]):
        said = ended.farm("run", "--watch", name, "--json")
        assert said.code == 0, said.err
        assert said.results == results(ended)


def test_files_of_a_closed_run_that_are_not_here_are_written_again(ended: Desk, tmp_path: Path) -> None:
    (folder,) = ended.runs()
    (folder / "results.json").rename(tmp_path / "results.json")
    said = ended.farm(*WATCH, "--json", "--out", str(tmp_path / "out"))
    assert said.code == 0, said.err
    assert said.results["verdict"] == json.loads((tmp_path / "results.json").read_text())["verdict"]
    assert (tmp_path / "out" / "report.html").exists()


def test_after_the_run_its_board_is_free_and_the_queue_empty(ended: Desk) -> None:
    document = json.loads(ended.farm("run", "--watch", "--json").out)
    assert [(board["name"], board["state"]) for board in document["boards"]] == [("local", "free")]
    assert (document["format"], document["runs"], document["attention"]) == ("farm.fleet/1", [], [])


def test_what_cannot_be_watched_is_said(ended: Desk) -> None:
    for words, text in (
        (("--watch", "1999"), "there is no run '1999'"),
        ((str(DIGITS), "--watch", "last"), "leave the paths out"),
    ):
        said = ended.farm("run", *words)
        assert (said.code, said.out) == (2, "")
        assert text in said.err


def test_a_watcher_that_leaves_stops_nothing(desk: Desk) -> None:
    command = desk.start(*ONE)
    wait_for(started(desk, 2), "some launches")
    watcher = looking(desk)
    watcher.send_signal(signal.SIGINT)
    said = heard(watcher)
    assert (said.code, said.out) == (130, "")
    assert f"farm run --watch {desk.runs()[0].name}" in said.err
    assert heard(command).code == 0
    assert results(desk)["run"]["status"] == "complete"


def test_a_run_that_is_interrupted_ends_its_watchers_as_interrupted(desk: Desk) -> None:
    command = desk.start(*ONE)
    wait_for(started(desk, 3), "some launches")
    watcher = looking(desk)
    command.send_signal(signal.SIGINT)
    assert heard(command).code == 130
    said = heard(watcher)
    assert said.code == 130, said.err
    assert f"farm run --resume {desk.runs()[0].name}" in said.out
    assert results(desk)["run"]["status"] == "partial"


def test_a_watcher_keeps_no_run_alive_whose_command_was_killed_and_says_what_goes_on_with_it(desk: Desk) -> None:
    command = desk.start(*ONE)
    wait_for(started(desk, 3), "some launches")
    watcher = looking(desk)
    command.kill()
    heard(command)
    said = heard(watcher)
    assert said.code == 4
    assert "nobody measures it" in said.err
    assert f"farm run --resume {desk.runs()[0].name}" in said.err
    document = json.loads(desk.farm("run", "--watch", "--json").out)
    assert [run["state"] for run in document["runs"]] == ["left"]
    assert [each["do"] for each in document["attention"]] == [f"farm run --resume {desk.runs()[0].name}"]
    assert "pending" in {row["state"] for row in desk.launches()}


def test_at_a_terminal_the_fleet_is_shown_until_ctrl_c(ended: Desk) -> None:
    there = Terminal(ended.folder, ended.env, "run", "--watch")
    there.until("Ctrl-C leaves")
    there.until("free")
    there.type("\x03")
    assert there.end() == 0
    assert "Traceback" not in there.said


def test_a_terminal_that_cannot_redraw_gets_lines(ended: Desk) -> None:
    class Dumb(Terminal):
        program = ("/usr/bin/env", "TERM=dumb", *Terminal.program)

    there = Dumb(ended.folder, ended.env, "run", "--watch")
    assert there.end() == 0
    assert there.lines == ["1 board, 0 runs", "board local free"]


# On both kinds of store, without boards: a lane that says what it measured.


class Seen(QuietView):
    """What a watcher was told."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.said: list[str] = []

    def update(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def message(self, text: str) -> None:
        self.said.append(text)


FACTS: dict[str, Any] = {
    "farm_version": "1", "git": None, "baseline": "fp32", "limits": Limits().to_json(), "files": {"fp32": "fp32.onnx"},
    "labels": None, "refused": [], "assumptions": [], "min_boards": 1, "on_inconclusive": "warn",
}  # fmt: skip


def stored(state: Store, **values: object) -> None:
    """A run as a command leaves it."""
    insert(state, part())
    change(state, facts=FACTS, **values)


def change(state: Store, **values: object) -> None:
    state.submit(lambda c: c.execute(update(schema.run).values(values)) and None)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    found = config.load(cwd=tmp_path, env={})
    return replace(found, store=request.getfixturevalue("pg_url")) if request.param == "postgresql" else found


def is_seen(view: Seen, launches: int) -> bool:
    return bool(view.snapshots) and view.snapshots[-1].boards[0].counts.get("done", 0) >= launches


def test_several_watch_while_a_lane_measures_and_each_has_the_outcome(settings: Settings) -> None:
    with Store.open(settings.store) as state, ThreadPoolExecutor(2) as pool:
        stored(state)
        views = (Seen(), Seen())
        watchers = [pool.submit(watch, RUN, settings, view) for view in views]
        lane = Lane(state).start()
        lane.run(launches=3)
        wait_for(lambda: all(is_seen(view, 3) for view in views), "both to see three launches")
        assert store.load_run(state, RUN).state == "open"
        lane.run()
        lane.stop()
        assert store.close_finished(state) == [RUN]
        assert store.claim_report(state, RUN), "watchers leave that to who stands behind the run"
        store.set_word(state, RUN, "invalid")  # the lane kept no files
        found = [each.result(timeout=120) for each in watchers]
    for each in found:
        assert isinstance(each, Finished)
        assert (each.run, each.exit_code, each.results.verdict) == (RUN, 4, "invalid")


def test_a_run_that_nobody_reports_is_reported_by_its_watcher(settings: Settings) -> None:
    with Store.open(settings.store) as state:
        stored(state)
        lane = Lane(state).start()
        lane.run()
        lane.stop()
        store.close_finished(state)
        change(state, attached_until=0.0, finished=state.now() - (REPORT_S + 1.0 if state.shared else 0.0))
        found = watch(RUN, settings, Seen())
        assert isinstance(found, Finished)
        assert store.load_run(state, RUN).word == found.results.verdict


def test_a_server_that_is_started_anew_is_waited_for(pg_url: str, postgres: PrivatePostgres, tmp_path: Path) -> None:
    settings, view = replace(config.load(cwd=tmp_path, env={}), store=pg_url), Seen()
    with Store.open(pg_url) as state, ThreadPoolExecutor(1) as pool:
        stored(state)
        watcher = pool.submit(watch, RUN, settings, view)
        wait_for(lambda: view.snapshots, "a first look")
        postgres.restart()
        before = len(view.snapshots)
        wait_for(lambda: len(view.snapshots) > before, "a look after the restart")
        store.cancel(state, RUN)
        change(state, attached_until=0.0)
        store.close_finished(state)
        found = watcher.result(timeout=120)
    assert isinstance(found, Finished)
    assert found.exit_code == 130


def test_a_command_that_waits_for_its_run_outwaits_a_server_that_is_started_anew(
    pg_url: str, postgres: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm_orchestrator.run.drain.TICK_S", 1e9)  # the looks alone meet it
    settings, view = replace(config.load(cwd=tmp_path, env={}), store=pg_url), Seen()
    with Store.open(pg_url, tell=view.message) as state, ThreadPoolExecutor(1) as pool:
        stored(state)
        at = At(settings, state, Engines(None), lambda _: True, view, Interrupts(), None)
        waiting = pool.submit(drain, RUN, at)
        wait_for(lambda: view.snapshots, "a first look")
        postgres.process.send_signal(signal.SIGINT)
        postgres.process.wait(60)
        try:
            wait_for(lambda: view.said or waiting.done(), "a look that finds nobody")
        finally:
            postgres.start()
        before = len(view.snapshots)
        wait_for(lambda: len(view.snapshots) > before or waiting.done(), "a look after the restart")
        store.cancel(state, RUN)
        store.close_finished(state)
        assert waiting.result(timeout=120), "the run was cancelled"
    assert len(view.said) == 2, view.said
    assert view.said[0].startswith("waiting for up to 60 s: ")
    assert view.said[1].startswith("another command cancelled")


def test_boards_of_the_inventory_that_nothing_was_measured_on_are_of_the_fleet(settings: Settings) -> None:
    inventory = settings.home.parent / "inventory.yaml"
    inventory.write_text("boards:\n  b0: {}\n  spare: {}\n")
    with Store.open(settings.store) as state:
        stored(state)
    seen = look_at_fleet(replace(settings, inventory=inventory))
    assert [(board.board, board.known) for board in seen.boards] == [("b0", True), ("spare", False)]
    assert look_at_fleet(settings).boards == seen.boards[:1]
