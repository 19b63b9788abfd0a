"""Findings of launches and cells, scripted: every fault is called by its name, and nothing clean by any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import warmup_support
from farm_agents import golden, measure
from farm_agents.fakes import FakeClock, ScriptedRuntime
from farm_agents.wire import Json
from farm_reports import judge
from farm_reports.tables import LaunchRecord
from noise import CLASSES, Floats, Rng, generator, iterations, normal, slots
from noise_readings import quiet
from tables_support import cell, launch, tables
from warmup_support import MS, SECOND, ShapedRuntime, asked

FAULTY, CLEAN = 50, 500
BLOCKS = 20
STEP_NS = 52  # the coarsest clock that boards are known to have
Names = list[str]


# Of a launch, as its agent tells them.


def slot_findings(runtime: ScriptedRuntime | ShapedRuntime, clock: FakeClock, step_ns: int = STEP_NS) -> Names:
    settled = warmup_support.launch(runtime, clock, "quick")
    rule, limits = asked("quick")
    told = measure.findings(settled.trial.timed.slot, limits, settled.warm.p50_ns, step_ns)
    return [finding["name"] for finding in [*told, *measure.not_steady(settled, rule)]]


def scripted(*latency_ns: int, step_ns: int = STEP_NS) -> Names:
    clock = FakeClock(start_ns=SECOND)
    return slot_findings(ScriptedRuntime(clock, latency_ns), clock, step_ns)


def few(rng: Rng) -> Names:
    return scripted(int(rng.uniform(70, 5000)) * MS)


def coarse(rng: Rng) -> Names:
    latency_ns = int(rng.uniform(30_000, 900_000))
    return scripted(latency_ns, step_ns=int(latency_ns / rng.uniform(2, 990)))


def never_steady(rng: Rng) -> Names:
    """Two speeds that take turns of 30 to 80 ms, and a rise that never ends."""
    low = int(rng.uniform(1, 2) * MS)
    turns = [int(low * (1 + (k // 40 % 2) * rng.uniform(0.3, 1.0))) for k in range(4000)]
    return scripted(*turns)


def arrays(rng: Rng, noise_db: float) -> tuple[Floats, Floats]:
    signal, noise = rng.standard_normal(500), rng.standard_normal(500)
    noise *= np.sqrt(np.square(signal).sum() / np.square(noise).sum()) * 10 ** (-noise_db / 20)
    return signal, signal + noise


def compared(rng: Rng, noise_db: float, *, quantised: bool) -> Names:
    wanted, got = arrays(rng, noise_db)
    found = golden.compare({"y": got}, {"y": wanted}, quantised=quantised)["findings"]
    return [finding["name"] for finding in found] + ["NON_FINITE"] * bool(golden.not_finite({"y": got}))


def differs(rng: Rng) -> Names:
    quantised = bool(rng.integers(2))
    return compared(rng, rng.uniform(-5, 19.9 if quantised else 39.9), quantised=quantised)


def not_finite(rng: Rng) -> Names:
    _, got = arrays(rng, 60)
    got[rng.integers(got.size)] = rng.choice([np.nan, np.inf, -np.inf])
    return ["NON_FINITE"] * (golden.not_finite({"x": np.zeros(3), "y": got}) == ["y"])


OF_A_LAUNCH: dict[str, Callable[[Rng], Names]] = {
    "FEW_ITERATIONS": few, "TIMER": coarse, "NOT_STEADY": never_steady, "BOARD_DIFFERS": differs,
    "NON_FINITE": not_finite,
}  # fmt: skip


@pytest.mark.parametrize("name", OF_A_LAUNCH)
def test_every_fault_of_a_launch_is_found(name: str) -> None:
    rng = generator(61)
    assert sum(name in OF_A_LAUNCH[name](rng) for _ in range(FAULTY)) == FAULTY


def test_no_clean_launch_is_called_anything() -> None:
    rng, found = generator(62), []
    for seed in range(CLEAN):
        clock = FakeClock(start_ns=SECOND)
        runtime = ShapedRuntime(clock, warmup_support.corpus("flat", seed), seed, base_ns=2 * MS)
        found += slot_findings(runtime, clock)
        found += compared(rng, rng.uniform(41, 90), quantised=False) + compared(
            rng, rng.uniform(21, 60), quantised=True
        )
    assert found == []


# Of a cell, as the judge tells them.


@dataclass(frozen=True)
class Fault:
    """What the launches of int8 tell beside a clean baseline: logs on top of its latency, and findings of their own."""

    logs: Floats
    findings: tuple[Json, ...] = ()
    outcome: str | None = None


def clean(rng: Rng) -> Fault:
    return Fault(normal(rng, (BLOCKS,), CLASSES["typical"].launch))


def noisy(rng: Rng) -> Fault:
    return Fault(normal(rng, (BLOCKS,), rng.uniform(0.1, 0.3)))


def two_speeds(rng: Rng) -> Fault:
    slow = rng.permutation(np.arange(BLOCKS) < rng.integers(5, 11))
    return Fault(clean(rng).logs + rng.uniform(0.06, 0.3) * slow)


def reported(name: str) -> Callable[[Rng], Fault]:
    """What most launches of the agent told."""
    return lambda rng: Fault(clean(rng).logs, ({"name": name, "text": "with its figures"},))


def failed(rng: Rng) -> Fault:
    return Fault(clean(rng).logs[: rng.integers(0, 5)], outcome="NON_FINITE")


OF_A_CELL: dict[str, Callable[[Rng], Fault]] = {
    "NOISY": noisy, "MULTIMODAL": two_speeds, "NON_FINITE": failed,
    **{name: reported(name) for name in ("FEW_ITERATIONS", "TIMER", "NOT_STEADY", "BOARD_DIFFERS")},
}  # fmt: skip


def judged(rng: Rng, fault: Fault) -> tuple[Names, str]:
    """Findings of the cell, and its state."""
    told, made = quiet(rng, 2 * BLOCKS), []
    base = slots(rng, 1, BLOCKS, CLASSES["typical"], caps=False)[0]
    for block in range(BLOCKS):
        made.append(launch(2 * block, "rpi5", "fp32", block, 4e6 * np.exp(base[block]), facts=told[2 * block]))
        if block < fault.logs.size:
            made.append(_arm(2 * block + 1, block, base[block] + fault.logs[block], told[2 * block + 1], fault))
    if fault.outcome:
        made.append(launch(999, "rpi5", "int8", fault.logs.size, 0, state="failed", outcome=fault.outcome))
    found = cell(judge.results(tables(made, names=("fp32", "int8"))), "int8")
    return [finding.name for finding in found.findings], found.state


def _arm(number: int, block: int, log: float, facts: Json, fault: Fault) -> LaunchRecord:
    return launch(number, "rpi5", "int8", block, 3e6 * np.exp(log), facts=facts, findings=fault.findings)


@pytest.mark.parametrize("name", OF_A_CELL)
def test_every_fault_of_a_cell_is_told_by_the_judge(name: str) -> None:
    rng = generator(63)
    found = [judged(rng, OF_A_CELL[name](rng)) for _ in range(FAULTY)]
    assert sum(name in names for names, _ in found) == FAULTY
    assert {state for _, state in found} == {"failed" if name == "NON_FINITE" else "measured"}


def test_no_clean_cell_is_called_anything() -> None:
    rng = generator(64)
    assert [judged(rng, clean(rng)) for _ in range(CLEAN // BLOCKS)] == [([], "measured")] * (CLEAN // BLOCKS)


def test_the_latencies_of_a_clean_launch_are_one_mode_however_they_are_correlated() -> None:
    """The launches' medians, not their iterations, are asked for two speeds."""
    medians = np.median(iterations(generator(65), (CLEAN, 500), 0.9, spiky=True), axis=1)
    rng = generator(66)
    runs = [judged(rng, Fault(np.log(own / 20.0))) for own in medians.reshape(-1, BLOCKS)]
    assert [names for names, _ in runs] == [[]] * len(runs)
