"""The plan of a run: its parts and its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import FileRef, Json, Part, Phase, Variant
from farm_orchestrator.plan.blocks import first_slots
from farm_orchestrator.plan.estimate import estimate_s, smallest_effect
from farm_orchestrator.plan.shaping import Wish, shape
from farm_reports.stats.power import LEVEL as ALPHA


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
    wish: Wish,
    seed: int,
    baseline: str,
    agent: FileRef,
    floor: Variant,
) -> Plan:
    """The plan of a run. Raises UsageError where no verdict can come of it, saying what would make one possible."""
    _check_baseline(baseline, variants)
    recipe, laid = wish.recipe, shape(wish, boards, [variant.name for variant in variants], baseline)
    parts = tuple(
        Part(
            run=run, board=board, points=laid.points[str(board["name"])], variants=tuple(variants), recipe=recipe,
            seed=seed, baseline=baseline, agent=agent, floor=floor, planned_blocks=laid.planned, max_blocks=laid.most,
            limits=wish.limits,
        )
        for board in boards
    )  # fmt: skip
    cells = tuple(
        (part.name, variant.name, point.key) for part in parts for point in part.points for variant in variants
    )
    effect = smallest_effect(recipe, laid.planned, laid.gated) if len(variants) > 1 else None
    return Plan(parts, cells, laid.gated, max(map(estimate_s, parts), default=0.0), effect)


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


def _check_baseline(baseline: str, variants: Sequence[Variant]) -> None:
    if all(variant.name != baseline for variant in variants):
        names = ", ".join(variant.name for variant in variants) or "none"
        raise UsageError(
            f"the baseline '{baseline}' is not among the variants that can run ({names})",
            mend="name another with --baseline, or mend its file",
        )
