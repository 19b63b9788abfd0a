"""What screening costs and saves: twelve variants on a simulated board, with the farm's own decision."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from farm_orchestrator.model import LaunchRow, Limits, Part, Phase, Slot
from farm_orchestrator.plan import first_slots, leaving, series
from farm_orchestrator.plan import screening as rule
from farm_reports.stats.compare import changes
from farm_reports.stats.power import LEVEL
from noise import CLASSES, RUN_BIAS, Floats, Rng, generator, slots
from plan_support import part_of, row

RUNS = 2000
LOST = 0.005
TWELVE = 12
SHIP = "v03"
TWIN = "v11"  # the baseline again under another name
STANDARD_S, QUICK_S = 34.0, 2.5  # what a launch takes on a board
BOARD = CLASSES["typical"]


@dataclass(frozen=True)
class World:
    """One run: true logs against the baseline by name, the limit as a log, the files that are too big."""

    logs: dict[str, float]
    limit: float
    big: frozenset[str]

    def fits(self, name: str) -> bool:
        return self.logs[name] <= self.limit and name not in self.big

    @property
    def best(self) -> str | None:
        """The fastest that truly fits."""
        return min((name for name in self.logs if self.fits(name)), key=lambda name: self.logs[name], default=None)


@dataclass(frozen=True)
class Run:
    """`bias`: of the twin, in all blocks of the run, the short ones too."""

    world: World
    gone: frozenset[str]
    bias: float


@cache
def base_part() -> Part:
    return part_of(TWELVE, screen=4)


@cache
def plan() -> tuple[Slot, ...]:
    return tuple(slot for slot in first_slots(base_part()) if slot.phase == Phase.SCREEN)


@cache
def blank() -> tuple[LaunchRow, ...]:
    return tuple(row(slot, index) for index, slot in enumerate(plan()))


def world(rng: Rng, *, sizes: bool, fastest: float) -> World:
    """Times log-uniform over `fastest` to 3 x the baseline's; a limit that 2 to 9 meet, with `sizes` less the big files."""
    logs = dict(
        zip((each.name for each in base_part().variants), rng.uniform(np.log(fastest), np.log(3), TWELVE), strict=True)
    )
    logs |= {"v00": 0.0, TWIN: 0.0}
    ordered = sorted(logs.values())
    fitting = int(rng.integers(2, 10))
    limit = float(rng.uniform(ordered[fitting - 1], ordered[fitting]))
    big = frozenset(rng.choice(list(logs), 5, replace=False)) if sizes else frozenset()
    return World(logs, limit, big)


def part(made: World) -> Part:
    limits = {"latency_p50": f"{10 * float(np.exp(made.limit)):.9f}ms"} | ({"size": "10B"} if made.big else {})
    sized = tuple(
        dataclasses.replace(each, files=(dataclasses.replace(each.files[0], size=11 if each.name in made.big else 10),))
        for each in base_part().variants
    )
    return dataclasses.replace(base_part(), variants=sized, limits=Limits(limits, ship=(SHIP,)))


def screen(made: World, noise: Floats) -> frozenset[str]:
    """Who leaves: the farm's own rule on launches of this board."""
    times = np.exp(np.array([made.logs[each.variant] for each in blank()]) + noise) * 1e7
    rows = [dataclasses.replace(each, p50_ns=round(time)) for each, time in zip(blank(), times, strict=True)]
    return frozenset(each.variant for each in leaving(part(made), rows))


def runs(seed: int, count: int, *, sizes: bool = False, fastest: float = 0.4) -> list[Run]:
    rng = generator(seed)
    noise = slots(rng, count, len(plan()), BOARD)
    biases = rng.normal(0, RUN_BIAS, (count, TWELVE))
    names = [each.name for each in base_part().variants]
    found = []
    for index in range(count):
        made = world(rng, sizes=sizes, fastest=fastest)
        bias = dict(zip(names, biases[index], strict=True)) | {"v00": 0.0}
        own = np.array([bias[slot.variant] for slot in plan()])
        found.append(Run(made, screen(made, noise[index] + own), bias[TWIN]))
    return found


def lost(found: Sequence[Run]) -> float:
    """The share of runs whose best shippable variant was sent home."""
    return float(np.mean([run.world.best in run.gone for run in found]))


@pytest.fixture(scope="module")
def plain() -> list[Run]:
    return runs(41, RUNS)


def test_the_best_shippable_variant_is_hardly_ever_sent_home(plain: list[Run]) -> None:
    assert lost(plain) <= LOST


def test_nor_where_the_fastest_files_are_too_big_and_the_limit_is_near() -> None:
    assert lost(runs(42, RUNS // 2, sizes=True)) <= LOST


def test_without_the_room_that_the_rule_leaves_the_best_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "DOMINATED", 0.9)
    assert lost(runs(43, 300)) > LOST


def test_the_baseline_and_what_is_meant_to_ship_are_never_sent_home(plain: list[Run]) -> None:
    assert not any(run.gone & {"v00", SHIP} for run in plain)


def test_only_what_is_truly_far_off_is_sent_home(plain: list[Run]) -> None:
    """Everybody who goes is outside the limit or far slower than the best, but for the noise at the border."""
    border = 0.05
    for run in plain:
        best = run.world.logs[run.world.best] if run.world.best else np.inf
        for name in run.gone:
            far = run.world.logs[name] > best + np.log(1.5) - border
            assert far or run.world.logs[name] > run.world.limit - border


def test_a_variant_against_itself_is_called_different_no_more_often_after_it() -> None:
    """The comparison has fresh blocks only; what is left of a choice is the bias that all blocks of a run share."""
    found = runs(44, 900, fastest=0.75)
    stayed = [run for run in found if TWIN not in run.gone]
    assert 0.1 < len(stayed) / len(found) < 0.95, "some are sent home, and enough are not"
    times = -(-RUNS // len(stayed))
    count = rejected(45, stayed * times)
    assert count <= binom.ppf(0.999, len(stayed) * times, LEVEL)


def test_it_saves_at_least_half_of_the_time_on_the_board(plain: list[Run]) -> None:
    blocks = base_part().planned_blocks
    whole = blocks * launches(frozenset()) * STANDARD_S
    screened = np.mean([blocks * launches(run.gone) * STANDARD_S + len(plan()) * QUICK_S for run in plain])
    assert whole / screened >= 2


def launches(gone: frozenset[str]) -> int:
    """Of one round of blocks of those who are left."""
    out = frozenset((name, base_part().points[0].key) for name in gone)
    return sum(len(at.names) for at in series(base_part(), out))


def rejected(seed: int, stayed: Sequence[Run], blocks: int = 10) -> int:
    """How often the twin is called different, in blocks of as many launches as were left in its run."""
    rng, count = generator(seed), 0
    sizes = [min(8, TWELVE - len(run.gone)) for run in stayed]
    for size in sorted(set(sizes)):
        bias = np.array([run.bias for run, own in zip(stayed, sizes, strict=True) if own == size])
        both = slots(rng, bias.size, size * blocks, BOARD).reshape(bias.size, blocks, size)
        places = rng.permuted(np.tile(np.arange(size), (bias.size, blocks, 1)), axis=-1)[..., :2]
        arms = np.take_along_axis(both, places, axis=-1)
        _, low, high = changes(arms[..., 0] - arms[..., 1] + bias[:, None], LEVEL / 2, RUN_BIAS)
        count += int(np.sum((low > 0) | (high < 0)))
    return count
