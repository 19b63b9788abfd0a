"""Slots on the trees of real boards, read by the real sampler: every scripted fault is found, no clean slot is accused."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hardware_golden as boards
import noise
from farm_agents import cpufreq, edges, sampled, sources, thermal
from farm_agents.edges import Edges
from farm_agents.firmware import THROTTLED
from farm_agents.sampler import Sampler
from farm_agents.sysfs import Sysfs
from farm_lab import profiles
from throttle_support import PINNED, judged

NAMES = [name for name in profiles.names() if name not in profiles.SIMULATED]
PERIOD_NS = 1_000_000_000
CALM_MC = (45_000, 60_000)
FAULTS, CLEAN = 50, 504
Act = Callable[[], None]


class Slot:
    """One board's slot after the other: both edges, and three looks of the sampler in between."""

    def __init__(self, root: Path, name: str) -> None:
        self.tree: Sysfs = boards.laid(root, name)
        policies = cpufreq.policies(self.tree)
        self.cpus = sorted({cpu for cpus in policies.values() for cpu in cpus}) or [0]
        self.edges: Edges = edges.find(self.tree, self.cpus)
        self.paths = {mark.name: mark.path for mark in self.edges.marks}
        self.bits = next(iter(self.tree.matching(THROTTLED)), None)
        self.texts = {
            path: self.tree.text(path) for path in (*self.paths.values(), *([self.bits] if self.bits else []))
        }
        zones = thermal.of_cpu(self.tree, thermal.zones(self.tree))
        self.warm = [f"{thermal.FOLDER}/{zone.name}/temp" for zone in zones[:3]]
        coolers = [cooler.name for cooler in thermal.coolers(self.tree) if cooler.slows != "cpu"]
        self.blowing = [f"{thermal.FOLDER}/{name}/cur_state" for name in coolers[:2]]
        self.targets = {name: khz for name in policies if (khz := cpufreq.khz(self.tree, name, "scaling_max_freq"))}

    def of_kind(self, kind: str) -> list[str]:
        return [mark.name for mark in self.edges.marks if mark.kind == kind]

    def write(self, path: str, text: str) -> None:
        """The same file: the sampler keeps it open."""
        file = Path(self.tree.path(path))
        file.chmod(0o644)
        file.write_text(text + "\n")

    def during(self, *acts: Act, pinned: bool = True) -> dict[str, Any]:
        """What is told of a slot in which these happen, one between each look and the next."""
        found = sources.sources(self.tree, self.cpus).found
        rows = [
            {"name": one.name, "path": one.path, "unit": one.unit, "ticks": 1, "parser": one.parser} for one in found
        ]
        sampler = Sampler({"launch": "1.1", "sources": rows, "period_ns": PERIOD_NS, "most": 5_000})
        facts: dict[str, Any] = {"throttled_bits_start": self._bits(), "slot_t0_ns": time.perf_counter_ns()}
        before = self.edges.read()
        sampler.tick()
        for act in acts:
            act()
            sampler.tick()
        after = self.edges.read()
        facts |= {"slot_t1_ns": time.perf_counter_ns(), "throttled_bits_end": self._bits()}
        facts |= {"edges": edges.fact(self.edges, before, after), "pin": PINNED if pinned else None}
        seen = [row for chunk in sampled.chunks("1.1", sampler.ring, sampler.described) for row in chunk["readings"]]
        for file in sampler.files:  # the process that they end with is the tests' own here
            if file >= 0:
                os.close(file)
        return judged(facts, seen, self.targets)

    def _bits(self) -> int | None:
        text = None if self.bits is None else self.tree.text(self.bits)
        return None if text is None else int(text, 16)

    def spend(self, policy: str, khz: int, ticks: int) -> None:
        """More time at one clock."""
        rows = [line.split() for line in self.lines(policy)]
        more = [(clock, int(count) + ticks * (int(clock) == khz)) for clock, count in rows]
        self.write(self.paths[policy], "\n".join(f"{clock} {count}" for clock, count in more))

    def lines(self, policy: str) -> list[str]:
        return (self.tree.text(self.paths[policy]) or "").splitlines()

    def mend(self) -> None:
        for path, text in self.texts.items():
            if text is not None and self.tree.text(path) != text:
                self.write(path, text)


def setting(slot: Slot, path: str, text: str) -> Act:
    return lambda: slot.write(path, text)


def straying(slot: Slot, policy: str) -> Act:
    other = next(khz for khz in slot.edges.read()["values"][policy] if int(khz) != slot.targets[policy])
    return lambda: slot.spend(policy, int(other), 2)


