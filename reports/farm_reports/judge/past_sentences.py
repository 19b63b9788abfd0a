"""What the first screen says of a run that is held against an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farm_reports import verdict, words
from farm_reports.bounds import Bound, budget
from farm_reports.judge.differences import distance
from farm_reports.judge.likeness import Both, Key
from farm_reports.past import Past, VersusPast
from farm_reports.results import Gate, GateCell, Results, RunWord
from farm_reports.stats.power import SAME
from farm_reports.words import percent

NAMES = {
    "latency_p50": "median latency",
    "latency_p99": "p99 latency",
    "peak_memory": "peak memory",
    "size": "size",
    "energy": "energy",
    "accuracy": "accuracy",
}
LATENCY = "latency_p50"


def sentence(now: Results, word: RunWord, gates: Sequence[Gate], found: Mapping[Key, VersusPast], past: Past) -> str:
    """By the word of the run; what a limit or a missing board said stays as it was, and what is said of a run that goes on."""
    if now.run.status == "partial":
        return now.sentence
    if word == "regressed":
        return _regressed(gates, found, past) + _limits(now)
    if word == "inconclusive" and any(gate.verdict == "inconclusive" for gate in gates):
        return _undecided(gates, found, past)
    if word == "invalid" and any(gate.verdict == "not_measured" for gate in gates) and now.verdict != "invalid":
        return _unmeasured(gates, past)
    return _passed(now, gates, found, past) if word == "passed" else now.sentence


def statement(both: Both, found: Mapping[Key, VersusPast]) -> str:
    """How the two runs were held against each other, and what that cannot keep out."""
    bases = [one.basis for one in found.values()]
    shared, absolute = bases.count("baseline"), bases.count("absolute")
    parts = [f"The two runs were {distance(both)}."]
    if shared:
        parts.append(
            f"{_counted(shared)} as ratios to the one baseline file, so what a day does to a board cancels out."
        )
    if absolute:
        parts.append(
            f"{_counted(absolute)} time against time across the runs: a change of kernel, runtime or cooling shows "
            "there too, and only a large one counts."
        )
    return " ".join(parts)


def beside() -> str:
    """How a variant was held against what it was in the same blocks, and what that cannot see."""
    return (
        "Each old file ran again beside the new one, block by block, on today's runtime: what the board did to both "
        "cancels out. A regression of the runtime itself is not seen this way."
    )


def smallest(past: Past) -> str:
    """`2.1 %`, and what time against time could see."""
    told = [] if past.smallest_effect is None else [_share(past.smallest_effect)]
    if past.smallest_absolute is not None:
        told.append(_share(past.smallest_absolute) + (" time against time" if told else ""))
    return ", or ".join(told)


def change(versus: VersusPast) -> str:
    """`+11.8 % (95 % CI +11.3 to +12.2)`."""
    if versus.ratio is None or versus.low is None or versus.high is None:
        return ""
    at, low, high = (percent(end - 1) for end in (versus.ratio, versus.low, versus.high))
    return f"{at} % (95 % CI {low} to {high})"


def _regressed(gates: Sequence[Gate], found: Mapping[Key, VersusPast], past: Past) -> str:
    failed = [(gate, cell) for gate in gates for cell in gate.cells if cell.verdict == "failed"]
    total = sum(map(verdict.asked, gates))
    verb = "is" if len(failed) == 1 else "are"
    worse = "worse than the budget allows" if past.budgets else f"worse than in {past.name or past.id}"
    gate, worst = next((gate, gate.worst) for gate in gates if gate.worst and gate.verdict == "failed")
    told = _figure(gate, worst, found, past)
    name = "It" if len(failed) == 1 else "The worst"
    return f"{len(failed)} of {_comparisons(total)} {verb} {worse}. {name} is {worst.where}: {told}."


def _undecided(gates: Sequence[Gate], found: Mapping[Key, VersusPast], past: Past) -> str:
    unsure = [(gate, cell) for gate in gates for cell in gate.cells if cell.verdict == "inconclusive"]
    total = sum(map(verdict.asked, gates))
    verb = "is" if len(unsure) == 1 else "are"
    gate, widest = max(unsure, key=lambda pair: (pair[1].high or 0) - (pair[1].low or 0))
    told = _figure(gate, widest, found, past)
    start = f"{len(unsure)} of {_comparisons(total)} {verb} inconclusive"
    if len(unsure) == 1:
        return f"{start}: {widest.where}, {told}."
    return f"{start}. The least certain is {widest.where}: {told}."


def _unmeasured(gates: Sequence[Gate], past: Past) -> str:
    missing = [cell for gate in gates for cell in gate.cells if cell.verdict == "not_measured"]
    if not missing:
        return f"Nothing could be held against {past.name or past.id}."
    total, first = sum(map(verdict.asked, gates)), missing[0]
    verb = "was" if len(missing) == 1 else "were"
    return f"{len(missing)} of {_comparisons(total)} {verb} not made: {first.where}, {first.reason}."


def _passed(now: Results, gates: Sequence[Gate], found: Mapping[Key, VersusPast], past: Past) -> str:
    limits = _met(now)
    if found and all(one.same_file and one.ratio is None for one in found.values()):
        return f"Every file is the very one of {past.name or past.id}: there was nothing to compare.{limits}"
    if all(gate.metric != LATENCY for gate in gates):
        return _ungated(gates, found, past) + limits
    said, sees = _least(found, past), smallest(past)
    return (f"{said}; the smallest change this comparison could see is {sees}." if sees else f"{said}.") + limits


def _least(found: Mapping[Key, VersusPast], past: Past) -> str:
    """A small change fails no gate, and is a regression all the same."""
    small = sum(one.small and one.verdict == "regressed" for one in found.values())
    if not small:
        return f"No regression in {_comparisons(past.compared)}"
    count = _comparisons(past.compared)
    return f"Small regressions alone, in {small} of {count}: they lie within {SAME * 100:g} % and fail nothing"


def _met(now: Results) -> str:
    """What the gates over limits say of a run that passed them all."""
    kinds = {gate.kind for gate in now.gates}
    fits = " Every board has a variant inside all limits." if kinds else ""
    return " All limits are met too." if "limit" in kinds else fits


def _ungated(gates: Sequence[Gate], found: Mapping[Key, VersusPast], past: Past) -> str:
    """Of a comparison that asks nothing of the median nothing is claimed of it."""
    total = sum(map(verdict.asked, gates))
    worse = sum(one.verdict == "regressed" for one in found.values())
    median = f" The median has none: in {worse} of {_comparisons(past.compared)} it is regressed." if worse else ""
    return f"No budget is exceeded in {_comparisons(total)}.{median}"


def _limits(now: Results) -> str:
    kinds = [gate.kind for gate in now.gates if gate.verdict == "failed"]
    missed = kinds.count("limit")
    if missed:
        return f" {missed} limit{'s are' if missed > 1 else ' is'} missed too."
    return " On some board no variant is inside all limits." if kinds else ""


def _figure(gate: Gate, cell: GateCell, found: Mapping[Key, VersusPast], past: Past) -> str:
    """The change with its interval, and what was allowed."""
    if cell.value is None:
        return f"{cell.reason}"
    bound = budget(gate.metric, gate.bound)
    return f"{NAMES[gate.metric]} {_changed(bound, cell, found)}, {_allowed(bound, cell, found, past)}"


def _changed(bound: Bound, cell: GateCell, found: Mapping[Key, VersusPast]) -> str:
    if bound.metric == "accuracy":
        return f"{cell.value:+.1f} pt"
    versus = _at(cell, found) if bound.metric == LATENCY and cell.verdict == "failed" else None
    if versus is not None:
        return change(versus)
    told = f"{percent(cell.value or 0)} %"
    return told if cell.low is None or cell.high is None else f"{told} ({percent(cell.low)} to {percent(cell.high)})"


def _allowed(bound: Bound, cell: GateCell, found: Mapping[Key, VersusPast], past: Past) -> str:
    versus = _at(cell, found) if bound.metric == LATENCY else None
    if versus is not None and versus.basis == "absolute" and versus.margin is not None:
        return f"margin +{_share(versus.margin)} time against time"
    return f"{'budget' if past.budgets else 'margin'} {words.limit(bound)}"


def _at(cell: GateCell, found: Mapping[Key, VersusPast]) -> VersusPast | None:
    return found.get((cell.board, cell.variant or "", cell.point_key or ""))


def _share(value: float) -> str:
    return f"{value * 100:.1f} %"


def _comparisons(count: int) -> str:
    return f"{count} comparison{'s' if count != 1 else ''}"


def _counted(count: int) -> str:
    return f"{count} comparison{'s are' if count != 1 else ' is'} made"
