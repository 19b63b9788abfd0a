"""`farm runs prune`: what is old goes wholly, what somebody needs stays, and a prune that is killed is ended by the next."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from farm_orchestrator import store
from farm_orchestrator.model import FileRef, Part
from farm_orchestrator.store import Store, open_artefacts, schema
from run_support import Desk, Said
from store_support import Clock, Lane, measured, part
from store_support import insert as insert_parts

OLD, GOOD, LATE, OPEN = (f"20250101-00000{index}-aaaa" for index in range(4))
DAY_S = 86400.0


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    if request.param == "sqlite":
        return Desk(tmp_path)
    url = request.getfixturevalue("pg_url")
    return Desk(tmp_path, (("FARM_STORE", url), ("FARM_BROKER", "redis://127.0.0.1:1/0")))


@pytest.fixture
def state(desk: Desk) -> Iterator[Store]:
    clock = Clock(time.time() - 40 * DAY_S)
    with Store.open(dict(desk.more_env).get("FARM_STORE") or desk.state / "farm.db", clock) as opened:
        for run in (OLD, GOOD):
            measure(opened, desk, run)
        last = schema.last_good.insert().values(
            schedule="head", variant="fp32", board="b0", point="p", sha256="a" * 64, run=GOOD, moved=0.0
        )
        opened.submit(lambda c: c.execute(last) and None)
        clock.s = time.time()
        measure(opened, desk, LATE)
        insert_parts(opened, kept_part(opened, desk, OPEN))
        yield opened


def kept_part(state: Store, desk: Desk, run: str) -> Part:
    """Its agent is the same for all runs, its model is its own."""
    artefacts = open_artefacts(state, desk.state / "cas")
    (desk.folder / run).write_text(run)
    (desk.folder / "agent.pyz").write_text("the agent")
    own, agent = artefacts.put(desk.folder / run), artefacts.put(desk.folder / "agent.pyz")
    made = part(run=run)
    arms = tuple(
        replace(one, sha256=own.sha256, files=(FileRef("a.onnx", own.sha256, own.size),)) for one in made.variants
    )
    return replace(made, variants=arms, agent=agent)


def measure(state: Store, desk: Desk, run: str) -> None:
    insert_parts(state, kept_part(state, desk, run))
    lane = Lane(state).start()
    lane.run(lambda _: measured(transcript=FileRef("t", "7" * 64, 1)))
    lane.stop()
    store.close_finished(state)
    (desk.folder / "runs" / run / "launches").mkdir(parents=True)
    (desk.folder / "runs" / run / "launches" / "1.1.parquet").write_bytes(b"x" * 1000)


def age_files(desk: Desk) -> None:
    for file in (desk.state / "cas").glob("??/*"):
        os.utime(file, (0, 0))


def left(state: Store, desk: Desk) -> tuple[list[str], list[str], set[str]]:
    """Runs in the store, folders of runs, and what the store or its folder holds of their files."""
    digests = state.read(lambda c: set(c.execute(select(schema.artefact.c.sha256)).scalars()))
    local = {file.name for file in (desk.state / "cas").glob("??/*")}
    folders = sorted(path.name for path in (desk.folder / "runs").iterdir())
    return [row.id for row in store.list_runs(state)], folders, digests if state.shared else local


def prune(desk: Desk, *more: str) -> Said:
    return desk.farm("runs", "prune", "--older", "30d", *more)


def test_an_old_run_goes_with_its_files_and_what_others_need_stays(desk: Desk, state: Store) -> None:
    age_files(desk)
    before = left(state, desk)
    shown = prune(desk, "--dry-run")
    assert (shown.code, left(state, desk)) == (0, before), shown.err
    assert OLD in shown.out
    assert not any(run in shown.out for run in (GOOD, LATE, OPEN))
    done = prune(desk, "--yes")
    assert done.code == 0, done.err
    runs, folders, files = left(state, desk)
    assert runs == [GOOD, LATE, OPEN]
    assert folders == [GOOD, LATE]
    assert len(before[2] - files) == 1, "its model; the agent is that of the other runs too"
    assert tables(state, OLD) == [0] * 5
    open_artefacts(state, desk.state / "cas").get(store.parts(state, OPEN)[0].agent.sha256)


def tables(state: Store, run: str) -> list[int]:
    every = (schema.launch, schema.cell, schema.part, schema.event, schema.run)
    return state.read(
        lambda c: [c.execute(select(func.count()).select_from(t).where(t.c.run == run)).scalar_one() for t in every]
    )


def test_nobody_is_asked_where_nobody_is(desk: Desk, state: Store) -> None:
    before = left(state, desk)
    refused = prune(desk)
    assert (refused.code, left(state, desk)) == (2, before)
    assert "--yes" in refused.err


def test_the_newest_are_kept_whatever_their_age(desk: Desk, state: Store) -> None:
    assert prune(desk, "--keep", "4", "--yes").code == 0
    assert [row.id for row in store.list_runs(state)] == [OLD, GOOD, LATE, OPEN]


def test_a_run_that_an_open_one_names_stays(desk: Desk, state: Store) -> None:
    change = schema.run.update().where(schema.run.c.run == OPEN).values(facts={"against": OLD})
    state.submit(lambda c: c.execute(change) and None)
    assert prune(desk, "--yes").code == 0
    assert OLD in [row.id for row in store.list_runs(state)]


@pytest.mark.parametrize("name", ["prune_marked", "before_prune", "after_prune"])
def test_a_prune_that_is_killed_leaves_nothing_half(name: str, desk: Desk, state: Store) -> None:
    age_files(desk)
    killed = Desk(desk.folder, (*desk.more_env, ("FAILPOINT", name)))
    assert prune(killed, "--yes").code == -signal.SIGKILL
    gone = name == "after_prune"
    assert (OLD in left(state, desk)[0]) != gone
    assert tables(state, OLD)[1:3] == ([0, 0] if gone else [2, 1])
    assert (desk.folder / "runs" / OLD / "launches" / "1.1.parquet").exists()
    assert prune(desk, "--yes").code == 0
    assert left(state, desk)[:2] == ([GOOD, LATE, OPEN], [GOOD, LATE])


def test_a_folder_that_no_prune_marked_is_left_alone(desk: Desk, state: Store) -> None:
    (desk.folder / "runs" / "20240101-000000-ffff").mkdir()
    assert prune(desk, "--yes").code == 0
    assert "20240101-000000-ffff" in left(state, desk)[1]


def test_files_on_the_server_that_no_run_names_go_when_they_are_a_day_old(desk: Desk, state: Store) -> None:
    if not state.shared:
        return
    before = left(state, desk)[2]
    artefacts = open_artefacts(state, desk.state / "cas")
    (desk.folder / "young").write_text("of a launch that is about to be committed")
    young = artefacts.put(desk.folder / "young").sha256
    (desk.folder / "fenced").write_text("of a launch that was fenced off")
    fenced = artefacts.put(desk.folder / "fenced").sha256
    old = schema.artefact.update().where(schema.artefact.c.sha256 == fenced).values(put=time.time() - 2 * DAY_S)
    state.submit(lambda c: c.execute(old) and None)
    assert "1 files that no run names" in prune(desk, "--keep", "9", "--dry-run").out
    assert prune(desk, "--keep", "9", "--yes").code == 0
    assert left(state, desk)[2] == before | {young}
