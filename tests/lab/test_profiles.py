"""The boards a lab can stand for: whole trees, the same again from a record, and named by a word or a file."""

import json
import os
import posixpath
import re
import zlib
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from farm_agents import beside, board, cpufreq, health, survey, sysfs, thermal
from farm_agents import record as recorder
from farm_agents.sysfs import Sysfs
from farm_lab import lab, outfit, profiles, record, tree
from farm_lab.places import Places
from farm_lab.record import Entry, Record
from farm_orchestrator.cli import call
from lab_support import LEVELS, inventory, options

CPUS = "sys/devices/system/cpu"
ADVERSARIAL = sorted((Path(__file__).parents[1] / "trees").glob("adv-*.tree"))
POLICIES = {
    "agx-orin": [0, 4, 8], "bb-ai64": [], "imx8mp": [0], "jetson-nano": [0], "n100": [0, 1, 2, 3], "orin-nano": [0, 4],
    "orin-nano-super": [0, 4], "pi4": [0], "pi5": [0], "qrb5165": [0, 4, 7], "rock5b": [0, 4, 6], "rockpro64": [0, 4],
    "vim3": [0, 2], "xavier-nx": [0, 2, 4],
}  # fmt: skip
# A record is no copy of the machine: what is only for root, and what tells of its owner, stays there.
NOT_RECORDED = re.compile(r"proc/(cmdline|swaps)|sys/kernel/.*|sys/devices/platform/fb000000.gpu/power_policy")
USUAL = ("affected_cpus", "related_cpus", "cpuinfo_min_freq", "cpuinfo_max_freq", "cpuinfo_transition_latency",
         "scaling_available_governors", "scaling_driver", "scaling_governor", "scaling_min_freq", "scaling_max_freq",
         "scaling_cur_freq", "scaling_setspeed")  # fmt: skip
OF_A_ZONE = ("type", "temp", "mode", "policy")


def laid(root: Path, name: str) -> Sysfs:
    shown = profiles.record_of(profiles.find(name), "vb001", 2)
    tree.replay(root, shown, "vb001")
    return Sysfs(str(root))


def recorded(root: Path) -> Mapping[str, Entry]:
    body = json.loads(zlib.decompress(b64decode(recorder.record(str(root)))))
    return record.entries(body["entries"])


def again(entry: Entry) -> Entry:
    """Of errors only those of opening can be laid out under their own names."""
    return Entry(error="EACCES" if entry.error in tree.CLOSED else "EISDIR") if entry.error else entry


def numbers(found: Sysfs, path: str) -> list[int]:
    return [int(word) for word in (found.text(path) or "").split()]


def test_every_name_has_a_profile_and_the_trees_of_real_boards_are_there() -> None:
    assert set(POLICIES) == set(profiles.names()) - set(profiles.SIMULATED)
    assert set(profiles.MIXED) <= set(profiles.names())
    assert all(profiles.find(name).name == name for name in profiles.names())


@pytest.mark.parametrize("name", POLICIES)
def test_a_tree_is_whole_and_agrees_with_itself(tmp_path: Path, name: str) -> None:
    found = laid(tmp_path, name)
    assert sorted(cpufreq.policies(found)) == sorted(f"policy{number}" for number in POLICIES[name])
    online = sysfs.cpu_list(found.text(f"{CPUS}/online") or "")
    if POLICIES[name]:
        assert sorted(cpu for cpus in cpufreq.policies(found).values() for cpu in cpus) == online
    for policy, cpus in cpufreq.policies(found).items():
        folder = f"{CPUS}/cpufreq/{policy}"
        assert [file for file in USUAL if found.text(f"{folder}/{file}") is None] == []
        low, now, high = (numbers(found, f"{folder}/scaling_{which}_freq")[0] for which in ("min", "cur", "max"))
        assert low <= now <= high
        listed = numbers(found, f"{folder}/scaling_available_frequencies")
        counted = numbers(found, f"{folder}/stats/time_in_state")[::2]
        assert counted == listed == sorted(set(listed))
        assert not listed or (listed[0] == low and listed[-1] == high)
        assert (found.text(f"{folder}/scaling_governor") or "") in (
            found.text(f"{folder}/scaling_available_governors") or ""
        )
        assert all(
            str(Path(found.path(f"{CPUS}/cpu{cpu}/cpufreq")).readlink()) == f"../cpufreq/{policy}" for cpu in cpus
        )
    for zone in found.names("sys/class/thermal", "thermal_zone"):
        present = found.entries(f"sys/class/thermal/{zone}")
        assert set(OF_A_ZONE) <= set(present), (zone, present)
    assert found.text(f"{CPUS}/possible") == found.text(f"{CPUS}/present") == found.text(f"{CPUS}/online")