def faults(slot: Slot) -> Iterator[tuple[str, tuple[Act, ...]]]:
    """The source that must tell, and what happens; what can be seen in between only is mended before the end."""
    values = slot.edges.read()["values"]
    for name in slot.of_kind(edges.STATE_NOW)[:2]:
        yield name, (setting(slot, slot.paths[name], "1"), setting(slot, slot.paths[name], "0"))
    for name in slot.of_kind(edges.LIMIT)[:2]:
        limit = values[name]
        yield name, (setting(slot, slot.paths[name], str(limit // 2)), setting(slot, slot.paths[name], str(limit)))
    if slot.bits is None:
        for name in [name for name in slot.of_kind(edges.RESIDENCY) if name in slot.targets][:2]:
            yield name, (straying(slot, name),)
    for name in [name for name in slot.of_kind(edges.COUNTER) if name.endswith("count") or "oc" in name][:3]:
        yield name, (setting(slot, slot.paths[name], str(values[name] + 1)),)
    for name in slot.of_kind(edges.ALARM):
        yield name, (setting(slot, slot.paths[name], "1"), lambda: None)
    yield from _bits(slot)
    for name in slot.of_kind(edges.CPUS):
        yield name, (setting(slot, slot.paths[name], "0"),)


def _bits(slot: Slot) -> Iterator[tuple[str, tuple[Act, ...]]]:
    for bit in range(4) if slot.bits else ():
        source = "throttled_bits" if bit else "undervoltage"
        yield source, (setting(slot, str(slot.bits), f"{1 << bit:x}"), setting(slot, str(slot.bits), "0"))
        yield source, (lambda: None, setting(slot, str(slot.bits), f"{1 << bit + 16:x}"))


def test_every_scripted_fault_is_found_by_its_own_source(tmp_path: Path) -> None:
    count = 0
    for name in NAMES:
        slot = Slot(tmp_path / name, name)
        for source, acts in [*faults(slot)]:
            told = slot.during(*acts)["throttle"]
            assert told["verdict"] == "confirmed", (name, source)
            assert source in {one["source"] for one in told["evidence"]}, (name, source)
            assert told["before"] is not True, (name, source)
            slot.mend()
            count += 1
    assert count >= FAULTS


@pytest.mark.parametrize("name", NAMES)
def test_no_clean_slot_is_accused(tmp_path: Path, name: str) -> None:
    """Clocks, heat and fans move, counters stand at what they were, sticky bits are old; every other one is not pinned."""
    slot, rng = Slot(tmp_path, name), noise.generator(NAMES.index(name))
    if slot.bits:
        slot.write(slot.bits, "50000")
    for path in [slot.paths[name] for name in slot.of_kind(edges.COUNTER) if name.endswith("_count")]:
        slot.write(path, "7")
    words = {told_of(slot, rng, pinned=number % 2 == 0) for number in range(CLEAN // len(NAMES))}
    assert words <= {"none", "unknown"}


def told_of(slot: Slot, rng: np.random.Generator, *, pinned: bool) -> str:
    def calm() -> None:
        for path in slot.warm:
            slot.write(path, str(int(rng.integers(*CALM_MC))))
        for path in slot.blowing:
            slot.write(path, str(int(rng.integers(0, 3))))
        for policy in set(slot.targets) & set(slot.of_kind(edges.RESIDENCY)):
            clocks = [int(line.split()[0]) for line in slot.lines(policy)]
            slot.spend(policy, slot.targets[policy] if pinned else int(rng.choice(clocks)), int(rng.integers(0, 200)))

    word = slot.during(calm, calm, pinned=pinned)["throttle"]["verdict"]
    return str(word)


HURTING = [name for name in boards.names() if name.startswith("adv-")]


@pytest.mark.parametrize("name", HURTING)
def test_a_tree_that_hurts_gets_its_verdict_too(tmp_path: Path, name: str) -> None:
    told = Slot(tmp_path, name).during(lambda: None, pinned=False)
    if name == "adv-max-sunk":
        assert (told["throttle"]["verdict"], told["throttle"]["before"]) == ("confirmed", True)
    else:
        assert told["throttle"]["verdict"] in {"none", "unknown"}
    assert (told["time_in_state"] is None) == bool(told.get("time_in_state_reason"))


def test_sticky_bits_that_the_kernel_clears_in_the_middle_of_a_slot_accuse_nobody(tmp_path: Path) -> None:
    slot = Slot(tmp_path, "adv-sticky-before")
    told = slot.during(setting(slot, str(slot.bits), "0"), setting(slot, slot.paths["rpi_volt"], "0"))
    assert told["throttle"] == {"verdict": "none", "evidence": [], "before": False}
