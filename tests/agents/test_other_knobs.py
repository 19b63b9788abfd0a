"""farm-tune on the knobs beside governor and limits: a speed that is set, and the clock of the memory."""

import os
import signal
from pathlib import Path

import pytest

from agents_support import wait_for
from pin_support import GOVERNOR, POLICY, STOCK, Peer, now, put

SPEED = f"{POLICY}/scaling_setspeed"


def test_a_set_speed_goes_with_its_governor(root: Path, journal: Path, peer: Peer) -> None:
    assert peer.ask("acquire", lease_s=60)["ok"]
    knobs = peer.ask("set", writes=[[GOVERNOR, "userspace"], [SPEED, "1000000"]])["knobs"]
    assert [(knob["orig"], knob["readback"]) for knob in knobs] == [
        ("schedutil", "userspace"), ("<unsupported>", "1000000"),
    ]  # fmt: skip
    rows = {row["path"]: row["restored"] for row in peer.ask("release")["knobs"]}
    assert rows == {GOVERNOR: True, SPEED: True}
    assert now(root) == STOCK
    assert not journal.exists()


def test_a_speed_that_was_set_before_is_given_back(root: Path, peer: Peer) -> None:
    put(root, GOVERNOR, "userspace")
    put(root, SPEED, "1800000")
    assert peer.ask("acquire", lease_s=60)["ok"]
    assert peer.ask("set", writes=[[SPEED, "1000000"]])["ok"]
    assert peer.ask("release")["ok"]
    assert (root / SPEED).read_text() == "1800000\n"


def memory_clock(root: Path, name: str = "dmc", folder: str = "sys/class/devfreq") -> str:
    for file, text in (
        ("governor", "dmc_ondemand"), ("available_governors", "dmc_ondemand userspace performance"),
        ("available_frequencies", "528000000 1068000000 2112000000"), ("min_freq", "528000000"),
        ("max_freq", "2112000000"), ("cur_freq", "528000000"),
    ):  # fmt: skip
        put(root, f"{folder}/{name}/{file}", text)
    return f"sys/class/devfreq/{name}"


def test_a_clock_of_the_memory_is_set_and_given_back(root: Path, journal: Path, peer: Peer) -> None:
    dmc = memory_clock(root)
    before = [(root / dmc / name).read_text() for name in ("governor", "min_freq", "max_freq")]
    assert peer.ask("acquire", lease_s=60)["ok"]
    writes = [[f"{dmc}/governor", "performance"], [f"{dmc}/min_freq", "2112000000"]]
    assert [knob["readback"] for knob in peer.ask("set", writes=writes)["knobs"]] == ["performance", "2112000000"]
    os.kill(peer.process.pid, signal.SIGKILL)
    wait_for(lambda: not journal.exists(), "the journal stays")
    assert [(root / dmc / name).read_text() for name in ("governor", "min_freq", "max_freq")] == before


def test_the_kernel_links_a_device_into_its_class(root: Path, peer: Peer) -> None:
    real = "sys/devices/platform/dmc/devfreq"
    memory_clock(root, folder=real)
    (root / "sys/class/devfreq").mkdir(parents=True)
    (root / "sys/class/devfreq/dmc").symlink_to(root / real / "dmc")
    assert peer.ask("acquire", lease_s=60)["ok"]
    assert peer.ask("set", writes=[["sys/class/devfreq/dmc/min_freq", "1068000000"]])["ok"]
    assert (root / real / "dmc/min_freq").read_text() == "1068000000\n"


@pytest.mark.parametrize(("name", "file", "value"), [
    ("fb000000.gpu", "min_freq", "1068000000"), ("fdab0000.npu", "max_freq", "528000000"), ("dmc", "cur_freq", "528000000"),
    ("dmc", "min_freq", "1068000001"), ("dmc", "governor", "simple_ondemand"), ("dmc", "polling_interval", "0"),
])  # fmt: skip
def test_other_devices_and_other_values_are_refused(root: Path, peer: Peer, name: str, file: str, value: str) -> None:
    memory_clock(root, name)
    assert peer.ask("acquire", lease_s=60)["ok"]
    assert not peer.ask("set", writes=[[f"sys/class/devfreq/{name}/{file}", value]])["ok"]


def test_a_device_that_leads_out_of_the_kernels_folders_is_refused(root: Path, tmp_path: Path, peer: Peer) -> None:
    memory_clock(tmp_path / "elsewhere")
    (root / "sys/class/devfreq").mkdir(parents=True)
    (root / "sys/class/devfreq/dmc").symlink_to(tmp_path / "elsewhere/sys/class/devfreq/dmc")
    assert peer.ask("acquire", lease_s=60)["ok"]
    answer = peer.ask("set", writes=[["sys/class/devfreq/dmc/min_freq", "1068000000"]])
    assert answer == {"ok": False, "reason": "sys/class/devfreq/dmc/min_freq leads elsewhere"}