@pytest.mark.parametrize("name", POLICIES)
def test_every_link_leads_somewhere_and_every_device_of_a_class_is_a_link(name: str) -> None:
    entries = profiles.entries_of(name)
    for path, entry in entries.items():
        if entry.link is not None:
            aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.link))
            assert any(other == aim or other.startswith(f"{aim}/") for other in entries), path
        assert not path.startswith("sys/class/") or entry.link is not None


@pytest.mark.parametrize("name", profiles.names())
def test_a_record_of_a_tree_holds_what_the_tree_holds(tmp_path: Path, name: str) -> None:
    shown = profiles.record_of(profiles.find(name), "vb001", 2)
    tree.replay(tmp_path, shown, "vb001")
    wanted = {path: again(entry) for path, entry in shown.entries.items() if not NOT_RECORDED.fullmatch(path)}
    wanted.pop("etc/machine-id", None)
    found = recorded(tmp_path)
    assert {path: found.get(path) for path in wanted} == wanted
    assert set(found) - set(wanted) <= set(recorder.OF_THE_MACHINE)


@pytest.mark.parametrize("name", ["pi4", "orin-nano"])
def test_a_lab_of_a_profile_recorded_by_the_command_is_the_same_lab_again(
    where: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    files: list[str] = []
    for word in (name, "0.json"):
        up = ["lab", "up", "-n", "1", "--level", "0", "--profile", word, "--dir", str(where.root)]
        assert call(up) == 0
        files.append(f"{len(files)}.json")
        assert call(["boards", "probe", "--record", files[-1], "--inventory", str(where.inventory)]) == 0
        lab.down(where)
    first, second = (record.load(tmp_path / file) for file in files)
    assert first.entries == second.entries
    ours = {path: again(entry) for path, entry in profiles.entries_of(name).items() if not NOT_RECORDED.fullmatch(path)}
    assert {path: first.entries[path] for path in ours} == ours


@pytest.mark.parametrize("file", ADVERSARIAL, ids=lambda file: file.stem)
def test_the_agent_makes_something_of_every_adversarial_tree(tmp_path: Path, file: Path) -> None:
    found = laid(tmp_path, str(file))
    facts = board.facts(found, [0, 1])
    reasons = [one["reason"] for one in survey.look(found.root, [0, 1])["capabilities"].values() if not one["ok"]]
    seen: list[Any] = [beside.readings(found, 1), health.clocks(found, [0]), health.heat(found), health.supply(found)]
    assert json.dumps([facts, health.power(found), *seen])
    assert all(reasons)


def test_the_adversarial_trees_are_those_that_hurt() -> None:
    assert {file.stem for file in ADVERSARIAL} >= {
        "adv-no-policies", "adv-zone-below-all", "adv-energy-after-wrap", "adv-max-sunk", "adv-hwmon-renumbered",
        "adv-closed", "adv-no-time-in-state", "adv-no-performance", "adv-celsius", "adv-sticky-after",
    }  # fmt: skip


def test_ordinary_hardware_has_closed_knobs_and_no_meter(tmp_path: Path) -> None:
    stock, generic = laid(tmp_path / "stock", "stock"), laid(tmp_path / "generic", "generic")
    assert health.power(stock) == []
    assert [one["source"] for one in health.power(generic)] == ["ina226"]
    modes = {found.root: Path(found.path(f"{CPUS}/cpufreq/policy0/scaling_governor")).stat().st_mode & 0o222
             for found in (stock, generic)}  # fmt: skip
    assert (modes[stock.root], modes[generic.root] != 0) == (0, True)
    assert profiles.find("desktop").tree == "n100"


def test_a_fanless_board_at_full_load_reaches_its_trip_after_37_s() -> None:
    heat = profiles.find("fanless").physics
    rest = heat["t_amb_c"] + heat["r_th_k_w"] * (heat["p_idle_w"] + heat["p_max_w"])
    rise = (rest - 40.0) / (rest - heat["trip_c"])
    assert rise == pytest.approx(2.718281828 ** (37 / heat["tau_s"]), rel=0.01)
    assert profiles.find("desktop").physics["trip_c"] is None
    assert all(profiles.find(name).physics["reconstructed"] for name in POLICIES)


def test_a_board_measures_on_cpus_that_machine_and_tree_both_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi4 = profiles.record_of(profiles.find("pi4"), "vb001", 2)
    tree.replay(tmp_path, pi4, "vb001")
    for machine, both in ({0, 1}, [0, 1]), ({2, 3, 4, 5}, [2, 3]), ({8, 9}, [8, 9]):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, machine=machine: machine)
        assert outfit.cpus_of(pi4) == both
        assert board.usable_cpus(Sysfs(str(tmp_path))) == both
        assert outfit.cpus_of(Record({})) == sorted(machine)


