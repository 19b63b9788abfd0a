"""The moving files of a board: never torn, and what an agent writes to them is judged as a kernel would."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from farm_agents.sysfs import Sysfs
from farm_lab import dials, physics, profiles, tree
from farm_lab.dials import Dial
from farm_lab.physics import Condition, Hardware
from farm_lab.policies import Policy, policies
from farm_lab.tree import FREQS_KHZ, POLICY

READER = """
import os, sys
bad = reads = 0
while not os.path.exists(sys.argv[2]):
    with open(sys.argv[1], "rb") as file:
        text = file.read().strip()
    reads += 1
    bad += not text.lstrip(b"-").isdigit()
print(reads, bad)
"""
WRITES = 30_000


@pytest.fixture
def sysroot(tmp_path: Path) -> Path:
    tree.replay(tmp_path, tree.generic("vb001", 2), "vb001")
    return tmp_path


@pytest.fixture
def refused() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def policy(sysroot: Path, refused: list[tuple[str, str, str]]) -> Policy:
    (found,) = policies(Sysfs(str(sysroot)), lambda *what: refused.append(what))
    return found


def condition(t_c: float = 40.0, cool: int = 0) -> Condition:
    return replace(physics.start(Hardware(opps=(FREQS_KHZ,)), t_c), cool=cool)


def text(sysroot: Path, name: str) -> str:
    return (sysroot / POLICY / name).read_text()


def test_a_reader_at_full_speed_finds_no_empty_and_no_broken_number(tmp_path: Path) -> None:
    file, over = tmp_path / "temp", tmp_path / "over"
    file.write_text("9999\n")
    reader = subprocess.Popen([sys.executable, "-IS", "-c", READER, file, over], stdout=subprocess.PIPE, text=True)
    dial = Dial(file)
    for number in range(WRITES):
        dial.show(f"{9_998 + number % 5}\n")
    over.touch()
    reads, bad = map(int, reader.communicate(timeout=60)[0].split())
    assert reads > 10
    assert bad == 0


def test_it_stays_the_same_file_with_the_same_mode(tmp_path: Path) -> None:
    file = tmp_path / "temp"
    file.write_text("40000\n")
    file.chmod(0o444)
    before = file.stat()
    Dial(file).show("9\n")
    assert (file.stat().st_ino, file.stat().st_mode) == (before.st_ino, before.st_mode)
    assert file.read_text() == "9\n"


def test_limits_and_governors_that_are_possible_are_taken(sysroot: Path, policy: Policy) -> None:
    (sysroot / POLICY / "scaling_max_freq").write_text("1500000")
    (sysroot / POLICY / "scaling_min_freq").write_text("1500000\n")
    (sysroot / POLICY / "scaling_governor").write_text("performance")
    assert policy.knobs() == physics.Knobs("performance", 1_500_000, 1_500_000)
    policy.show(condition().clocks[0], 0)
    assert text(sysroot, "scaling_governor") == "performance\n"
    assert text(sysroot, "scaling_max_freq") == "1500000\n"


@pytest.mark.parametrize(
    ("name", "wrote"),
    [
        ("scaling_governor", "turbo"), ("scaling_max_freq", "9999999"), ("scaling_max_freq", "fast"),
        ("scaling_min_freq", "1"), ("scaling_setspeed", "1500000"),
    ],
)  # fmt: skip
def test_what_a_kernel_would_refuse_is_put_back_and_told(
    sysroot: Path, policy: Policy, refused: list[tuple[str, str, str]], name: str, wrote: str
) -> None:
    before = text(sysroot, name)
    (sysroot / POLICY / name).write_text(wrote)
    policy.knobs()
    policy.show(condition().clocks[0], 0)
    assert text(sysroot, name) == before
    assert refused == [(f"{POLICY}/{name}", wrote, before.strip())]


def test_a_lowest_clock_above_the_highest_is_refused(
    sysroot: Path, policy: Policy, refused: list[tuple[str, str, str]]
) -> None:
    (sysroot / POLICY / "scaling_max_freq").write_text("1000000\n")
    policy.knobs()
    (sysroot / POLICY / "scaling_min_freq").write_text("1800000\n")
    assert policy.knobs().low_khz == 600_000
    assert len(refused) == 1


def test_a_speed_is_taken_from_userspace(sysroot: Path, policy: Policy) -> None:
    (sysroot / POLICY / "scaling_governor").write_text("userspace\n")
    (sysroot / POLICY / "scaling_setspeed").write_text("1000000\n")
    assert policy.knobs().speed_khz == 1_000_000


def test_a_file_that_is_being_written_says_nothing_yet(
    sysroot: Path, policy: Policy, refused: list[tuple[str, str, str]]
) -> None:
    (sysroot / POLICY / "scaling_governor").write_text("")
    assert policy.knobs().governor == "schedutil"
    (sysroot / POLICY / "scaling_governor").write_text("powersave")
    assert policy.knobs().governor == "powersave"
    assert refused == []


def test_the_highest_clock_reads_what_heat_leaves_of_it_and_comes_back(sysroot: Path, policy: Policy) -> None:
    for cool, shown in ((2, "1500000\n"), (0, "2400000\n")):
        policy.show(condition(cool=cool).clocks[0], cool)
        assert policy.knobs().high_khz == 2_400_000
        assert text(sysroot, "scaling_max_freq") == shown


def test_sensors_of_the_simulated_board_say_heat_cooling_and_power(sysroot: Path) -> None:
    now = replace(condition(cool=3), power_w=6.7)
    for gauge in dials.gauges(Sysfs(str(sysroot)), silent=False):
        gauge.dial.show(gauge.says(now, 59_900))
    assert (sysroot / tree.ZONE / "temp").read_text() == "59900\n"
    assert (sysroot / tree.COOLER / "cur_state").read_text() == "3\n"
    assert (sysroot / tree.METER / "power1_input").read_text() == "6700000\n"
    assert (sysroot / tree.METER / "curr1_input").read_text() == "1340\n"


@pytest.mark.parametrize("name", [name for name in profiles.names() if name != "bb-ai64"])
def test_on_every_board_clocks_and_temperatures_move(tmp_path: Path, name: str) -> None:
    found = profiles.find(name)
    tree.replay(tmp_path, profiles.record_of(found, "vb001", 2), "vb001")
    sysfs, told = Sysfs(str(tmp_path)), lambda *_: None
    before = {path: path.read_bytes() for path in (tmp_path / "sys").rglob("*") if path.is_file()}
    board = Hardware(opps=tuple(policy.opps for policy in policies(sysfs, told)))
    now = replace(physics.start(board, 70.0), cool=1, energy_j=1.0, power_w=9.0)
    moved = set()
    for asked in (0, -1):
        for policy, clock in zip(policies(sysfs, told), now.clocks, strict=True):
            policy.show(replace(clock, asked_khz=policy.opps[asked]), 1)
        moved |= {path.name for path, content in before.items() if path.read_bytes() != content}
    for gauge in dials.gauges(sysfs, silent=found.physics["silent"]):
        gauge.dial.show(gauge.says(now, 70_000))
    moved |= {path.name for path, content in before.items() if path.read_bytes() != content}
    assert {"scaling_cur_freq", "temp"} <= moved
    assert not moved & {"type", "trip_point_0_temp", "cpuinfo_max_freq", "scaling_available_frequencies"}
