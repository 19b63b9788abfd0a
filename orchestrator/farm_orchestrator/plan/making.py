"""The plan of a run: its parts, and the refusal of one that cannot reach a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import PRESETS, FileRef, Json, Limits, Part, Phase, Point, Recipe, Variant
from farm_orchestrator.plan.blocks import first_slots
from farm_orchestrator.plan.estimate import estimate_s, smallest_effect
from farm_reports.bounds import Bound, parse
from farm_reports.stats.power import LEVEL as ALPHA
from farm_reports.stats.power import MIN_BLOCKS, planned_blocks

GATED_METRICS = {"latency_p50", "latency_p99", "peak_memory", "energy"}
GATED_AS = "gated comparisons are relative limits x ship variants x boards x points"


@dataclass(frozen=True)
class Plan:
    """`gated`: m, the comparisons judged at alpha / m, fixed before the first launch. `cells`: board, variant, point."""

    parts: tuple[Part, ...]
    cells: tuple[tuple[str, str, str], ...]
    gated: int
    estimate_s: float
    smallest_effect: float | None


def make_plan(
    *,
    run: str,
    boards: Sequence[Json],
    variants: Sequence[Variant],
    recipe: Recipe,
    seed: int,
    baseline: str,
    agent: FileRef,
    floor: Variant,
    limits: Limits,
    max_blocks: int | None = None,
    threads: Sequence[int] = (),
    pace_hz: float | None = None,
) -> Plan:
    """The plan of a run. Raises UsageError where no verdict can come of it, saying what would make one possible."""
    _check_baseline(baseline, variants)
    bounds = read_limits(limits, recipe)
    at = {str(board["name"]): points(board, threads, pace_hz) for board in boards}
    gated = gated_comparisons(bounds, shipped(limits.ship, variants, baseline), sum(map(len, at.values())))
    planned, maximum = _blocks(recipe, gated, max_blocks)
    parts = tuple(
        Part(
            run=run, board=board, points=at[str(board["name"])], variants=tuple(variants), recipe=recipe, seed=seed,
            baseline=baseline, agent=agent, floor=floor, planned_blocks=planned, max_blocks=maximum, limits=limits,
        )
        for board in boards
    )  # fmt: skip
    cells = tuple(
        (part.name, variant.name, point.key) for part in parts for point in part.points for variant in variants
    )
    cost = max(map(estimate_s, parts), default=0.0)
    return Plan(parts, cells, gated, cost, smallest_effect(recipe, planned, gated) if len(variants) > 1 else None)


def points(board: Json, threads: Sequence[int] = (), pace_hz: float | None = None) -> tuple[Point, ...]:
    """The points of a board: its own settings; thread counts of the command line override its own."""
    plain = Point()
    cpus = board.get("cpus") or plain.cpus
    return tuple(
        Point(
            provider=board.get("provider") or plain.provider,
            runtime=board.get("runtime") or plain.runtime,
            cpus=cpus if isinstance(cpus, str) else ",".join(map(str, cpus)),
            threads=count,
            pace_hz=pace_hz,
        )
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


def shipped(ship: Sequence[str], variants: Sequence[Variant], baseline: str) -> tuple[str, ...]:
    """The variants, other than the baseline, that the names and globs of `ship` mean."""
    names = (variant.name for variant in variants if variant.name != baseline)
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in ship))


def gated_comparisons(bounds: Sequence[Bound], ship: Sequence[str], cells: int) -> int:
    """How many comparisons are judged at alpha / m; `cells` counts board x point."""
    return sum(bound.relative and bound.metric in GATED_METRICS for bound in bounds) * len(ship) * cells


def plan_document(plan: Plan) -> Json:
    """The plan as `plan.json`, format farm.plan/1."""
    first = plan.parts[0]
    return {
        "schema": "farm.plan/1",
        "run": first.run,
        "seed": first.seed,
        "baseline": first.baseline,
        "recipe": first.recipe.to_json(),
        "planned_blocks": first.planned_blocks,
        "max_blocks": first.max_blocks,
        "cells": [dict(zip(("board", "variant", "point"), cell, strict=True)) for cell in plan.cells],
        "blocks": [block for part in plan.parts for block in _block_documents(part)],
        "gates": {
            "limits": dict(first.limits.limits),
            "ship": list(first.limits.ship),
            "gated_comparisons": plan.gated,
            "level": ALPHA / plan.gated if plan.gated else None,
        },
        "estimate_s": round(plan.estimate_s, 1),
        "smallest_effect": plan.smallest_effect,
    }


def _block_documents(part: Part) -> list[Json]:
    blocks = groupby(first_slots(part), key=lambda slot: (slot.block, slot.phase, slot.point))
    return [
        {"board": part.name, "block": block, "phase": int(phase), "point": point, "order": [s.variant for s in slots]}
        for (block, phase, point), slots in blocks
        if phase == Phase.MEASURE
    ]


def _read(metric: str, text: str, limits: Limits) -> Bound:
    try:
        return parse(metric, text)
    except ValueError as error:
        where = limits.lines.get(metric)
        raise UsageError(f"{where}: {error}" if where else str(error)) from error


def _check_baseline(baseline: str, variants: Sequence[Variant]) -> None:
    if all(variant.name != baseline for variant in variants):
        names = ", ".join(variant.name for variant in variants) or "none"
        raise UsageError(
            f"the baseline '{baseline}' is not among the variants that can run ({names})",
            mend="name another with --baseline, or mend its file",
        )


def _blocks(recipe: Recipe, gated: int, max_blocks: int | None) -> tuple[int, int]:
    """(planned, most) blocks of a point. Raises UsageError when the planned ones are more than there may be."""
    planned = planned_blocks(recipe.blocks_min, gated)
    most = recipe.blocks_max if max_blocks is None else min(recipe.blocks_max, max_blocks)
    if planned > most:
        raise UsageError(_too_few(recipe, gated, planned, most), mend=_enough(recipe, gated, planned, most))
    return planned, most


def _too_few(recipe: Recipe, gated: int, planned: int, most: int) -> str:
    cap = f"--max-blocks {most}" if most < recipe.blocks_max else f"preset {recipe.preset}"
    why = f"{gated} gated comparisons need" if planned > recipe.blocks_min else "a verdict needs"
    return f"this plan cannot reach a verdict: {why} {planned} blocks, and {cap} allows {most}"


def _enough(recipe: Recipe, gated: int, planned: int, most: int) -> str:
    ways = (
        [f"--max-blocks {planned}"]
        if planned <= recipe.blocks_max
        else _presets(planned, capped=most < recipe.blocks_max)
    )
    fewer = math.floor(ALPHA * 2**most)
    if gated > fewer and most >= MIN_BLOCKS:
        ways.append(f"at most {fewer} instead of {gated} gated comparisons ({GATED_AS})")
    return "what would make it possible: " + ", or ".join(ways or [f"fewer gated comparisons ({GATED_AS})"])


def _presets(planned: int, *, capped: bool) -> list[str]:
    fitting = [recipe for recipe in PRESETS.values() if recipe.compare and recipe.blocks_max >= planned]
    rest = f" with --max-blocks {planned} or without it" if capped else ""
    return [f"--preset {recipe.preset} (up to {recipe.blocks_max} blocks){rest}" for recipe in fitting[:1]]