@pytest.mark.parametrize("level", LEVELS)
def test_a_mixed_lab_has_another_board_each_time(where: Places, capsys: pytest.CaptureFixture[str], level: int) -> None:
    words = ["--level", str(level), "--dir", str(where.root)]
    assert call(["lab", "up", "-n", "2", "--mix", *words]) == 0
    capsys.readouterr()
    assert call(["lab", "status", "--json", "--dir", str(where.root)]) == 0
    assert [one["profile"] for one in json.loads(capsys.readouterr().out)["boards"]] == ["pi4", "pi5"]
    assert call(["boards", "probe", "--json", "--inventory", str(where.inventory)]) == 0
    models = [one["model"] for one in json.loads(capsys.readouterr().out)]
    assert models == ["Raspberry Pi 4 Model B Rev 1.1", "Raspberry Pi 5 Model B Rev 1.1"]
    assert {entry["cpus"] for entry in inventory(where).values()} <= {"0", "1", "2", "3"}


REFUSED = {
    "both": (["--profile", "pi4", "--mix"], "--profile and --mix exclude each other"),
    "unknown": (["--profile", "pi400"], "there is no such board; known are generic, stock, fanless, desktop, agx-orin"),
    "no file": (["--profile", "./pi400"], "cannot be read"),
    "a slip": (["--profile", "mine.tree"], r"mine.tree:3: `!` is followed by 'WHY'"),
    "like nothing": (["--profile", "other.tree"], r"other.tree: like stock: there is no such tree; known are agx-orin"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_a_profile_that_is_none_is_refused_before_a_lab_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.tree").write_text("like pi4\n\nZ0/temp !WHY\n")
    (tmp_path / "other.tree").write_text("like stock\n")
    assert call(["lab", "up", *words, "--dir", str(tmp_path / "lab")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "lab").exists()


def test_a_tree_of_ones_own_is_a_profile(where: Places, tmp_path: Path) -> None:
    file = tmp_path / "hot.tree"
    file.write_text("like pi4\n\nZ0/temp = 79000\n")
    known = lab.up(where, 1, options(profile=str(file)))
    assert known.boards[0].profile == "hot"
    assert thermal.temp_mc(Sysfs(str(where.board("vb001").sysroot))) == 79_000
