"""The clocks that a sweep goes through: those of the board, as its tree tells them."""

from pathlib import Path

import pytest

import pin_support as clocks
from farm_agents import cpufreq, ladder
from farm_agents.sysfs import Sysfs
from hardware_golden import laid
from pin_support import POLICY, put

GENERIC = [600_000, 1_000_000, 1_500_000, 1_800_000, 2_400_000]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clocks.lay(tmp_path / "root")


def told(tree: Sysfs, cpus: str = "big", count: int = 8) -> dict[str, object]:
    return ladder.look(tree.root, cpus, range(count))


def test_the_clocks_are_those_that_the_kernel_lists_in_any_order_and_without_turbo(root: Path) -> None:
    put(root, f"{POLICY}/scaling_available_frequencies", "2400000 600000 1500000 1000000 1800000 ")
    put(root, f"{POLICY}/scaling_boost_frequencies", "2400000 2600000")
    assert ladder.look(str(root), "big", [0]) == {
        "khz": GENERIC[:-1], "listed": True, "most_khz": None, "reason": None,
    }  # fmt: skip


def test_of_a_board_with_two_kinds_of_cores_only_the_measured_ones_count(tmp_path: Path) -> None:
    tree = laid(tmp_path / "rock5b", "rock5b")
    big, little = told(tree, "big")["khz"], told(tree, "0-3")["khz"]
    assert isinstance(big, list)
    assert isinstance(little, list)
    assert (big[-1], little[-1]) == (2_400_000, 1_800_000)
    assert told(tree, "all")["khz"] == sorted({*big, *little})


def test_where_the_kernel_lists_none_they_are_spaced_evenly_up_to_the_base(root: Path) -> None:
    put(root, f"{POLICY}/scaling_available_frequencies", "")
    put(root, f"{POLICY}/cpuinfo_min_freq", "800000")
    put(root, f"{POLICY}/cpuinfo_max_freq", "4700000")
    put(root, f"{POLICY}/base_frequency", "2100000")
    found = ladder.look(str(root), "big", [0])
    assert found["khz"] == [800_000, 1_100_000, 1_300_000, 1_600_000, 1_800_000, 2_100_000]
    assert (found["listed"], found["most_khz"]) == (False, 4_700_000)


def test_a_small_processor_has_as_many_clocks_as_it_has_steps_of_100_mhz(tmp_path: Path) -> None:
    assert told(laid(tmp_path / "n100", "n100"), count=4)["khz"] == [700_000, 800_000]


@pytest.mark.parametrize(
    ("name", "cpus", "reason"),
    [("bb-ai64", "big", cpufreq.NO_POLICY), ("pi4", "9", "cpus '9': this process may use")],
)
def test_a_board_without_clocks_says_why(tmp_path: Path, name: str, cpus: str, reason: str) -> None:
    found = told(laid(tmp_path / name, name), cpus, 4)
    assert (found["khz"], found["listed"]) == ([], False)
    assert str(found["reason"]).startswith(reason)


def test_a_policy_that_tells_nothing_is_named(root: Path) -> None:
    for file in ("scaling_available_frequencies", "cpuinfo_min_freq"):
        (root / POLICY / file).unlink()
    assert ladder.look(str(root), "big", [0])["reason"] == "policy0 does not tell its clocks"
