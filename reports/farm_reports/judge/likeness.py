"""Two runs side by side: which cells can be held against each other, and why the others cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from farm_reports.past import Gone
from farm_reports.results import Board, Cell, Point, Results, Variant
from farm_reports.stats.compare import Interval
from farm_reports.stats.power import MIN_BLOCKS
from farm_reports.tables import Old

Key = tuple[str, str, str]
IDENTITY = ("fingerprint", "model", "arch")  # of the board behind a name
ABSENT = "is not part of the earlier run"


@dataclass(frozen=True)
class Pair:
    """A cell and the same one of the earlier run; `why`: why the two cannot be held against each other.

    `refused`: whether the variant is so broken now that no board was asked, or that this board's runtime cannot load it.
    """

    now: Cell
    then: Cell | None
    why: str | None
    refused: bool

    @property
    def key(self) -> Key:
        return self.now.key


@dataclass(frozen=True)
class Within:
    """Old artefacts that ran in the blocks of this run. `old`: what each cell was; `absent`: why a cell has no past.

    `change`: of a metric of a cell at a one-sided level, in logs; else why there is none. `at_fault`: whether a cell
    without a figure has its own file to blame.
    """

    old: Mapping[Key, Old]
    absent: Mapping[Key, str]
    change: Callable[[Key, str, float], Interval | str]
    at_fault: Callable[[Key], bool]


@dataclass(frozen=True)
class Both:
    """The earlier run and this one; `within`: where the past is that of old artefacts in the blocks of this one."""

    past: Results
    now: Results
    within: Within | None = None

    @cached_property
    def pairs(self) -> list[Pair]:
        """One for every cell of this run."""
        return [self._pair(cell) for cell in self.now.cells]

    @cached_property
    def gone(self) -> list[Gone]:
        """What the earlier run had, and this one has no cell for."""
        here = {cell.key for cell in self.now.cells}
        boards, names = ({one.name for one in self.now.boards}, {one.name for one in self.now.variants})
        return [
            Gone(board=each.board, variant=each.variant, point_key=each.point_key, reason=_gone(each, boards, names))
            for each in self.past.cells
            if each.key not in here and each.state == "measured"
        ]

    @cached_property
    def one_baseline(self) -> bool:
        """Whether both runs measured the very same file as their baseline."""
        files = [named(run)[run.run.baseline].sha256 if run.run.baseline in named(run) else None for run in self.runs]
        return files[0] is not None and files[0] == files[1]

    @property
    def runs(self) -> tuple[Results, Results]:
        return self.past, self.now

    def sizes(self, pair: Pair) -> tuple[int | None, int | None]:
        """Of the file in bytes, then and now."""
        then, now = (
            named(run)[pair.now.variant].bytes if pair.now.variant in named(run) else None for run in self.runs
        )
        old = self._old(pair)
        return (old.bytes if old else then), now

    def same_file(self, pair: Pair) -> bool | None:
        """None where a digest is not known."""
        one, other = (named(run).get(pair.now.variant) for run in self.runs)
        old = self._old(pair)
        if old is not None and other is not None:
            return old.sha256 == other.sha256
        if one is None or other is None or not one.sha256 or not other.sha256:
            return None
        return one.sha256 == other.sha256

    def _old(self, pair: Pair) -> Old | None:
        return None if self.within is None else self.within.old.get(pair.key)

    @cached_property
    def _then(self) -> Mapping[Key, Cell]:
        return {cell.key: cell for cell in self.past.cells}

    @cached_property
    def _refused(self) -> set[str]:
        return {variant.name for variant in self.now.variants if variant.reason is not None}

    def _pair(self, cell: Cell) -> Pair:
        then = self._then.get(cell.key)
        return Pair(cell, then, self._why(cell, then), cell.variant in self._refused or self._at_fault(cell))

    def _at_fault(self, cell: Cell) -> bool:
        return cell.state == "not_run" and self.within is not None and self.within.at_fault(cell.key)

    def _why(self, cell: Cell, then: Cell | None) -> str | None:
        if cell.state != "measured":
            return f"{cell.state.replace('_', ' ')}: {cell.reason or 'no reason given'}"
        return self._elsewhen(cell, then) if self.within is None else self._beside(self.within, cell, then)

    def _elsewhen(self, cell: Cell, then: Cell | None) -> str | None:
        """Of two runs."""
        boards = [next((one for one in run.boards if one.name == cell.board), None) for run in self.runs]
        if boards[0] is None or boards[1] is None:
            return f"the board {ABSENT}"
        other = another(boards[0], boards[1])
        if other is not None or self.past.run.synthetic != self.now.run.synthetic:
            return other or "one of the two runs has synthetic figures"
        if then is None:
            return self._elsewhere(cell)
        if then.state != "measured":
            return f"{then.state.replace('_', ' ')} in the earlier run: {then.reason or 'no reason given'}"
        fewest = min(cell.launches.valid, then.launches.valid)
        launches = f"{fewest} valid launch{'' if fewest == 1 else 'es'} in one of the runs"
        return None if fewest >= MIN_BLOCKS else f"{launches}, {MIN_BLOCKS} are needed"

    def _beside(self, within: Within, cell: Cell, then: Cell | None) -> str | None:
        if then is None:
            return within.absent.get(cell.key, ABSENT)
        if then.state != "measured":
            return f"what it was: {then.state.replace('_', ' ')}: {then.reason or 'no reason given'}"
        return None

    def _elsewhere(self, cell: Cell) -> str:
        """Why the earlier run does not have this cell."""
        at = [each.point for each in self.past.cells if (each.board, each.variant) == (cell.board, cell.variant)]
        if not at:
            return ABSENT
        return f"measured at another point in the earlier run: {_unlike(at[0], cell.point)}"


def named(run: Results) -> Mapping[str, Variant]:
    return {variant.name: variant for variant in run.variants}


def another(then: Board, now: Board) -> str | None:
    """What shows that another board answers to this name; a fact that one of the runs does not know shows nothing."""
    if then.lab != now.lab:
        return "another board has this name now: one of the two is virtual"
    for name in IDENTITY:
        was, told = getattr(then, name), getattr(now, name)
        if was and told and was != told:
            return f"another board has this name now: its {name} was {was[:60]} and is {told[:60]}"
    return None


def _gone(cell: Cell, boards: set[str], names: set[str]) -> str:
    missing = "the board" if cell.board not in boards else "the variant" if cell.variant not in names else "the point"
    return f"{missing} is not part of this run"


def _unlike(then: Point, now: Point) -> str:
    told = [(name, getattr(then, name), getattr(now, name)) for name in Point.model_fields]
    return ", ".join(f"{name} {_said(was)}, not {_said(is_)}" for name, was, is_ in told if was != is_)


def _said(value: object) -> str:
    return "of its own" if value is None else str(value)
