"""Parts and launches for the tests of the plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from farm_orchestrator.model import FLOOR, PRESETS, Feeds, FileRef, LaunchRow, Limits, Part, Point, Slot, State, Variant
from farm_orchestrator.plan import Plan, Wish, make_plan

DIGEST = "0" * 64
AGENT = FileRef("agent.pyz", DIGEST, 1)


def variant(name: str, *, dataset: bool = False) -> Variant:
    feeds = Feeds(DIGEST, 1, {"x": "x"})
    return Variant(
        name, f"{name:0>64}"[:64], (FileRef(f"{name}.onnx", DIGEST, 10),), 17, feeds, dataset=feeds if dataset else None
    )


def make(
    names: Sequence[str] = ("fp32", "int8"),
    *,
    boards: Sequence[str] = ("b0",),
    limits: Limits | None = None,
    preset: str = "quick",
    **options: Any,
) -> Plan:
    return make_plan(
        run="20260101-000000-abcd",
        boards=[{"name": name} for name in boards],
        variants=[variant(name) for name in names],
        baseline=options.pop("baseline", names[0]),
        seed=options.pop("seed", 1),
        agent=AGENT,
        floor=variant(FLOOR),
        wish=Wish(PRESETS[preset], limits or Limits(), **options),
    )


def part_of(
    count: int, *, points: int = 1, seed: int = 1, preset: str = "standard", dataset: bool = False, screen: int = 0
) -> Part:
    """A part with `count` variants v00 (the baseline), v01, ... at so many points, and `screen` screening blocks."""
    names = [f"v{index:02}" for index in range(count)]
    part = make(names, preset=preset, seed=seed).parts[0]
    return dataclasses.replace(
        part,
        variants=tuple(variant(name, dataset=dataset) for name in names),
        points=tuple(Point(threads=index + 1) for index in range(points)),
        screen_blocks=screen,
    )


def row(slot: Slot, number: int, state: str = State.DONE, p50_ns: int = 1_000_000, **fields: Any) -> LaunchRow:
    return LaunchRow(
        id=number, run="r", state=state, p50_ns=p50_ns if state == State.DONE else None,
        **{**dataclasses.asdict(slot), **fields},
    )  # fmt: skip


def rows_of(slots: Iterable[Slot], p50: Callable[[Slot], int], start: int = 0) -> list[LaunchRow]:
    return [row(slot, start + index, p50_ns=p50(slot)) for index, slot in enumerate(slots)]
