"""A budget's gate on the first screen: how many cells are beyond it, how much of it is used up, what would decide it."""

from __future__ import annotations

from farm_reports import bounds, verdict
from farm_reports.past import Past
from farm_reports.results import Counts, Gate, Results
from farm_reports.sections.words import bound, counted

COUNTS = ("regressed", "inconclusive", "improved", "equivalent")
COLOURS = {"regressed": "bad", "inconclusive": "warn", "improved": "good"}
LONGER = {"quick": "--preset ci", "ci": "--preset standard"}


def line(past: Past | None, gate: Gate) -> str:
    """How many of the cells are on which side, worst side first."""
    total, margin = verdict.asked(gate), "the margin" if past is None or not past.budgets else bound(gate.bound)
    by_word = {
        word: sum(cell.verdict == word for cell in gate.cells) for word in ("failed", "not_measured", "inconclusive")
    }
    return {
        "failed": f"{by_word['failed']} of {total} beyond {margin}",
        "not_measured": f"{by_word['not_measured']} of {total} not measured",
        "inconclusive": f"{by_word['inconclusive']} of {total} open at {margin}",
        "passed": _kept(total, margin),
    }[gate.verdict]


def _kept(total: int, margin: str) -> str:
    if total == 0:
        return "no file has changed"
    return f"none of {total} beyond {margin}" if total > 1 else f"not beyond {margin}"


def name(past: Past | None) -> str:
    """What the gate holds a change against."""
    return "budget" if past is not None and past.budgets else "since then"


def used(gate: Gate) -> float | None:
    """How much of the budget the worst change takes up, 1 at the budget; None where that cannot be drawn."""
    worst = gate.worst
    allowed = bounds.parse(gate.metric, gate.bound).value
    if worst is None or worst.value is None or allowed == 0:
        return None
    return max(worst.value / allowed, 0.0)


def colours(found: Counts) -> dict[str, str]:
    """Of the counts that say what became of the variants."""
    return COLOURS if any(getattr(found, word) for word in COUNTS) else {}


def decide(results: Results, past: Past) -> str:
    """What would decide the gates that are open."""
    undecided = sum(cell.verdict == "inconclusive" for gate in results.gates for cell in gate.cells)
    what = f"{counted(undecided, 'comparison')} {'needs' if undecided == 1 else 'need'}"
    more = LONGER.get(results.run.preset, "--max-blocks with a higher number")
    wider = "" if past.budgets else " a budget, as in --budget latency_p50=+5%, or"
    again = "it" if past.within else "both"
    return f"{what}{wider} narrower intervals: run {again} again with {more}, or on boards that were calibrated."
