"""The blocks of a part and the order of launches inside each, from the seed alone."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

from farm_orchestrator.model import FLOOR, Kind, Part, Phase, Slot, Variant
from farm_reports.tables import PAST

T = TypeVar("T")
Cells = AbstractSet[tuple[str, str]]  # (variant, point)
NOBODY: Cells = frozenset()
GROUP = 7  # variants beside the baseline in a block, once there are more than 8
MAX_ATTEMPTS = 10  # of one block; the store counts them


@dataclass(frozen=True)
class Series:
    """The blocks of one point and one group of variants (sorted by name, the baseline always among them)."""

    point: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Where the compared blocks of one phase of a part lie: they go round its series, from number `start` on.

    `shuffle`: each round has an order of its own, from this seed; empty: all have the order of the series.
    """

    phase: Phase
    start: int
    series: tuple[Series, ...]
    shuffle: bytes = b""

    def number(self, index: int, ordinal: int) -> int:
        """The number of block `ordinal` (from 0) of series `index`."""
        return self.start + ordinal * len(self.series) + self._round(ordinal).index(index)

    def place(self, block: int) -> tuple[int, int]:
        """(index of the series, ordinal in it) of a block: the inverse of `number`."""
        ordinal, turn = divmod(block - self.start, len(self.series))
        return self._round(ordinal)[turn], ordinal

    def _round(self, ordinal: int) -> Sequence[int]:
        """The series in the order in which a round takes them."""
        return _turns(self.shuffle, len(self.series), ordinal) if self.shuffle else range(len(self.series))


def layout(part: Part, out: Cells = NOBODY) -> Layout:
    """The blocks of the comparison; `out`: the cells that were screened out before it."""
    return Layout(Phase.MEASURE, measure_start(part), series(part, out), _shuffle(part))


def first_slots(part: Part) -> tuple[Slot, ...]:
    """Everything that is planned before the first launch: floor, dry loads, evaluations, and the first compared blocks.

    Those are the planned ones, or those that screen: then the planned ones are for the variants that are left.
    """
    singles = tuple(_single(part, block, job) for block, job in enumerate(_singles(part)))
    if not part.screen_blocks:
        return singles + planned_slots(part)
    blocks = range(len(singles), measure_start(part))
    return singles + tuple(slot for block in blocks for slot in block_slots(part, block))


def planned_slots(part: Part, gone: Cells = NOBODY, out: Cells = NOBODY) -> tuple[Slot, ...]:
    """The planned blocks of the comparison, without cells that failed (`gone`) or were screened out."""
    laid = layout(part, out)
    blocks = range(laid.start, laid.start + part.planned_blocks * len(laid.series))
    return tuple(slot for block in blocks for slot in block_slots(part, block, 0, gone, out))


def series(part: Part, out: Cells = NOBODY) -> tuple[Series, ...]:
    """All series of a part, points first: blocks go round them, so that points rotate block by block."""
    return _rotated({point.key: _groups(part, present(part, point.key, out)) for point in part.points})


def present(part: Part, point: str, out: Cells = NOBODY) -> list[str]:
    """Who is measured at a point: the variants that are neither left out nor screened out, then what they were."""
    here = [each.name for each in part.variants if (each.name, point) not in out]
    left = [name for name in here if (name, point) not in part.skipped]
    return left + [arm.variant.name for arm in part.arms if point in arm.points]


def reference(part: Part, name: str) -> str:
    """What a launch of `name` is held against in its block; of what a variant was, the variant itself."""
    return name.removesuffix(PAST) if name.endswith(PAST) else part.baseline


def layout_from(part: Part, start: int, arms: Mapping[str, Sequence[str]]) -> Layout:
    """Blocks from `start` on that confirm: of the variants of each point, the baseline beside them."""
    return Layout(Phase.CONFIRM, start, _rotated({point: _groups(part, names) for point, names in arms.items()}))


def _shuffle(part: Part) -> bytes:
    """Of a part whose clocks are swept: in a fixed order one clock would always be measured in the heat of the same other."""
    return b"" if len({point.pin for point in part.points}) == 1 else f"{part.seed}/{part.name}/rounds".encode()


@functools.cache
def _turns(start: bytes, count: int, ordinal: int) -> tuple[int, ...]:
    return tuple(_shuffled(list(range(count)), start + b"/%d/" % ordinal))


def _rotated(groups: Mapping[str, Sequence[tuple[str, ...]]]) -> tuple[Series, ...]:
    most = max((len(each) for each in groups.values()), default=0)
    return tuple(Series(key, each[index]) for index in range(most) for key, each in groups.items() if index < len(each))


