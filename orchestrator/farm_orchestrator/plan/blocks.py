"""The blocks of a part and the order of launches inside each, from the seed alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from farm_orchestrator.model import FLOOR, Kind, Part, Phase, Slot, Variant

T = TypeVar("T")
GROUP = 7  # variants beside the baseline in a block, once there are more than 8
MAX_ATTEMPTS = 10  # of one block; the store counts them


@dataclass(frozen=True)
class Series:
    """The blocks of one point and one group of variants (sorted by name, the baseline always among them)."""

    point: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Where the compared blocks of a part lie: they go round its series, from number `start` on."""

    start: int
    series: tuple[Series, ...]

    def number(self, index: int, ordinal: int) -> int:
        """The number of block `ordinal` (from 0) of series `index`."""
        return self.start + ordinal * len(self.series) + index

    def place(self, block: int) -> tuple[int, int]:
        """(index of the series, ordinal in it) of a block: the inverse of `number`."""
        ordinal, index = divmod(block - self.start, len(self.series))
        return index, ordinal


def layout(part: Part) -> Layout:
    return Layout(measure_start(part), series(part))


def first_slots(part: Part) -> tuple[Slot, ...]:
    """Everything that is planned before the first launch: floor, dry loads, evaluations, the planned blocks."""
    singles = tuple(_single(part, block, job) for block, job in enumerate(_singles(part)))
    blocks = range(len(singles), len(singles) + part.planned_blocks * len(series(part)))
    return singles + tuple(slot for block in blocks for slot in block_slots(part, block))


def series(part: Part) -> tuple[Series, ...]:
    """All series of a part, points first: blocks go round them, so that points rotate block by block."""
    return tuple(Series(point.key, group) for group in _groups(part) for point in part.points)


def measure_start(part: Part) -> int:
    """The number of the first compared block."""
    return len(_singles(part))


def block_slots(
    part: Part, block: int, attempt: int = 0, gone: frozenset[str] | set[str] = frozenset()
) -> tuple[Slot, ...]:
    """The launches of one compared block, without the variants in `gone`."""
    laid = layout(part)
    at = laid.series[laid.place(block)[0]]
    names = order(part, at.point, block, attempt, [name for name in at.names if name not in gone])
    return tuple(
        Slot(
            part.name, Phase.MEASURE, block, attempt, position, name, part.variant(name).sha256, at.point, Kind.MEASURE
        )
        for position, name in enumerate(names)
    )


def order(part: Part, point_key: str, block: int, attempt: int, names: Sequence[str]) -> tuple[str, ...]:
    """The order of the launches of a compared block.

    A Williams square of R rows serves R consecutive first attempts of its series, with the seed of the first of them;
    a later attempt is a plain random order from its own seed. Raises ValueError when the block is not at that point.
    """
    laid = layout(part)
    index, ordinal = laid.place(block)
    if laid.series[index].point != point_key:
        raise ValueError(f"block {block} of {part.name} is at {laid.series[index].point}, not at {point_key}")
    if attempt > 0:
        return tuple(_shuffled(sorted(names), seed(part, block, attempt)))
    rows = square_rows(len(names))
    start = seed(part, laid.number(index, ordinal - ordinal % rows), 0)
    return square(names, start)[ordinal % rows]


def seed(part: Part, block: int, attempt: int) -> bytes:
    """The seed of one attempt of a block."""
    return hashlib.sha256(f"{part.seed}/{part.name}/{block}/{attempt}".encode()).digest()


def square(names: Sequence[str], start: bytes) -> list[tuple[str, ...]]:
    """A randomised Williams square: each name at each position, and after each other name, equally often."""
    labels = _shuffled(sorted(names), start + b"labels")
    base = [0, *_zigzag(len(labels))] if labels else []
    rows = [[(place + row) % len(labels) for place in base] for row in range(len(labels))]
    if len(labels) % 2 and len(labels) > 1:
        rows += [row[::-1] for row in rows]
    return [tuple(labels[place] for place in row) for row in _shuffled(rows, start + b"rows")]


def square_rows(count: int) -> int:
    """How many blocks one square serves."""
    return count if count < 2 or count % 2 == 0 else 2 * count


def single(part: Part, block: int, attempt: int) -> Slot:
    """The one launch of a block before the compared ones."""
    return _single(part, block, _singles(part)[block], attempt)


def _zigzag(count: int) -> list[int]:
    """1, V-1, 2, V-2, ... of a Williams square's first row."""
    return [(step + 1) // 2 if step % 2 else count - step // 2 for step in range(1, count)]


def _shuffled(items: list[T], start: bytes) -> list[T]:
    # sorting by a digest gives the same order in every version of every library
    digests = [hashlib.sha256(start + str(index).encode()).digest() for index in range(len(items))]
    return [item for _, item in sorted(zip(digests, items, strict=True), key=lambda pair: pair[0])]


def _singles(part: Part) -> list[tuple[Phase, Variant]]:
    checks = [(Phase.CHECK, variant) for variant in (part.floor, *part.variants)]
    return checks + [(Phase.EVALUATE, variant) for variant in part.variants if variant.dataset is not None]


def _single(part: Part, block: int, job: tuple[Phase, Variant], attempt: int = 0) -> Slot:
    phase, variant = job
    kind = Kind.MEASURE if variant.name == FLOOR else Kind.EVALUATE
    return Slot(part.name, phase, block, attempt, 0, variant.name, variant.sha256, part.points[0].key, kind)


def _groups(part: Part) -> list[tuple[str, ...]]:
    others = sorted(variant.name for variant in part.variants if variant.name != part.baseline)
    if len(others) <= GROUP:
        return [tuple(sorted([part.baseline, *others]))]
    count = -(-len(others) // GROUP)
    return [tuple(sorted([part.baseline, *others[index::count]])) for index in range(count)]
