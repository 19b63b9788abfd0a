"""Files on the server that nobody names: they go after a day, and never from under a commit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from farm_orchestrator import store
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import FileRef
from farm_orchestrator.store import Artefacts, Claim, Store, open_artefacts, schema
from farm_orchestrator.store.orphans import YOUNG_S, orphans, remove_files, remove_orphans
from farm_orchestrator.store.pruning import named_digests
from run_support import wait_for
from store_support import Clock, Lane, insert, measured, part

LARGE = b"0123456789abcdef" * 160_000  # three chunks


@pytest.fixture
def server(pg_url: str, clock: Clock) -> Iterator[Store]:
    with Store.open(pg_url, clock) as opened:
        yield opened


@pytest.fixture
def artefacts(server: Store, tmp_path: Path) -> Artefacts:
    return open_artefacts(server, tmp_path / "cas")


def handed(artefacts: Artefacts, folder: Path, body: bytes) -> FileRef:
    path = folder / f"{time.monotonic_ns()}.jsonl"
    path.write_bytes(body)
    ref = Artefacts(folder / "other cas").put(path)
    artefacts.hand_over(path, ref.sha256)
    return ref


def removed(server: Store) -> int:
    return remove_orphans(server, partial(named_digests, server))


def there(server: Store) -> tuple[set[str], int]:
    """Digests of whole files, and how many chunks there are."""
    chunks = select(func.count()).select_from(schema.artefact_chunk)
    return server.read(
        lambda c: (set(c.execute(select(schema.artefact.c.sha256)).scalars()), c.execute(chunks).scalar_one())
    )


def running(server: Store) -> tuple[Lane, Claim]:
    insert(server, part())
    lane = Lane(server).start()
    return lane, lane.claim()


def test_files_of_a_launch_that_was_fenced_off_go_after_a_day_and_those_of_a_commit_stay(
    server: Store, artefacts: Artefacts, clock: Clock, tmp_path: Path
) -> None:
    lane, claim = running(server)
    fenced = handed(artefacts, tmp_path, b"of a holder that lost its board")
    clock.pass_s(60)
    successor = Lane(server, owner="another").start()
    assert not lane.end(claim, measured(transcript=fenced))
    kept = handed(artefacts, tmp_path, b"of the new holder")
    assert successor.end(successor.claim(), measured(transcript=kept))
    assert removed(server) == 0
    clock.pass_s(YOUNG_S + 1)
    assert orphans(server, partial(named_digests, server)) == {fenced.sha256: fenced.size}
    assert removed(server) == 1
    assert there(server) == ({kept.sha256}, 1)
    assert removed(server) == 0


def test_a_worker_that_slept_for_days_over_its_commit_has_its_files(
    server: Store, artefacts: Artefacts, clock: Clock, tmp_path: Path
) -> None:
    lane, claim = running(server)
    ref = handed(artefacts, tmp_path, b"put, and not committed yet")
    clock.pass_s(5 * YOUNG_S)
    assert removed(server) == 0
    assert lane.end(claim, measured(transcript=ref))
    assert removed(server) == 0
    assert there(server)[0] == {ref.sha256}


@pytest.mark.parametrize("first", ["put", "prune"])
def test_a_commit_that_races_with_a_prune_never_names_a_file_that_is_gone(
    first: str, server: Store, artefacts: Artefacts, clock: Clock, tmp_path: Path
) -> None:
    """The content lies there as nobody's, since days; a launch brings the same while the prune has decided, not yet ended."""
    old = handed(artefacts, tmp_path, LARGE)
    clock.pass_s(3 * YOUNG_S)
    lane, claim = running(server)
    decided, go_on = threading.Event(), threading.Event()

    def named() -> set[str]:
        found = named_digests(server)
        decided.set()
        assert go_on.wait(60)
        return found

    pruning = threading.Thread(target=remove_orphans, args=(server, named))
    pruning.start()
    assert decided.wait(60)
    if first == "prune":
        go_on.set()
        pruning.join(60)
        assert there(server) == (set(), 0)
    new = handed(artefacts, tmp_path, LARGE)
    assert new.sha256 == old.sha256
    if first == "put":
        go_on.set()
        pruning.join(60)
    assert lane.end(claim, measured(transcript=new))
    artefacts.bring({tmp_path / "brought": new.sha256})
    assert (tmp_path / "brought").read_bytes() == LARGE


