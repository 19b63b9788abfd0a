"""The plan of a run: its parts and its cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

from farm_orchestrator.calibration import Figures, unmet
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import FileRef, Json, Part, Phase, Recipe, Variant
from farm_orchestrator.plan.blocks import first_slots
from farm_orchestrator.plan.estimate import NO_PAST, Costs, blocks_s, confirm_s, estimate_s, smallest_effect
from farm_orchestrator.plan.pasts import NO_PASTS, Pasts, document
from farm_orchestrator.plan.progress import CAP_S
from farm_orchestrator.plan.screening import screen_blocks
from farm_orchestrator.plan.shaping import Shape, Wish, shape
from farm_reports.stats.power import LEVEL as ALPHA
from farm_reports.tables import Calibration

Known = Mapping[str, Sequence[Figures]]  # board -> what it showed when it was measured against itself
NOTHING_KNOWN: Known = MappingProxyType({})


@dataclass(frozen=True)
class Plan:
    """`gated`: m, the comparisons judged at alpha / m, fixed before the first launch. `cells`: board, variant, point.

    `estimate_s`: of the planned blocks on the board `slowest`, `longest_s` of all that there may be; `given_s`: the time
    that a person gave each board. `confirm_s`: what confirming its gates takes at most on one board, 0 where nothing can
    be confirmed.
    """

    parts: tuple[Part, ...]
    cells: tuple[tuple[str, str, str], ...]
    gated: int
    estimate_s: float
    smallest_effect: float | None
    slowest: str
    given_s: float | None = None
    confirm_s: float = 0.0
    longest_s: float = 0.0
    pasts: Pasts = NO_PASTS


def make_plan(
    *,
    run: str,
    boards: Sequence[Json],
    variants: Sequence[Variant],
    wish: Wish,
    seed: int,
    baseline: str,
    agent: FileRef,
    floor: Variant,
    costs: Costs = NO_PAST,
    known: Known = NOTHING_KNOWN,
    powered: Collection[str] = (),
    pasts: Pasts = NO_PASTS,
) -> Plan:
    """The plan of a run. Raises UsageError where no verdict can come of it, saying what would make one possible.

    `powered`: the boards whose power was read before.
    """
    _check_baseline(baseline, variants)
    recipe, names = wish.recipe, [variant.name for variant in variants]
    laid = shape(wish, boards, names, baseline, pasts)
    # each variant at each clock: what is slow at the lowest may be the one to take at another; and what is held against
    # its past is asked for, however slow it is
    short = 0 if wish.swept or pasts.old else screen_blocks(recipe, names, baseline, wish.limits.ship)
    parts = tuple(
        Part(
            run=run, board=board, points=laid.points[str(board["name"])], variants=tuple(variants), recipe=recipe,
            seed=seed, baseline=baseline, agent=agent, floor=floor, planned_blocks=laid.planned, max_blocks=laid.most,
            limits=wish.limits, screen_blocks=short, gated=laid.gated, confirms=laid.confirms, time_s=wish.time_s,
            until=wish.until, memory_limit=wish.memory_limit, profile=wish.profile,
            powered=str(board["name"]) in powered or bool(board.get("meter")),
            calibrations=tuple(each.to_json() for each in known.get(str(board["name"]), ())),
            arms=pasts.arms(str(board["name"]), [point.key for point in laid.points[str(board["name"])]]),
            skipped=pasts.skips(str(board["name"])),
        )
        for board in boards
    )  # fmt: skip
    cells = tuple(
        (part.name, variant.name, point.key) for part in parts for point in part.points for variant in variants
    )
    boards_known = [unmet(part) for part in parts]
    effect = _smallest_effect(recipe, laid, boards_known) if len(variants) > 1 or pasts.old else None
    most_s, slowest = max(((estimate_s(part, costs), part.name) for part in parts), default=(0.0, ""))
    more_s = max((confirm_s(part, costs) for part in parts), default=0.0)
    longest_s = max(most_s, _longest_s(parts, costs))
    return Plan(parts, cells, laid.gated, most_s, effect, slowest, confirm_s=more_s, longest_s=longest_s, pasts=pasts)


def _longest_s(parts: Sequence[Part], costs: Costs) -> float:
    """Where no comparison is narrow enough before the last block that there may be, or before the time is up."""
    found = [(blocks_s(part, part.max_blocks, costs), CAP_S if part.time_s is None else part.time_s) for part in parts]
    return max((min(each) for each in found), default=0.0)


def _smallest_effect(recipe: Recipe, laid: Shape, boards: Sequence[Calibration]) -> float | None:
    """What every board of the plan will see."""
    found = [smallest_effect(recipe, laid.planned, laid.gated, board) for board in boards]
    return max((each for each in found if each is not None), default=None)


def plan_document(plan: Plan) -> Json:
    """The plan as `plan.json`, format farm.plan/1."""
    first = plan.parts[0]
    return {
        "schema": "farm.plan/1",
        "run": first.run,
        "seed": first.seed,
        "baseline": first.baseline,
        "mode": first.mode,
        "memory_limit": first.memory_limit,
        "profile": first.profile,
        "recipe": first.recipe.to_json(),
        "planned_blocks": first.planned_blocks,
        "max_blocks": first.max_blocks,
        "screen_blocks": first.screen_blocks,
        "time_s": first.time_s,
        "until": first.until,
        "cells": [dict(zip(("board", "variant", "point"), cell, strict=True)) for cell in plan.cells],
        "blocks": [block for part in plan.parts for block in _block_documents(part)],
        "gates": {
            "limits": dict(first.limits.limits),
            "ship": list(first.limits.ship),
            "budgets": dict(first.limits.budgets),
            "gated_comparisons": plan.gated,
            "level": ALPHA / plan.gated if plan.gated else None,
        },
        "pasts": document(plan.pasts),
        "estimate_s": round(plan.estimate_s, 1),
        "longest_s": round(plan.longest_s, 1),
        "confirm_s": round(plan.confirm_s, 1),
        "smallest_effect": plan.smallest_effect,
    }


def _block_documents(part: Part) -> list[Json]:
    """The compared blocks that are planned at first: after a screening the others depend on who is left."""
    blocks = groupby(first_slots(part), key=lambda slot: (slot.block, slot.phase, slot.point))
    return [
        {"board": part.name, "block": block, "phase": int(phase), "point": point, "order": [s.variant for s in slots]}
        for (block, phase, point), slots in blocks
        if phase >= Phase.SCREEN
    ]


def _check_baseline(baseline: str, variants: Sequence[Variant]) -> None:
    if all(variant.name != baseline for variant in variants):
        names = ", ".join(variant.name for variant in variants) or "none"
        raise UsageError(
            f"the baseline '{baseline}' is not among the variants that can run ({names})",
            mend="name another with --baseline, or mend its file",
        )
