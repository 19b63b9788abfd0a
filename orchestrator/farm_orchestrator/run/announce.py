"""What a person is told before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    return f"preset {first.recipe.preset}: {blocks} blocks, about {duration(plan.estimate_s)}{sees}"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 05 min`."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _assumed(prepared: Prepared) -> tuple[str, ...]:
    return tuple(f"assumed: {text}" for text in prepared.assumptions)


def _refused(prepared: Prepared) -> tuple[str, ...]:
    return tuple(f"left out: {each}" for each in prepared.refused)


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
