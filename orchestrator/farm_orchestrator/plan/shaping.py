"""How large a plan must be to reach a verdict, and the refusal of one that is not allowed to be: known before a model is opened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import BURST, PRESETS, Json, Limits, Part, Point, Recipe
from farm_orchestrator.plan.pasts import NO_PASTS, Pasts
from farm_orchestrator.plan.sweeping import sweeps
from farm_reports.bounds import CONFIRMED, Bound, gated_pasts, parse, past_metrics
from farm_reports.stats.power import LEVEL as ALPHA
from farm_reports.stats.power import MIN_BLOCKS, planned_blocks

GATED_AS = (
    "gated comparisons are relative limits x ship variants x boards x points, twice where fresh blocks may confirm them"
)
PAST_AS = "and with --against budgets x old files x boards x points too"


@dataclass(frozen=True)
class Wish:
    """How a person wants to have it measured. `threads`: a sweep instead of the boards' own counts; `pin`: instead of theirs,
    and `pins`: by board those of a sweep, the highest first.

    `time_s`: the time on each board; `until`: its end, in seconds since the epoch.
    `memory_limit`: bytes beyond which a launch is ended. `profile`: what takes the time, operator by operator.
    """

    recipe: Recipe
    limits: Limits
    max_blocks: int | None = None
    threads: Sequence[int] = ()
    pace_hz: float | None = None
    time_s: float | None = None
    until: float | None = None
    mode: str = BURST
    pin: str | None = None
    memory_limit: int | None = None
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    profile: bool = False

    @property
    def swept(self) -> bool:
        """Whether boards are measured at several clocks."""
        return sweeps(self.pin)

    def given_s(self, now: float) -> float | None:
        """The time on each board from now on; None where none was given."""
        given = [self.time_s, None if self.until is None else max(0.0, self.until - now)]
        return min((each for each in given if each is not None), default=None)


@dataclass(frozen=True)
class Shape:
    """`points` by board; `gated`: m, the comparisons judged at alpha / m; blocks of a point: `planned`, at most `most`.

    `confirms`: whether an inconclusive gate gets fresh blocks: then m counts it twice, as it may be judged twice.
    """

    points: Mapping[str, tuple[Point, ...]]
    gated: int
    planned: int
    most: int
    confirms: bool


def shape(wish: Wish, boards: Sequence[Json], names: Sequence[str], baseline: str, pasts: Pasts = NO_PASTS) -> Shape:
    """The shape of a plan for the variants `names`. Raises UsageError where no verdict can come of it."""
    bounds = read_limits(wish.limits, wish.recipe)
    at = {str(board["name"]): _points(board, wish) for board in boards}
    confirms = _confirms(wish)
    ship = shipped(wish.limits.ship, names, baseline)
    shipping = _shipping(at, ship, pasts)
    gated = gated_comparisons(bounds, shipping, confirms=confirms)
    gated += gated_pasts(wish.limits.budgets, len(pasts.old), confirms=confirms)
    planned, most = _blocks(wish.recipe, gated, wish.max_blocks, past=bool(pasts.old))
    limited = any(bound.confirmed for bound in bounds) and shipping > 0
    changed = bool(pasts.old) and CONFIRMED in past_metrics(wish.limits.budgets)
    return Shape(at, gated, planned, most, confirms and (limited or changed))


def _shipping(at: Mapping[str, Sequence[Point]], ship: Sequence[str], pasts: Pasts) -> int:
    """Cells that limits gate: of a sweep of clocks one, of those that are not measured none."""
    skipped = sum((board, name, point.key) in pasts.skipped for board in at for point in at[board] for name in ship)
    return len(ship) * sum(map(_judged, at.values())) - skipped


def plan_points(wish: Wish, boards: Sequence[Json]) -> dict[str, tuple[str, ...]]:
    """The keys of the points of each board."""
    return {str(board["name"]): tuple(point.key for point in _points(board, wish)) for board in boards}


def _points(board: Json, wish: Wish) -> tuple[Point, ...]:
    pins = wish.pins.get(str(board["name"]), ())
    return points(board, wish.threads, wish.pace_hz, wish.mode, wish.pin, pins=pins)


def _judged(here: Sequence[Point]) -> int:
    """How many points of a board gates look at: of a sweep of its clocks only the highest that is held."""
    return len({replace(point, pin="") for point in here})


def points(
    board: Json,
    threads: Sequence[int] = (),
    pace_hz: float | None = None,
    mode: str = BURST,
    pin: str | None = None,
    *,
    pins: Sequence[str] = (),
) -> tuple[Point, ...]:
    """The points of a board: its own settings; thread counts and the pin of the command line override its own.

    `pins`: those of a sweep, the highest first.
    """
    plain = Point()
    cpus = board.get("cpus") or plain.cpus
    return tuple(
        Point(
            provider=board.get("provider") or plain.provider,
            runtime=board.get("runtime") or plain.runtime,
            cpus=cpus if isinstance(cpus, str) else ",".join(map(str, cpus)),
            threads=count,
            pin=one,
            mode=mode,
            pace_hz=pace_hz,
        )
        for one in pins or (pin or board.get("pin") or plain.pin,)
        for count in dict.fromkeys(threads or (board.get("threads"),))
    )


def read_limits(limits: Limits, recipe: Recipe) -> tuple[Bound, ...]:
    """The limits as numbers. Raises UsageError for one that cannot be read, and for any where nothing is compared."""
    if limits.limits and not recipe.compare:
        raise UsageError(
            f"preset {recipe.preset} has one launch a variant, so it cannot judge a limit",
            mend="leave the limits out, or use --preset quick, ci or standard",
        )
    return tuple(_read(metric, text, limits) for metric, text in limits.limits.items())


def shipped(ship: Sequence[str], names: Sequence[str], baseline: str) -> tuple[str, ...]:
    """The variants, other than the baseline, that the names and globs of `ship` mean."""
    return tuple(name for name in names if name != baseline and any(fnmatchcase(name, pattern) for pattern in ship))


def ship_of(part: Part) -> tuple[str, ...]:
    """The variants of a part that are meant to ship."""
    return shipped(part.limits.ship, [each.name for each in part.variants], part.baseline)


def gated_comparisons(bounds: Sequence[Bound], cells: int, *, confirms: bool = False) -> int:
    """How many limits are judged at alpha / m; `cells` counts those of `ship` variants, of a sweep of clocks one."""
    return sum(bound.judged(confirms=confirms) for bound in bounds) * cells


def _confirms(wish: Wish) -> bool:
    """Of a sweep no gate is: which of its clocks a gate looks at is known when it is over."""
    return wish.recipe.compare and wish.recipe.preset != "quick" and wish.max_blocks is None and not wish.swept


def _read(metric: str, text: str, limits: Limits) -> Bound:
    try:
        return parse(metric, text)
    except ValueError as error:
        where = limits.lines.get(metric)
        raise UsageError(f"{where}: {error}" if where else str(error)) from error


def _blocks(recipe: Recipe, gated: int, max_blocks: int | None, *, past: bool = False) -> tuple[int, int]:
    """(planned, most) blocks of a point. Raises UsageError when the planned ones are more than there may be."""
    planned = planned_blocks(recipe.blocks_min, gated)
    most = recipe.blocks_max if max_blocks is None else min(recipe.blocks_max, max_blocks)
    if planned > most:
        raise UsageError(_too_few(recipe, gated, planned, most), mend=_enough(recipe, gated, planned, most, past=past))
    return planned, most


def _too_few(recipe: Recipe, gated: int, planned: int, most: int) -> str:
    cap = f"--max-blocks {most}" if most < recipe.blocks_max else f"preset {recipe.preset}"
    why = f"{gated} gated comparisons need" if planned > recipe.blocks_min else "a verdict needs"
    return f"this plan cannot reach a verdict: {why} {planned} blocks, and {cap} allows {most}"


def _enough(recipe: Recipe, gated: int, planned: int, most: int, *, past: bool) -> str:
    counted = f"{GATED_AS}, {PAST_AS}" if past else GATED_AS
    ways = (
        [f"--max-blocks {planned}"]
        if planned <= recipe.blocks_max
        else _presets(planned, capped=most < recipe.blocks_max)
    )
    fewer = math.floor(ALPHA * 2**most)
    if gated > fewer and most >= MIN_BLOCKS:
        ways.append(f"at most {fewer} instead of {gated} gated comparisons ({counted})")
    return "what would make it possible: " + ", or ".join(ways or [f"fewer gated comparisons ({counted})"])


def _presets(planned: int, *, capped: bool) -> list[str]:
    fitting = [recipe for recipe in PRESETS.values() if recipe.compare and recipe.blocks_max >= planned]
    rest = f" with --max-blocks {planned} or without it" if capped else ""
    return [f"--preset {recipe.preset} (up to {recipe.blocks_max} blocks){rest}" for recipe in fitting[:1]]
