"""A run held against an earlier one: did something get worse since then?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farm_reports import verdict
from farm_reports.bounds import Bound, budget
from farm_reports.findings import one_sided
from farm_reports.judge import budgets as asked
from farm_reports.judge.differences import differences
from farm_reports.judge.likeness import Both, Key
from farm_reports.judge.past_sentences import beside as beside_statement
from farm_reports.judge.past_sentences import sentence, statement
from farm_reports.judge.since import versus
from farm_reports.past import Budget, Past, PastWord, VersusPast
from farm_reports.profiled import Profile
from farm_reports.results import Counts, Gate, Results, RunWord
from farm_reports.tables import Against

WORDS: tuple[PastWord, ...] = ("regressed", "improved", "equivalent", "inconclusive")


def compared(past: Results, now: Results, budgets: Mapping[str, Budget]) -> Results:
    """The results of `now` with its past. Raises ValueError with a sentence for a budget that is none."""
    both = Both(past, now)
    bounds = [budget(metric, each.bound) for metric, each in budgets.items()]
    side = asked.level(both, bounds)
    found = _versus(both, bounds, side)
    gates = asked.gates(both, found, bounds, side)
    cells = [pair.now.model_copy(update={"versus_past": found[pair.key]}) for pair in both.pairs]
    return _told(now.model_copy(update={"cells": cells}), gates, _past(both, found, budgets))


def beside(now: Results, against: Against, gates: Sequence[Gate], profiles: Sequence[Profile]) -> Results:
    """The results of a run whose old artefacts ran in its own blocks. `now`: with each cell against what it was.

    `gates`: over budgets; `profiles`: of the old artefacts.
    """
    found = [cell.versus_past for cell in now.cells if cell.versus_past is not None]
    told = Past(
        **{
            **against.about, "budgets": dict(against.budgets), "compared": sum(one.ratio is not None for one in found),
            "smallest_effect": max((one.sees for one in found if one.sees is not None), default=None),
            "statement": beside_statement(), "within": True, "profiles": list(profiles),
        }
    )  # fmt: skip
    return _told(now, gates, told)


def _told(now: Results, gates: Sequence[Gate], past: Past) -> Results:
    """What the run says as a whole. `now`: with each cell against its past."""
    found = {cell.key: cell.versus_past for cell in now.cells if cell.versus_past is not None}
    gates = [_placed(gate, past.budgets) for gate in gates]
    word, counts = _word(now, gates), _counts(now.counts, found)
    doubt = one_sided(counts.regressed, counts.improved)
    return now.model_copy(
        update={
            "run": now.run.model_copy(update={"against": past.id}),
            "verdict": word,
            "sentence": sentence(now, word, gates, found, past),
            "counts": counts,
            "gates": [*now.gates, *gates],
            "past": past,
            "findings": [*now.findings, *([doubt] if doubt is not None else [])],
        }
    )


def _versus(both: Both, bounds: Sequence[Bound], level: float) -> dict[Key, VersusPast]:
    """The comparisons of medians: gated by their budget, by the default margin without any, else for reading."""
    own = next((bound.value for bound in bounds if bound.metric == asked.LATENCY), None)
    side = level if own is not None or not bounds else None
    return {pair.key: versus(both, pair, side, own) for pair in both.pairs}


def _placed(gate: Gate, budgets: Mapping[str, Budget]) -> Gate:
    """With the line in which its budget was written."""
    found = budgets.get(gate.metric)
    return gate if found is None else gate.model_copy(update={"line": found.line})


def _past(both: Both, found: Mapping[Key, VersusPast], budgets: Mapping[str, Budget]) -> Past:
    run = both.past.run
    sees = {basis: [one.sees for one in found.values() if one.basis == basis and one.sees is not None] for basis in
            ("baseline", "absolute")}  # fmt: skip
    return Past(
        id=run.id,
        name=run.name,
        created=run.created,
        sha=run.git.sha if run.git else None,
        statement=statement(both, found),
        differences=differences(both),
        budgets=dict(budgets),
        compared=sum(one.ratio is not None for one in found.values()),
        smallest_effect=max(sees["baseline"], default=None),
        smallest_absolute=max(sees["absolute"], default=None),
        gone=both.gone,
        profiles=both.past.profiles,
    )


def _word(now: Results, gates: Sequence[Gate]) -> RunWord:
    """By the precedence of all gates; a run that had too few boards still has."""
    boards = 0 if now.verdict == "invalid" else 1
    return verdict.run([gate.verdict for gate in now.gates], boards, 1, [gate.verdict for gate in gates])


def _counts(now: Counts, found: Mapping[Key, VersusPast]) -> Counts:
    words = [one.verdict for one in found.values() if one.ratio is not None]
    return now.model_copy(update={word: words.count(word) for word in WORDS})
