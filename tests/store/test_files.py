"""Artefacts, launch files, their compaction, transcripts."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from farm_agents import wire
from farm_orchestrator import store
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import Failed, FileRef, LaunchRow, Lost, Measured
from farm_orchestrator.store import Artefacts, Claim, Store, Timed, Transcript
from farm_orchestrator.store.samples import starts_ns
from store_support import RUN, Lane, insert, measured, part, rows

READING = {"t_ns": 5, "source": "temp/cpu", "value": 61.5, "unit": "C", "error": None}


def model(folder: Path, body: bytes = b"onnx" * 1000) -> Path:
    path = folder / "int8.onnx"
    path.write_bytes(body)
    return path


def timed(*latency_ns: int, t0_ns: int = 1000) -> Timed:
    return Timed(t0_ns, np.array(latency_ns, dtype=np.int64))


# --- artefacts


def test_an_artefact_is_found_by_its_digest(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "cas")
    ref = artefacts.put(model(tmp_path))
    assert ref == FileRef("int8.onnx", hashlib.sha256(b"onnx" * 1000).hexdigest(), 4000)
    path = artefacts.get(ref.sha256)
    assert path.read_bytes() == b"onnx" * 1000
    assert path == tmp_path / "cas" / ref.sha256[:2] / ref.sha256
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert artefacts.put(model(tmp_path)) == ref
    assert sum(each.is_file() for each in (tmp_path / "cas").rglob("*")) == 1


@pytest.mark.parametrize("seen", [True, False])
def test_a_flipped_byte_is_refused_and_mended_by_the_next_put(tmp_path: Path, seen: bool) -> None:  # noqa: FBT001 - a case
    artefacts = Artefacts(tmp_path / "cas")
    ref = artefacts.put(model(tmp_path))
    path = artefacts.get(ref.sha256)
    body = bytearray(path.read_bytes())
    body[100] ^= 1
    path.write_bytes(body)
    reader = artefacts if seen else Artefacts(tmp_path / "cas")
    with pytest.raises(StoreError, match="was changed"):
        reader.get(ref.sha256)
    reader.put(model(tmp_path))
    assert reader.get(ref.sha256).read_bytes() == b"onnx" * 1000


def test_a_missing_artefact_and_a_name_that_is_no_digest_are_refused(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "cas")
    with pytest.raises(StoreError, match="is missing"):
        artefacts.get("0" * 64)
    for name in ("../../etc/passwd", "", "0" * 63, "A" * 64, "0" * 64 + "\n"):
        with pytest.raises(StoreError, match="is no sha256 digest"):
            artefacts.get(name)


def test_a_source_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.onnx"):
        Artefacts(tmp_path / "cas").put(tmp_path / "gone.onnx")


def test_a_disk_that_is_full_leaves_no_half_artefact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefacts = Artefacts(tmp_path / "cas")

    def refuse(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(StoreError, match="the disk is full"):
        artefacts.put(model(tmp_path))
    monkeypatch.undo()
    assert [each for each in (tmp_path / "cas").rglob("*") if each.is_file()] == []
    assert artefacts.get(artefacts.put(model(tmp_path)).sha256).stat().st_size == 4000


def test_many_writers_of_one_file_leave_one_sound_copy(tmp_path: Path) -> None:
    source, start = model(tmp_path, b"x" * 3_000_000), threading.Barrier(8)
    refs: list[FileRef] = []

    def put() -> None:
        start.wait(60)
        refs.append(Artefacts(tmp_path / "cas").put(source))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(refs)) == 1
    assert len(refs) == 8
    assert [each.name for each in (tmp_path / "cas").rglob("*") if each.is_file()] == [refs[0].sha256]
    assert Artefacts(tmp_path / "cas").get(refs[0].sha256).stat().st_size == 3_000_000


# --- launch files


def test_samples_and_readings_come_back_as_they_were_written(tmp_path: Path) -> None:
    broken = {"t_ns": 6, "source": "power", "value": None, "unit": "W", "error": "no such file"}
    ref = store.write_launch(tmp_path, 4, 2, timed(10, 20, 30), [READING, broken])
    assert (ref.name, ref.size) == ("launches/4.2.parquet", (tmp_path / ref.name).stat().st_size)
    assert ref.sha256 == hashlib.sha256((tmp_path / ref.name).read_bytes()).hexdigest()
    samples, readings = store.read_launch(tmp_path / ref.name)
    assert samples.to_pydict() == {
        "i": [0, 1, 2], "t_ns": [1000, 1010, 1030], "latency_ns": [10, 20, 30], "start_delay_ns": [None] * 3,
    }  # fmt: skip
    assert readings.to_pylist() == [READING, broken]
    assert [each.name for each in (tmp_path / "launches").iterdir()] == ["4.2.parquet"]


def test_readings_may_lack_anything_but_their_time_and_source(tmp_path: Path) -> None:
    every = [
        {"t_ns": 2**63 - 1, "source": "Wärme/κ", "value": value, "unit": unit, "error": error}
        for value in (None, -0.5, 7)
        for unit in (None, "", "°C")
        for error in (None, "no such file: \U0001f525")
    ]
    ref = store.write_launch(tmp_path, 1, 1, timed(10), every)
    assert store.read_launch(tmp_path / ref.name)[1].to_pylist() == every


LIGHT = """
import sys
from pathlib import Path
import numpy as np
from farm_orchestrator.store import Timed, write_launch
reading = {"t_ns": 5, "source": "temp/cpu", "value": 61.5, "unit": "C", "error": None}
write_launch(Path(sys.argv[1]), 1, 1, Timed(0, np.arange(9), np.arange(9), 10.0), [reading])
print("pandas" in sys.modules)
"""


def test_a_launch_file_is_written_without_the_import_of_pandas(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert len(list((tmp_path / "launches").iterdir())) == 1


def test_a_launch_without_a_reading_is_a_launch(tmp_path: Path) -> None:
    ref = store.write_launch(tmp_path, 1, 1, timed(10), [])
    samples, readings = store.read_launch(tmp_path / ref.name)
    assert (len(samples), len(readings)) == (1, 0)


def test_paced_iterations_start_at_their_deadline_plus_their_delay() -> None:
    latency, delay = np.array([200_000, 2_500_000, 100_000, 100_000]), np.array([10, 20, 30, 40])
    starts = starts_ns(Timed(0, latency, delay, pace_hz=1000))
    assert starts.tolist() == [10, 1_000_020, 4_000_030, 5_000_040], "the deadlines at 2 and 3 ms were missed"


def test_a_file_of_another_format_or_none_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    pq.write_table(pa.table({"i": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(StoreError, match=r"has the format 'none', this farm reads 'farm\.launch/1'"):
        store.read_launch(tmp_path / "foreign.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(StoreError, match="is no Parquet file"):
        store.read_launch(tmp_path / "text.parquet")


def test_a_launch_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="warm"):
        store.write_launch(tmp_path, 1, 1, timed(10), [{**READING, "value": "warm"}])
    assert list(tmp_path.rglob("*")) == []


# --- compaction


def measure(state: Store, folder: Path) -> list[LaunchRow]:
    """A run with a file for each measured launch, one failure, one rejection and one loss."""
    insert(state, part(names=("fp32", "int8", "bad"), blocks=2))
    lane = Lane(state).start()
    once = iter((None, measured(rejected="THROTTLED"), Lost("fenced", "lease lost")))

    def answer(claim: Claim) -> Measured | Failed | Lost:
        if claim.row.variant == "bad":
            return Failed("load", "INVALID_GRAPH", "no operator Foo")
        if claim.row.kind != "measure":
            return Measured({"load_ms": 2.5, "threads": 1}, boot_id="boot-1")
        if claim.row.block == 5 and (odd := next(once, None)) is not None:
            return odd
        file = store.write_launch(folder, claim.row.id, claim.fence, timed(claim.row.id, claim.row.id + 1), [READING])
        return measured(file=file, facts={"load_ms": 3, "cpu_ns": 5, "wall_ns": 5, "threads": 1, "python": "3.11"})

    lane.run(answer)
    return store.launches(state, RUN)


def table(folder: Path, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(folder / name).to_pylist()
    return found


def test_every_iteration_of_a_run_lies_in_one_file_with_its_place_and_its_validity(
    state: Store, tmp_path: Path
) -> None:
    every = measure(state, tmp_path)
    store.compact(tmp_path, [every])
    samples = table(tmp_path, "samples.parquet")
    with_file = [row for row in every if row.file is not None]
    assert list(samples[0]) == (
        [
            "board",
            "variant",
            "point",
            "block",
            "launch",
            "attempt",
            "kind",
            "valid",
            "i",
            "t_ns",
            "latency_ns",
            "start_delay_ns",
        ]
    )
    assert [(s["launch"], s["i"], s["latency_ns"]) for s in samples] == [
        (row.id, i, row.id + i) for row in with_file for i in (0, 1)
    ]
    valid = {row.id for row in every if row.state == "done" and row.kind == "measure" and row.dropped is None}
    assert {s["launch"] for s in samples if s["valid"]} == valid
    assert {s["launch"] for s in samples} > valid, "what was dropped is kept too"
    assert table(tmp_path, "readings.parquet") == [{"board": "b0", "launch": row.id, **READING} for row in with_file]


def test_every_launch_has_its_row_whatever_became_of_it(state: Store, tmp_path: Path) -> None:
    every = measure(state, tmp_path)
    store.compact(tmp_path, [every])
    told = {row["launch"]: row for row in table(tmp_path, "launches.parquet")}
    assert set(told) == {row.id for row in every}
    reasons = {row.state: told[row.id]["reason"] for row in every}
    assert {"done", "failed", "rejected", "lost", "superseded", "skipped"} == set(reasons)
    assert reasons["failed"] == "load: INVALID_GRAPH: no operator Foo"
    assert reasons["rejected"] == "THROTTLED"
    assert reasons["lost"] == "fenced: lease lost"
    assert reasons["skipped"] == "variant_failed"
    last = told[max(row.id for row in every if row.file)]
    assert (last["load_ms"], last["cpu_ns"], last["python"], last["p50_ns"]) == (3.0, 5, "3.11", 1_000_000)
    assert (last["hwm_run"], last["capped"]) == (None, None)
    assert json.loads(str(last["facts"]))["python"] == "3.11"
    assert last["boot_id"] == "boot-1"


def test_each_file_carries_its_format(state: Store, tmp_path: Path) -> None:
    store.compact(tmp_path, [measure(state, tmp_path)])
    formats = {name: pq.read_schema(tmp_path / f"{name}.parquet").metadata[b"format"] for name in ("samples", "readings", "launches")}  # fmt: skip
    assert formats == {"samples": b"farm.samples/1", "readings": b"farm.readings/1", "launches": b"farm.launches/1"}


def test_a_run_without_any_result_has_its_three_files(tmp_path: Path, state: Store) -> None:
    insert(state, part())
    store.compact(tmp_path, [rows(state)])
    assert [len(table(tmp_path, f"{name}.parquet")) for name in ("samples", "readings", "launches")] == [0, 0, 7]


def test_a_launch_file_without_a_committed_row_goes_and_that_of_a_running_launch_stays(
    state: Store, tmp_path: Path
) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    claimed = lane.claim()
    store.write_launch(tmp_path, claimed.row.id, lane.fence, timed(1), [])
    store.write_launch(tmp_path, 99, 1, timed(1), [])
    store.compact(tmp_path, [rows(state)])
    assert [each.name for each in (tmp_path / "launches").iterdir()] == [f"{claimed.row.id}.{lane.fence}.parquet"]


@pytest.mark.parametrize("harm", ["flip", "delete"])
def test_a_launch_file_that_is_not_what_was_committed_is_refused(state: Store, tmp_path: Path, harm: str) -> None:
    every = measure(state, tmp_path)
    path = tmp_path / str(next(row.file for row in every if row.file))
    body = bytearray(path.read_bytes())
    body[10] ^= 1
    path.unlink() if harm == "delete" else path.write_bytes(body)
    with pytest.raises(StoreError, match=r"is not what launch \d+ \(.*\) measured"):
        store.compact(tmp_path, [every])


# --- transcripts


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_word_is_on_disk_before_it_is_interpreted(tmp_path: Path) -> None:
    times = iter([1.5, 2.5])
    transcript = Transcript(tmp_path, 7, 3, lambda: next(times))
    path = tmp_path / "transcripts" / "7.3.jsonl"
    transcript.append("orchestrator", wire.encode(wire.Stop("enough")))
    assert lines(path)[1] == {"t": 1.5, "from": "orchestrator", "raw": '{"msg":"stop","reason":"enough"}'}
    transcript.append("agent", b'\xff\x00 no "json"\n')
    ref = transcript.close()
    assert lines(path)[0] == {"schema": "farm.transcript/1", "launch": 7, "fence": 3}
    assert lines(path)[2]["raw"] == '\\xff\x00 no "json"'
    assert ref == FileRef("transcripts/7.3.jsonl", hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)


@pytest.mark.parametrize(
    ("message", "count"),
    [(wire.Samples("7.3", 0, 1, list(range(2000))), 2000), (wire.Readings("7.3", [READING] * 30), 30)],
)
def test_bulk_payload_is_replaced_by_its_digest(tmp_path: Path, message: wire.Message, count: int) -> None:
    transcript = Transcript(tmp_path, 7, 3)
    raw = wire.encode(message)
    transcript.append("agent", raw)
    transcript.close()
    kept = json.loads(str(lines(tmp_path / "transcripts" / "7.3.jsonl")[1]["raw"]))
    assert kept == {
        "msg": type(message).__name__.lower(), "launch": "7.3", "n": count, "bytes": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }  # fmt: skip


@pytest.mark.parametrize(
    "raw", [b'{"msg":["samples"]}', b'{"msg":"samples","latency_ns":3}', b"[" * 100_000, b"3", b""]
)
def test_a_line_that_is_no_message_stays_in_the_transcript(tmp_path: Path, raw: bytes) -> None:
    transcript = Transcript(tmp_path, 1, 1)
    transcript.append("agent", raw)
    transcript.close()
    kept = lines(tmp_path / "transcripts" / "1.1.jsonl")[1]["raw"]
    assert kept == raw.decode() or '"n":null' in str(kept)
