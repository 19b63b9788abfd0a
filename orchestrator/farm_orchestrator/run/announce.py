"""What a person is told before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm_orchestrator.plan import duration, mhz, profile_s
from farm_reports.words import listed, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm_orchestrator.model import Part
    from farm_orchestrator.plan import Plan, Steps
    from farm_orchestrator.run.prepare import Prepared


def title(prepared: Prepared) -> str:
    return heading(len(prepared.plan.parts[0].variants), len(prepared.plan.parts), prepared.id)


def heading(variants: int, boards: int, run: str) -> str:
    return f"{variants} {_plural(variants, 'variant')} x {boards} {_plural(boards, 'board')}, run {run}"


def announce(prepared: Prepared) -> tuple[str, ...]:
    """Preset, blocks, estimate, the smallest effect, clocks, what was assumed and what was refused."""
    return (
        _shape(prepared),
        *prepared.past,
        *swept(prepared.steps),
        *_limited(prepared.plan.parts[0]),
        *_confirming(prepared.plan),
        *_profiled(prepared.plan.parts),
        *_assumed(prepared),
        *_refused(prepared),
    )


def _shape(prepared: Prepared) -> str:
    plan, first = prepared.plan, prepared.plan.parts[0]
    blocks = str(first.planned_blocks)
    if first.max_blocks > first.planned_blocks:
        blocks += f" to {first.max_blocks}"
    sees = f", sees effects from {plan.smallest_effect:.1%} on" if plan.smallest_effect else ""
    each = " a point" if prepared.steps else ""
    return f"preset {first.recipe.preset}, {first.mode}: {blocks} blocks{each}{_screening(first)}, {_time(plan)}{sees}"


def _screening(part: Part) -> str:
    return f" after a screening of {part.screen_blocks} short ones" if part.screen_blocks else ""


def _time(plan: Plan) -> str:
    """Of the planned blocks, and of all; where the screening may send somebody home both are the most it can be."""
    most = " at most" if plan.parts[0].screen_blocks else ""
    planned, longest = duration(plan.estimate_s), duration(plan.longest_s)
    if plan.given_s is not None:
        return f"about {planned}{most} of the {duration(plan.given_s)} given"
    return f"about {planned}{f' to {longest}' if longest != planned else ''}{most}"


def swept(found: Mapping[str, Steps]) -> tuple[str, ...]:
    """The clocks of a sweep, once for all boards that have the same."""
    boards: dict[str, list[str]] = {}
    for name, steps in found.items():
        boards.setdefault(_clocks(steps), []).append(name)
    gated = ("what to ship and every gate are of the highest of a board's clocks that is held",) if found else ()
    return (*(f"{listed(names)}: {text}" for text, names in boards.items()), *gated)


def _clocks(steps: Steps) -> str:
    if steps.reason is not None:
        return f"one point, clock {steps.pins[0]}: {steps.reason}"
    clocks = ", ".join(mhz(int(pin)) for pin in reversed(steps.pins))
    text = f"{len(steps.pins)} {_plural(len(steps.pins), 'point')}, {clocks} MHz"
    return f"{text} ({steps.note})" if steps.note else text


def _limited(part: Part) -> tuple[str, ...]:
    if part.memory_limit is None:
        return ()
    return (f"a launch that takes more than {size(part.memory_limit)} of memory is ended, where the board can do that",)


def _confirming(plan: Plan) -> tuple[str, ...]:
    if not plan.confirm_s:
        return ()
    time = f"up to about {duration(plan.confirm_s)} more"
    return (f"a gate that these blocks leave open is confirmed once by twice as many fresh ones, {time}",)


def _profiled(parts: Sequence[Part]) -> tuple[str, ...]:
    more_s = max(profile_s(part) for part in parts)
    if not more_s:
        return ()
    return (f"after all that is timed every variant is profiled once, about {duration(more_s)} of the time",)


def _assumed(prepared: Prepared) -> tuple[str, ...]:
    return tuple(f"assumed: {text}" for text in prepared.assumptions)


def _refused(prepared: Prepared) -> tuple[str, ...]:
    return tuple(f"left out: {each}" for each in prepared.refused)


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
