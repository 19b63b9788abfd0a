"""The sampler over files that change while it reads them: values, errors, lanes, missed ticks, its own cost."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
from farm_agents import sampled
from farm_agents.ring import Raw, Ring
from farm_agents.sampler import LONGEST_NS, LOOKED, SLOW_TICKS, Sampler
from sampler_support import PERIOD_NS, order, rows, said, source


def floors() -> list[str]:
    """Interpreters of the floor's version that run."""
    known = [os.environ.get("FARM_TEST_PYTHON38"), shutil.which("python3.8")]
    return [
        path
        for path in known
        if path and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0
    ]


PYTHONS = [sys.executable, *floors()]


@pytest.fixture
def sensor(tmp_path: Path) -> Path:
    path = tmp_path / "sensor"
    path.write_text("1\n")
    return path


def over(*sources: dict[str, Any], **fields: int) -> Sampler:
    return Sampler(order(*sources, **fields))


def test_a_value_is_read_again_at_each_tick(sensor: Path) -> None:
    sampler = over(source(sensor))
    for text in ("1\n", "2\n", "30\n", "4\n"):
        sensor.write_text(text)
        sampler.tick()
    assert said(sampler) == [1, 2, 30, 4]


def test_a_reading_has_its_own_time_source_and_unit(sensor: Path) -> None:
    sampler = over(source(sensor, unit="kHz"))
    before = time.perf_counter_ns()
    sampler.tick()
    (row,) = rows(sampler)
    assert before <= row.pop("t_ns") <= time.perf_counter_ns()
    assert row == {"source": "sensor", "value": 1, "unit": "kHz", "error": None}


@pytest.mark.parametrize(
    ("text", "parser", "unit", "expected"),
    [
        (b"1800000\n", "number", "kHz", 1_800_000),
        (b"-250 \n\0", "number", "mA", -250),
        (b"", "number", "mA", "empty"),
        (b"\n", "number", "mA", "empty"),
        (b"<unsupported>\n", "number", "kHz", "nonsense"),
        (b"\xff\xfe\x00", "number", "kHz", "nonsense"),
        (b"1" * 5000, "number", "kHz", "implausible"),
        (b"9223372036854775808", "number", "uJ", "implausible"),
        (b"48100\n", "number", "mC", 48_100),
        (b"48\n", "number", "mC", 48_000),
        (b"-256000\n", "number", "mC", "implausible"),
        (b"50005\n", "bits", "bits", 0x50005),
        (b"0x50005\n", "bits", "bits", 0x50005),
        (b"some avg10=0.05 avg60=0.04 avg300=0.00 total=95654990\nfull", "waited", "us", 95_654_990),
        (b"full avg10=0.05 total=7\n", "waited", "us", "nonsense"),
    ],
)
def test_what_a_sensor_may_say(sensor: Path, text: bytes, parser: str, unit: str, expected: int | str) -> None:
    sensor.write_bytes(text)
    sampler = over(source(sensor, parser=parser, unit=unit))
    sampler.tick()
    assert said(sampler) == [expected]


def test_an_error_of_the_kernel_keeps_its_name(tmp_path: Path) -> None:
    """/proc/self/mem cannot be read at its start, a folder not at all; a FIFO that nobody writes holds nobody up."""
    (tmp_path / "io").symlink_to("/proc/self/mem")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    sampler = over(*(source(tmp_path / name) for name in ("io", "folder", "fifo", "absent")))
    sampler.tick()
    assert said(sampler) == ["EIO", "EISDIR", "ESPIPE", "ENOENT"]


def test_a_sensor_that_is_asleep_says_eagain() -> None:
    asleep = Raw(1, 3, 0, -errno.EAGAIN, b"")
    told = sampled.reading(asleep, {**source(Path("gpu")), "interval_ns": 100})
    assert told == {"t_ns": 2, "source": "gpu", "value": None, "unit": "mA", "error": "EAGAIN"}


def test_a_value_that_took_over_half_of_its_interval_has_no_moment() -> None:
    slow = Raw(0, 60_000_000, 0, 2, b"7\n")
    told = {ms: sampled.reading(slow, {**source(Path("ina")), "interval_ns": ms * 1_000_000}) for ms in (100, 1000)}
    assert [(row["value"], row["error"]) for row in told.values()] == [(None, "took 60 ms"), (7, None)]


def test_a_file_that_vanishes_is_an_error_until_it_is_back(sensor: Path) -> None:
    sampler = over(source(sensor))
    sensor.unlink()
    sampler.look()
    sampler.tick()
    sensor.write_text("5\n")
    sampler.look()
    sampler.tick()
    assert said(sampler) == ["ENOENT", 5]


def test_a_device_that_was_exchanged_under_its_name_is_opened_again(sensor: Path) -> None:
    sampler = over(source(sensor))
    fresh = sensor.with_name("fresh")
    fresh.write_text("9\n")
    fresh.rename(sensor)
    sampler.look()
    sampler.tick()
    assert said(sampler) == [9]