def test_who_puts_a_file_waits_for_a_prune_that_takes_it_and_sends_it_anew(
    server: Store, artefacts: Artefacts, clock: Clock, tmp_path: Path
) -> None:
    ref = handed(artefacts, tmp_path, LARGE)
    clock.pass_s(3 * YOUNG_S)
    deleted, go_on = threading.Event(), threading.Event()

    def slowly(connection: object) -> None:
        assert remove_files(connection, {ref.sha256}, clock.s - YOUNG_S) == 1  # type: ignore[arg-type] # of the store
        deleted.set()
        assert go_on.wait(60)

    pruning = threading.Thread(target=server.submit, args=(slowly,))
    pruning.start()
    assert deleted.wait(60)
    putting = threading.Thread(target=handed, args=(artefacts, tmp_path, LARGE))
    putting.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    wait_for(lambda: server.read(lambda c: c.exec_driver_sql(waits).scalar()), "the one who puts to wait")
    go_on.set()
    for thread in (pruning, putting):
        thread.join(60)
    artefacts.bring({tmp_path / "brought": ref.sha256})
    assert (tmp_path / "brought").read_bytes() == LARGE


def test_many_commits_beside_a_prune_that_never_rests_all_have_their_files(
    server: Store, artefacts: Artefacts, clock: Clock, tmp_path: Path
) -> None:
    """Each launch brings one of two contents that lie there as nobody's; the grace is nothing, and who is at work says what
    stays.
    """
    insert(server, part(blocks=20))
    lane, done, failed = Lane(server).start(), threading.Event(), list[BaseException]()

    def prune() -> None:
        while not done.is_set():
            try:
                before = server.read(lambda c: _begun(c, clock))
                named = named_digests(server)
                found = there(server)[0] - named
                server.patiently(lambda c, found=found, before=before: remove_files(c, found, before))  # type: ignore[misc] # binds
            except BaseException as error:  # noqa: BLE001 - told by the test
                failed.append(error)
                return

    pruning = threading.Thread(target=prune)
    pruning.start()
    kept = []
    for number in range(30):
        clock.pass_s(1)
        claim = lane.claim()
        ref = handed(artefacts, tmp_path, b"same" if number % 2 else b"%d" % number)
        lane.end(claim, measured(transcript=ref))
        kept.append(ref.sha256)
    done.set()
    pruning.join(60)
    assert not failed
    assert set(kept) <= there(server)[0]


def _begun(connection: object, clock: Clock) -> float:
    """As `put_before`, without its day."""
    oldest = select(func.min(schema.launch.c.t0)).where(schema.launch.c.state == "running")
    found = connection.execute(oldest).scalar()  # type: ignore[attr-defined] # of the store
    return float(found) if found is not None else clock.s


def test_chunks_of_a_sender_that_died_go_and_one_that_goes_on_keeps_them(
    server: Store, artefacts: Artefacts, clock: Clock, tmp_path: Path
) -> None:
    ref = handed(artefacts, tmp_path, LARGE)
    server.submit(lambda c: c.execute(schema.artefact.delete()) and None)
    clock.pass_s(YOUNG_S - 1)
    assert removed(server) == 0
    assert there(server) == (set(), 3)
    handed(artefacts, tmp_path, LARGE)
    server.submit(lambda c: c.execute(schema.artefact.delete()) and None)
    clock.pass_s(YOUNG_S - 1)
    removed(server)
    assert there(server) == (set(), 3), "who sent it again had use for them"
    clock.pass_s(2)
    removed(server)
    assert there(server) == (set(), 0)
    handed(artefacts, tmp_path, LARGE)
    artefacts.bring({tmp_path / "brought": ref.sha256})


def test_what_any_row_names_stays_whatever_its_age(
    server: Store, artefacts: Artefacts, clock: Clock, tmp_path: Path
) -> None:
    refs = [handed(artefacts, tmp_path, b"%d" % number) for number in range(4)]
    agent, output, plan, _ = refs
    insert(server, part(agent_sha256=agent.sha256))
    lane = Lane(server).start()
    lane.end(lane.claim(), measured(facts={"outputs": {"sha256": output.sha256, "size": 1}}))
    server.submit(lambda c: c.execute(schema.run.update().values(facts={"plan_sha256": plan.sha256})) and None)
    lane.stop()
    store.cancel(server, part().run)
    clock.pass_s(100 * YOUNG_S)
    assert removed(server) == 1
    assert there(server)[0] == {ref.sha256 for ref in refs[:3]}
    with pytest.raises(StoreError, match="is not there"):
        artefacts.bring({tmp_path / os.urandom(4).hex(): refs[3].sha256})


def test_where_the_store_is_a_file_nothing_is_asked(file_state: Store) -> None:
    def asked() -> set[str]:
        raise AssertionError("nobody need name anything")

    assert (orphans(file_state, asked), remove_orphans(file_state, asked)) == ({}, 0)
