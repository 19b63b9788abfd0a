"""Files of launches that go through the server from the machine that measured to the one that reports."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Executable, delete, update

from farm_orchestrator.errors import StoreError
from farm_orchestrator.store import Artefacts, Store, open_artefacts
from farm_orchestrator.store.schema import artefact_chunk
from farm_orchestrator.store.shared_artefacts import SharedArtefacts
from postgres_support import PrivatePostgres
from run_support import wait_for
from store_support import Clock

T = TypeVar("T")
LARGE = b"0123456789abcdef" * 160_000  # three chunks


@pytest.fixture
def server(pg_url: str, clock: Clock) -> Iterator[Store]:
    with Store.open(pg_url, clock) as opened:
        yield opened


def handed(store: Store, folder: Path, *bodies: bytes) -> dict[str, str]:
    """Digest by name, of files that one machine handed over."""
    artefacts = open_artefacts(store, folder / "cas")
    found = {}
    for number, body in enumerate(bodies):
        path = folder / f"{number}.parquet"
        path.write_bytes(body)
        found[path.name] = hashlib.sha256(body).hexdigest()
        artefacts.hand_over(path, found[path.name])
        assert not path.exists(), "what all machines have leaves this one"
    return found


def test_what_one_machine_hands_over_another_has_byte_for_byte(server: Store, tmp_path: Path) -> None:
    bodies = (LARGE, b"", *(b"%d" % number for number in range(40)))
    digests = handed(server, tmp_path, *bodies)
    there = tmp_path / "there"
    artefacts = open_artefacts(server, tmp_path / "cas of another")
    wanted = {there / "launches" / name: sha256 for name, sha256 in digests.items()}
    artefacts.bring(wanted)
    assert [path.read_bytes() for path in wanted] == list(bodies)
    assert not (tmp_path / "cas of another").exists(), "they are kept once"


def test_what_is_there_is_not_fetched_again(server: Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("as it is")
    open_artefacts(server, tmp_path / "cas").bring({mine: "0" * 64})
    assert mine.read_text() == "as it is"


def test_a_file_that_nobody_handed_over_is_named(server: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"7\.parquet is not there"):
        open_artefacts(server, tmp_path / "cas").bring({tmp_path / "7.parquet": "0" * 64})
    assert not (tmp_path / "7.parquet").exists()


def test_a_byte_that_flipped_in_the_database_is_refused(server: Store, tmp_path: Path) -> None:
    digests = handed(server, tmp_path, b"what was measured")
    server.submit(lambda c: c.execute(update(artefact_chunk).values(data=b"what was invented")) and None)
    with pytest.raises(StoreError, match=r"0\.parquet was changed"):
        open_artefacts(server, tmp_path / "cas").bring({tmp_path / "0.parquet": digests["0.parquet"]})
    assert not (tmp_path / "0.parquet").exists()


def test_a_file_is_kept_and_fetched_while_the_server_is_started_anew(
    pg_url: str, postgres: PrivatePostgres, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(LARGE)
    told: list[str] = []
    with Store.open(pg_url, tell=told.append) as server, ThreadPoolExecutor(1) as pool:
        here, there = (open_artefacts(server, tmp_path / name) for name in ("here", "there"))
        kept = while_away(postgres, pool, told, lambda: here.put(tmp_path / "model.onnx"))
        told.clear()
        got = while_away(postgres, pool, told, lambda: there.get(kept.sha256))
        assert got.read_bytes() == LARGE


def while_away(postgres: PrivatePostgres, pool: ThreadPoolExecutor, told: list[str], act: Callable[[], T]) -> T:
    """What `act` gives that begins without a server and ends with one."""
    postgres.process.send_signal(signal.SIGINT)
    postgres.process.wait(60)
    try:
        acting = pool.submit(act)
        wait_for(lambda: told or acting.done(), "the first who waits")
    finally:
        postgres.start()
    return acting.result(timeout=120)


class Misreading(SharedArtefacts):
    """Of a machine to which nothing comes as it is."""

    def _chunk(self, sha256: str, i: int) -> bytes:
        return b"?" + super()._chunk(sha256, i)[1:]


def test_what_one_machine_misreads_stays_there_for_the_others(server: Store, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(LARGE)
    kept = open_artefacts(server, tmp_path / "cas").put(tmp_path / "model.onnx")
    with pytest.raises(StoreError, match="did not arrive as it is there"):
        Misreading(server, tmp_path / "misreading").get(kept.sha256)
    assert open_artefacts(server, tmp_path / "there").get(kept.sha256).read_bytes() == LARGE


@pytest.mark.parametrize("harm", [update(artefact_chunk).values(data=b"x"), delete(artefact_chunk)])
def test_what_the_server_has_no_longer_is_forgotten_and_sent_anew(
    server: Store, tmp_path: Path, harm: Executable
) -> None:
    (tmp_path / "model.onnx").write_bytes(LARGE)
    here = open_artefacts(server, tmp_path / "cas")
    kept = here.put(tmp_path / "model.onnx")
    server.submit(lambda c: c.execute(harm) and None)
    there = open_artefacts(server, tmp_path / "there")
    with pytest.raises(StoreError, match="was changed"):
        there.get(kept.sha256)
    here.put(tmp_path / "model.onnx")
    assert there.get(kept.sha256).read_bytes() == LARGE


def test_where_the_store_is_a_file_everything_stays_where_it_is(file_state: Store, tmp_path: Path) -> None:
    artefacts = open_artefacts(file_state, tmp_path / "cas")
    assert type(artefacts) is Artefacts
    path = tmp_path / "0.parquet"
    path.write_bytes(b"x")
    artefacts.hand_over(path, "0" * 64)
    artefacts.bring({tmp_path / "1.parquet": "0" * 64})
    assert (path.exists(), (tmp_path / "1.parquet").exists()) == (True, False)
