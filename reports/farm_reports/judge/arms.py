"""What variants were, measured in the blocks of a run: a run of its own, under the names of what they became."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from farm_reports import verdict
from farm_reports.bounds import Bound, budget
from farm_reports.judge import budgets as asked
from farm_reports.judge.case import Case, build
from farm_reports.judge.cells import judged
from farm_reports.judge.conditions import unsteady
from farm_reports.judge.confirmed import against, said_since
from farm_reports.judge.evidence import Evidence, Key
from farm_reports.judge.likeness import Both, Pair, Within
from farm_reports.judge.limits import paired
from farm_reports.judge.profiles import profiles
from farm_reports.judge.state import own_fault
from farm_reports.parts import Value
from farm_reports.past import VersusPast
from farm_reports.profiled import Profile
from farm_reports.results import Cell, Gate, Results
from farm_reports.stats.compare import Interval, change, held, interval
from farm_reports.stats.power import LEVEL, READING, seen
from farm_reports.tables import PAST, Against, CellRecord, LaunchRecord, Tables

UNTOLD = Value(value=None, reason="not measured")
NOT_YET = "not yet"


@dataclass(frozen=True)
class Arms:
    """`case`: of the run; `past`: of what its variants were; `against`: what was asked."""

    case: Case
    past: Case
    against: Against

    @property
    def side(self) -> float:
        """The level of each gated comparison."""
        return LEVEL / max(self.case.gated, 1)

    @cached_property
    def cells(self) -> list[Cell]:
        return judged(self.past)

    @cached_property
    def profiles(self) -> list[Profile]:
        return list(profiles(self.past, self.cells))

    def both(self, now: Results) -> Both:
        """`now`: results of this run, or of one of its boards."""
        then = now.model_copy(update={"cells": self.cells, "gates": [], "past": None})
        return Both(then, now, Within(self.against.old, self.against.without, self.change, self.at_fault))

    def change(self, key: Key, metric: str, side: float) -> Interval | str:
        """Of a metric of a cell since then, from the blocks that decide; or why nobody can tell."""
        mine, other = self.arms(key)
        found = paired(mine, other, metric)
        if isinstance(found, str):
            return found
        why = verdict.invalid(found.size, mine.rejected)
        return why or change(found, side, self.case.bias_floor(key[0], metric))

    def at_fault(self, key: Key) -> bool:
        """Whether a cell without a figure has that of its file, not of its board."""
        return key in self.case.evidence and own_fault(self.case, self.case.evidence[key]) is not None

    def arms(self, key: Key) -> tuple[Evidence, Evidence]:
        return self.case.evidence[key], self.past.evidence[key]


def read(case: Case) -> Arms | None:
    """None of a run that is asked about no past."""
    against = case.tables.against
    return None if against is None else Arms(case, build(_past(case.tables, against)), against)


def with_past(arms: Arms, found: Results) -> Results:
    """The results with each cell against what it was."""
    both, bounds = arms.both(found), bounds_of(arms.against)
    known = {pair.key: _versus(arms, both, pair, bounds) for pair in both.pairs}
    cells = [cell.model_copy(update={"versus_past": known[cell.key]}) for cell in found.cells]
    return found.model_copy(update={"cells": cells})


def gates(arms: Arms, found: Results) -> list[Gate]:
    """`found`: with its cells against what they were."""
    told = {cell.key: cell.versus_past for cell in found.cells if cell.versus_past is not None}
    made = asked.gates(arms.both(found), told, bounds_of(arms.against), arms.side)
    return [gate for gate in made if gate.cells]


def bounds_of(against: Against) -> list[Bound]:
    return [budget(metric, each["bound"]) for metric, each in against.budgets.items()]


def _past(tables: Tables, against: Against) -> Tables:
    """The tables of what variants were; nothing is asked of them."""
    files = {variant.name: variant.sha256 for variant in tables.variants if variant.reason is None}
    beside = [key for key, old in against.old.items() if files.get(key[1], old.sha256) != old.sha256]
    scores = [
        (board, name.removesuffix(PAST), told) for (board, name), told in tables.scores.items() if name.endswith(PAST)
    ]
    return replace(
        tables,
        cells=tuple(CellRecord(*key) for key in beside),
        launches=tuple(_renamed(launch) for launch in tables.launches if launch.variant.endswith(PAST)),
        variants=tuple(replace(each, reason=None) for each in tables.variants),
        scores={(board, name): told for board, name, told in scores},
        limits={}, ship=(), lines={}, gated=0, against=None,
    )  # fmt: skip


def _renamed(launch: LaunchRecord) -> LaunchRecord:
    return replace(launch, variant=launch.variant.removesuffix(PAST))


def _versus(arms: Arms, both: Both, pair: Pair, bounds: Sequence[Bound]) -> VersusPast:
    own = next((bound.value for bound in bounds if bound.metric == asked.LATENCY), None)
    gated = own is not None or not bounds
    old = arms.against.old.get(pair.key)
    bare = VersusPast(
        ratio=None, low=None, high=None, verdict="invalid", past_p50_ms=UNTOLD, same_file=both.same_file(pair) if old else None,
        past_sha256=old.sha256 if old else None, past_run=old.run if old else None,
    )  # fmt: skip
    told = _unjudged(arms, pair, bare)
    return told or _judged(arms, pair, bare, own, gated=gated)


def _unjudged(arms: Arms, pair: Pair, bare: VersusPast) -> VersusPast | None:
    """Where there is nothing to judge, or not yet."""
    if pair.then is None and bare.same_file and pair.now.state == "measured":
        return bare.model_copy(
            update={
                "verdict": "equivalent",
                "reason": f"the very file of run {bare.past_run}: nothing can have changed",
            }
        )
    if _owed(arms, pair):
        return bare.model_copy(update={"verdict": "inconclusive", "reason": NOT_YET})
    p50 = UNTOLD if pair.then is None else pair.then.latency_ms.p50
    return None if pair.why is None else bare.model_copy(update={"reason": pair.why, "past_p50_ms": p50})


def _owed(arms: Arms, pair: Pair) -> bool:
    if pair.now.reason == NOT_YET:
        return True
    if pair.then is None:
        return False
    parts = [each for arm in arms.arms(pair.key) for each in (arm, arm.fresh) if each is not None]
    return any(each.owed for each in parts)


def _judged(arms: Arms, pair: Pair, bare: VersusPast, own: float | None, *, gated: bool) -> VersusPast:
    if pair.then is None:
        raise AssertionError("a cell without a past is not judged")
    (found, fresh), board = against(*arms.arms(pair.key)), pair.now.board
    bare = bare.model_copy(update={"past_p50_ms": pair.then.latency_ms.p50})
    why = verdict.invalid(found.size, arms.case.evidence[pair.key].rejected)
    if why is not None:
        return bare.model_copy(update={"reason": why})
    floor, side = arms.case.bias_floor(board), arms.side if gated else READING
    drawn, gate = change(found, floor=floor), change(found, side, floor)
    worse, same, better = verdict.past_margins(own)
    word = verdict.against_past(gate, worse, same, better)
    moving = None if word == "inconclusive" else _moving(arms, pair.key, fresh=fresh)
    mine, alone = arms.case.evidence[pair.key], found.size if fresh else None
    asked_again = said_since(arms.case, mine, alone, undecided=word == "inconclusive") if gated else None
    told = {
        "ratio": math.exp(drawn.estimate), "low": math.exp(drawn.low), "high": math.exp(drawn.high),
        "gate_low": math.exp(gate.low) if gated and gate.known else None,
        "gate_high": math.exp(gate.high) if gated and gate.known else None,
        "verdict": "inconclusive" if moving else word, "basis": "blocks", "margin": math.expm1(worse),
        "sees": seen(interval(found).error, side, float(held(found, floor))),
        "small": moving is None and own is None and word in {"regressed", "improved"} and verdict.small(gate),
        "reason": moving or asked_again, "fresh": alone,
    }  # fmt: skip
    return bare.model_copy(update=told)


def _moving(arms: Arms, key: Key, *, fresh: bool) -> str | None:
    """What is said of a latency that most launches never saw settle: where a board is known, it decides nothing."""
    if arms.case.calibration(key[0]).floor is None:
        return None
    used = [arm.fresh if fresh and arm.fresh else arm for arm in arms.arms(key)]
    return next((text for arm in used for text in unsteady(arm.used)), None)
