"""Everything the judgement of a run looks up: evidence, limits, levels, records by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from farm_reports.bounds import GATED, UNCHANGED, Bound, gated_pasts, parse
from farm_reports.judge.evidence import FLOOR, Evidence, Key, gather, unpinned
from farm_reports.stats.power import LEVEL, READING
from farm_reports.tables import PROFILE, BoardRecord, Calibration, CellRecord, LaunchRecord, Tables, VariantRecord


@dataclass(frozen=True)
class Case:
    """`gated`: m, the comparisons judged at alpha / m. `floors`: ns of the measuring loop, by board."""

    tables: Tables
    evidence: Mapping[Key, Evidence]
    bounds: tuple[Bound, ...]
    gated: int
    floors: Mapping[str, int]
    variants: Mapping[str, VariantRecord]
    boards: Mapping[str, BoardRecord]
    cells: Mapping[Key, CellRecord]
    failures: Mapping[tuple[str, str], Sequence[LaunchRecord]]
    profiled: Mapping[Key, LaunchRecord]

    @property
    def baseline(self) -> str:
        return self.tables.baseline

    def bias_floor(self, board: str, metric: str = "latency_p50") -> float | None:
        """The bias that a comparison on this board holds; None where it was not measured: A/A runs tell of medians."""
        return self.calibration(board).floor if metric == "latency_p50" else None

    def calibration(self, board: str) -> Calibration:
        """What the board had shown when it was measured against itself."""
        return self.boards[board].calibration if board in self.boards else Calibration()

    def ships(self, variant: str) -> bool:
        return any(fnmatchcase(variant, pattern) for pattern in self.tables.ship)

    def reference(self, evidence: Evidence) -> Evidence | None:
        """The baseline's evidence on the same board, at the same point."""
        board, _, point = evidence.key
        return self.evidence.get((board, self.baseline, point))

    def side(self, variant: str, metric: str) -> float | None:
        """The level alpha / m where this comparison is gated, else None."""
        limited = any(bound.relative and bound.metric == metric for bound in self.bounds)
        gates = limited and metric in GATED and self.ships(variant) and variant != self.baseline
        return LEVEL / self.gated if gates and self.gated else None

    def level(self, variant: str, metric: str) -> float:
        """The one-sided level at which a comparison is judged."""
        return self.side(variant, metric) or READING


def build(tables: Tables) -> Case:
    bounds = tuple(parse(metric, text) for metric, text in tables.limits.items())
    variants = {variant.name: variant for variant in tables.variants}
    case = Case(
        tables=tables,
        evidence=gather(tables),
        bounds=bounds,
        gated=0,
        floors=_floors(tables),
        variants=variants,
        boards={board.name: board for board in tables.boards},
        cells={(cell.board, cell.variant, cell.point): cell for cell in tables.cells},
        failures=_failures(tables),
        profiled=_profiled(tables),
    )
    return replace(case, gated=_gated(case) if tables.gated is None else tables.gated)


def _gated(case: Case) -> int:
    """The m of alpha / m, as the plan fixed it: a variant that was refused before the plan had no comparison, and one
    that may be judged twice has two. Of a sweep of clocks one counts.
    """
    relative = sum(bound.judged(confirms=case.tables.confirms) for bound in case.bounds)
    measured = [key for key, cell in case.cells.items() if not skipped(cell)]
    judged = dict.fromkeys(map(unpinned, measured))
    planned = [name for _, name, _ in judged if name != case.baseline and case.ships(name)]
    limits = relative * sum(case.variants[name].reason is None for name in planned if name in case.variants)
    return limits + _gated_pasts(case)


def skipped(cell: CellRecord) -> bool:
    """Whether it was not measured because it is what it was."""
    return (cell.reason or "").startswith(UNCHANGED)


def _gated_pasts(case: Case) -> int:
    against = case.tables.against
    if against is None:
        return 0
    runs = {name: each.sha256 for name, each in case.variants.items() if each.reason is None}
    beside = [key for key, old in against.old.items() if runs.get(key[1], old.sha256) != old.sha256]
    return gated_pasts(against.budgets, len(beside), confirms=case.tables.confirms)


def _floors(tables: Tables) -> dict[str, int]:
    return {
        launch.board: launch.p50_ns
        for launch in tables.launches
        if launch.variant == FLOOR and launch.state == "done" and launch.p50_ns
    }


def _failures(tables: Tables) -> dict[tuple[str, str], list[LaunchRecord]]:
    """The failed launches of each variant on each board; what fails under a profiler only is no failure of it."""
    failures: dict[tuple[str, str], list[LaunchRecord]] = defaultdict(list)
    for launch in tables.launches:
        if launch.state == "failed" and launch.kind != PROFILE:
            failures[launch.board, launch.variant].append(launch)
    return dict(failures)


def _profiled(tables: Tables) -> dict[Key, LaunchRecord]:
    """The last profile launch of each cell that has one."""
    found = sorted((launch for launch in tables.launches if launch.kind == PROFILE), key=lambda launch: launch.attempt)
    return {(launch.board, launch.variant, launch.point): launch for launch in found}
