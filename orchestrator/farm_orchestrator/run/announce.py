"""What a person is told before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm_orchestrator.plan import duration

if TYPE_CHECKING:
    from farm_orchestrator.model import Part
    from farm_orchestrator.plan import Plan
    from farm_orchestrator.run.prepare import Prepared


def title(prepared: Prepared) -> str:
    plan = prepared.plan
    variants, boards = len(plan.parts[0].variants), len(plan.parts)
    return f"{variants} {_plural(variants, 'variant')} x {boards} {_plural(boards, 'board')}, run {prepared.id}"


def announce(prepared: Prepared) -> tuple[str, ...]:
    """Preset, blocks, estimate, the smallest effect, what was assumed and what was refused."""
    return (_shape(prepared), *_assumed(prepared), *_refused(prepared))


def _shape(prepared: Prepared) -> str:
    plan, first = prepared.plan, prepared.plan.parts[0]
    blocks = str(first.planned_blocks)
    if first.max_blocks > first.planned_blocks:
        blocks += f" to {first.max_blocks}"
    sees = f", sees effects from {plan.smallest_effect:.1%} on" if plan.smallest_effect else ""
    return f"preset {first.recipe.preset}: {blocks} blocks{_screening(first)}, {_time(plan)}{sees}"


def _screening(part: Part) -> str:
    return f" after a screening of {part.screen_blocks} short ones" if part.screen_blocks else ""


def _time(plan: Plan) -> str:
    """At most that long, where the screening may send somebody home."""
    most = " at most" if plan.parts[0].screen_blocks else ""
    given = f" of the {duration(plan.given_s)} given" if plan.given_s is not None else ""
    return f"about {duration(plan.estimate_s)}{most}{given}"


def _assumed(prepared: Prepared) -> tuple[str, ...]:
    return tuple(f"assumed: {text}" for text in prepared.assumptions)


def _refused(prepared: Prepared) -> tuple[str, ...]:
    return tuple(f"left out: {each}" for each in prepared.refused)


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