def measure_start(part: Part) -> int:
    """The number of the first block of the comparison."""
    return len(_singles(part)) + part.screen_blocks * len(series(part))


def compared_blocks(part: Part) -> int:
    """The blocks that are planned for a part in which nothing fails and nobody is screened out."""
    return (part.screen_blocks + part.planned_blocks) * len(series(part))


def block_slots(
    part: Part, block: int, attempt: int = 0, gone: Cells = NOBODY, out: Cells = NOBODY
) -> tuple[Slot, ...]:
    """The launches of one compared block, without cells that failed (`gone`) or were screened out before it."""
    return laid_slots(part, layout_of(part, block, out), block, attempt, gone)


def laid_slots(part: Part, laid: Layout, block: int, attempt: int = 0, gone: Cells = NOBODY) -> tuple[Slot, ...]:
    """The same, where the layout is at hand."""
    at = laid.series[laid.place(block)[0]]
    here = [name for name in at.names if (name, at.point) not in gone]
    names = _ordered(part, laid, block, attempt, here)
    return tuple(
        Slot(part.name, laid.phase, block, attempt, position, name, part.variant(name).sha256, at.point, Kind.MEASURE)
        for position, name in enumerate(names)
    )


def layout_of(part: Part, block: int, out: Cells = NOBODY) -> Layout:
    """The layout of the phase that a compared block belongs to."""
    if block < measure_start(part):
        return Layout(Phase.SCREEN, len(_singles(part)), series(part))
    return layout(part, out)


def order(
    part: Part, point_key: str, block: int, attempt: int, names: Sequence[str], *, out: Cells = NOBODY
) -> tuple[str, ...]:
    """The order of the launches of a compared block. Raises ValueError when the block is not at that point."""
    laid = layout_of(part, block, out)
    at = laid.series[laid.place(block)[0]]
    if at.point != point_key:
        raise ValueError(f"block {block} of {part.name} is at {at.point}, not at {point_key}")
    return _ordered(part, laid, block, attempt, names)


def _ordered(part: Part, laid: Layout, block: int, attempt: int, names: Sequence[str]) -> tuple[str, ...]:
    """A Williams square of R rows serves R consecutive first attempts of its series, with the seed of the first of them;
    a later attempt is a plain random order from its own seed.
    """
    index, ordinal = laid.place(block)
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


def profile_slot(part: Part, block: int, attempt: int, variant: str, point: str) -> Slot:
    """The one launch of a block after the compared ones."""
    return Slot(part.name, Phase.PROFILE, block, attempt, 0, variant, part.variant(variant).sha256, point, Kind.PROFILE)


def _zigzag(count: int) -> list[int]:
    """1, V-1, 2, V-2, ... of a Williams square's first row."""
    return [(step + 1) // 2 if step % 2 else count - step // 2 for step in range(1, count)]


def _shuffled(items: list[T], start: bytes) -> list[T]:
    # sorting by a digest gives the same order in every version of every library
    digests = [hashlib.sha256(start + str(index).encode()).digest() for index in range(len(items))]
    return [item for _, item in sorted(zip(digests, items, strict=True), key=lambda pair: pair[0])]


def _singles(part: Part) -> list[tuple[Phase, Variant]]:
    taken = {name for at in series(part) for name in at.names}
    here = [variant for variant in part.measured if variant.name in taken]
    checks = [(Phase.CHECK, variant) for variant in (part.floor, *here) if here]
    return checks + [(Phase.EVALUATE, variant) for variant in here if variant.dataset is not None]


def _single(part: Part, block: int, job: tuple[Phase, Variant], attempt: int = 0) -> Slot:
    phase, variant = job
    kind = Kind.MEASURE if variant.name == FLOOR else Kind.EVALUATE
    return Slot(part.name, phase, block, attempt, 0, variant.name, variant.sha256, part.points[0].key, kind)


def _groups(part: Part, names: Iterable[str]) -> list[tuple[str, ...]]:
    """The baseline in each of them; a variant and what it was stay together. Nobody where there are no names."""
    wanted = set(names)
    units: dict[str, list[str]] = {}
    for name in sorted(wanted - {part.baseline}):
        units.setdefault(name if name == part.baseline + PAST else name.removesuffix(PAST), []).append(name)
    if not wanted:
        return []
    count = max(1, -(-sum(map(len, units.values())) // GROUP))
    while max(map(len, dealt := _dealt(list(units.values()), count))) > GROUP:
        count += 1
    return [tuple(sorted([part.baseline, *each])) for each in dealt]


def _dealt(units: Sequence[Sequence[str]], count: int) -> list[list[str]]:
    return [[name for unit in units[index::count] for name in unit] for index in range(count)]
