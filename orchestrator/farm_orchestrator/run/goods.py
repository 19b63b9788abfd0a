"""`last-good`: by whose nights, where several schedules measure variants of equal names on the same boards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import UsageError
from farm_reports.past import LAST_NIGHT, LAST_NIGHT_OF
from farm_reports.words import listed

if TYPE_CHECKING:
    from farm_orchestrator.run.request import Request
    from farm_orchestrator.store import LastGood, Store

Key = tuple[str, str, str]
LAST_GOOD = "last-good"
OF = LAST_GOOD + ":"
FIRST_NIGHT = "a night that passes makes it: `farm nightly add NAME ...`, or `farm nightly run NAME` now"
NAMED = 4


@dataclass(frozen=True)
class Goods:
    """What was good last on some boards. `rows`: one for each cell; `differ`: of cells that are good as one file by one
    schedule's nights and as another by another's, these schedules. `schedule`: the one that was asked for; `removed`: those
    that hold something, and were not asked since they are no more.
    """

    rows: Sequence[LastGood]
    differ: Mapping[Key, Sequence[str]] = field(default_factory=dict)
    schedule: str | None = None
    removed: Sequence[str] = ()

    @property
    def name(self) -> str:
        """As a report calls it."""
        return LAST_NIGHT if self.schedule is None else LAST_NIGHT_OF + self.schedule

    def of(self, names: Collection[str], text: str, boards: Sequence[str]) -> list[LastGood]:
        """Those of these variants. Raises UsageError where there are none to take."""
        mine = [each for each in self.rows if each.variant in names]
        if mine:
            return mine
        check_agreed(text, {key: who for key, who in self.differ.items() if key[1] in names})
        whose = "" if self.schedule is None else f" by the nights of {self.schedule}"
        removed = f"; of schedules that were removed: --against {OF}{self.removed[0]}" if self.removed else ""
        raise UsageError(
            f"--against {text}: nothing of {listed(sorted(names), NAMED)} was ever good on {listed(boards, NAMED)}{whose}",
            mend=FIRST_NIGHT + removed,
        )


def is_good(text: str | None) -> bool:
    """Whether a past is what was good last, not a run."""
    return text is not None and (text == LAST_GOOD or text.startswith(OF))


def goods(request: Request, store: Store, boards: Sequence[str]) -> Goods:
    """A night asks its own schedule, as does whoever names one; all others all that there are. Raises UsageError."""
    name = request.schedule or _named(request.against)
    if name is None:
        return _agreed(store, boards)
    if request.schedule is None and not stored.last_good(store, schedule=name):
        stored.find_schedule(store, name)
    return Goods(stored.last_good(store, boards, name), schedule=name)


def check_agreed(text: str, differ: Mapping[Key, Sequence[str]]) -> None:
    """Raises UsageError where schedules differ on any of these cells: nobody knows which of them is meant."""
    if not differ:
        return
    cells = sorted({f"{name} on {board}" for board, name, _ in differ})
    names = sorted({name for each in differ.values() for name in each})
    raise UsageError(
        f"--against {text}: the nights of {listed(names, NAMED)} found different files of {listed(cells, NAMED)} good",
        mend=f"say whose is meant: {' or '.join(f'--against {OF}{name}' for name in names[:NAMED])}",
    )


def _named(text: str | None) -> str | None:
    """Raises UsageError."""
    if text is None or not text.startswith(OF):
        return None
    if text == OF:
        raise UsageError(f"--against {text}: the name of a schedule is missing", mend="`farm nightly ls` lists them")
    return text.removeprefix(OF)


def _agreed(store: Store, boards: Sequence[str]) -> Goods:
    """Of several schedules that found the same file good, the one that did so last."""
    there = set(stored.schedule_names(store))
    found: dict[Key, list[LastGood]] = {}
    removed: dict[str, None] = {}
    for each in stored.last_good(store, boards):
        if each.schedule in there:
            found.setdefault(each.key, []).append(each)
        else:
            removed[str(each.schedule)] = None
    differ = {key: [str(one.schedule) for one in rows] for key, rows in found.items() if not _one_file(rows)}
    rows = [max(rows, key=lambda each: each.moved) for key, rows in found.items() if key not in differ]
    return Goods(rows, differ, removed=list(removed))


def _one_file(rows: Sequence[LastGood]) -> bool:
    return len({each.sha256 for each in rows}) == 1