def test_the_slow_lane_is_read_every_tenth_tick_and_takes_turns(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("fast", "twice", "slow", "slower")]
    for path in paths:
        path.write_text("1\n")
    sampler = over(*(source(path, ticks) for path, ticks in zip(paths, (1, 5, 10, 10), strict=True)))
    for _ in range(LOOKED):
        sampler.tick()
    names = [row["source"] for row in rows(sampler)]
    assert [names.count(path.name) for path in paths] == [20, 4, 2, 2]
    assert names.index("slow") - names.index("slower") == 2  # with the fast one between them


def test_every_source_is_read_first_and_last(tmp_path: Path, sensor: Path) -> None:
    other = tmp_path / "other"
    other.write_text("2\n")
    sampler = over(source(sensor, SLOW_TICKS), source(other, SLOW_TICKS))
    sampler.run(lambda within_s: within_s < 1)
    assert said(sampler) == [1, 2, 1, 2]
    assert sampler.ticks == 0


def test_ticks_that_the_system_slept_through_are_counted(sensor: Path) -> None:
    sampler = over(source(sensor), period_ns=1_000_000)

    def stopped(within_s: float) -> bool:
        time.sleep(max(0.0, within_s) + 0.005)
        return sampler.ticks == 3

    sampler.run(stopped)
    assert sampler.ticks == 3
    assert sampler.missed >= 3 * 4
    assert len(said(sampler)) == 2 + 3


def test_what_is_full_overwrites_its_oldest_and_says_so(sensor: Path) -> None:
    sampler = over(source(sensor), most=3)
    for value in range(5):
        sensor.write_text(f"{value}\n")
        sampler.tick()
    assert said(sampler) == [2, 3, 4]
    cost = sampled.cost(sampler.ring)
    assert (cost["readings"], cost["overwritten"]) == (5, 2)


def test_a_slow_source_leaves_the_fast_lane_and_the_others_stay(tmp_path: Path, sensor: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text("1\n")
    sampler = over(source(sensor), source(slow))
    sampler.took_ns[1] = [6_000_000] * LOOKED
    sampler.tick_ns = [PERIOD_NS] * LOOKED  # which is its fault
    sampler.look()
    assert (sampler.due, sampler.slowed, sampler.period_ns) == ([1, SLOW_TICKS], ["slow"], PERIOD_NS)


def test_one_slow_reading_of_twenty_moves_nothing(sensor: Path) -> None:
    sampler = over(source(sensor))
    sampler.looked_ns -= 60_000_000_000
    sampler.took_ns[0][7] = 50_000_000
    sampler.look()
    assert (sampler.due, sampler.slowed, sampler.period_ns) == ([1], [], PERIOD_NS)


def test_ticks_over_a_fifth_of_the_period_halve_the_rate(sensor: Path) -> None:
    sampler = over(source(sensor))
    sampler.looked_ns -= 60_000_000_000
    sampler.tick_ns = [PERIOD_NS // 4] * LOOKED
    sampler.look()
    assert sampler.period_ns == 2 * PERIOD_NS


def test_a_hundredth_of_a_core_halves_the_rate_and_it_ends_somewhere(sensor: Path) -> None:
    sampler = over(source(sensor))
    for _ in range(12):
        sampler.looked_cpu_ns -= 10 * (time.perf_counter_ns() - sampler.looked_ns + 1_000_000)
        sampler.look()
    assert LONGEST_NS <= sampler.period_ns < 2 * LONGEST_NS


def test_a_ring_takes_its_memory_at_once() -> None:
    ring = Ring(100)
    size = len(ring.memory)
    for _ in range(250):
        ring.read(0, -errno.EACCES)
    assert len(ring.memory) == size
    assert {raw.length for raw in ring.kept()} == {-errno.EACCES}


@pytest.mark.parametrize("python", PYTHONS, ids=["this Python", *["the floor"] * (len(PYTHONS) - 1)])
def test_the_process_says_nothing_until_its_stdin_ends(pyz: Path, sensor: Path, python: str) -> None:
    command = [python, "-I", "-S", str(pyz), "sampler"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order(source(sensor), period_ns=20_000_000)).encode() + b"\n")
        process.stdin.flush()
        os.set_blocking(process.stdout.fileno(), False)
        parts.wait_for(lambda: opened_by(process.pid, sensor), "the sampler never opened its source")
        with pytest.raises(BlockingIOError):
            os.read(process.stdout.fileno(), 1)
        process.stdin.close()
        os.set_blocking(process.stdout.fileno(), True)
        *readings, done = map(json.loads, process.stdout.read().splitlines())
    assert process.returncode == 0
    told = [row["value"] for message in readings for row in message["readings"]]
    assert done["facts"]["readings"] == len(told) == done["facts"]["ticks"] + 2
    assert {1} <= set(told) <= {1, None}  # a machine under load may take long to read it
    assert done["facts"]["p95_read_us"] > 0


def opened_by(pid: int, path: Path) -> bool:
    folder = Path(f"/proc/{pid}/fd")
    try:
        return any(fd.resolve() == path for fd in folder.iterdir())
    except OSError:
        return False
