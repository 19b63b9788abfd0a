"""Whether the real command cries wolf on the real machine: a file against itself, and 5 % more work, run by run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import chains
from bench.desks import new_desk
from bench.experiments import AGAIN, BASE, CALLED, MORE, SEES, Comparison, Experiment, band, experiment, experiments
from bench.figures import Figure, exactly
from bench.lanes import lab
from bench.restless import restless
from bench.rows import Row, at_least, at_most, measured
from farm_reports.stats.power import LEVEL

RUNS = 10  # of a round
MOST_ROUNDS = 3  # thirty runs tell what they are to tell
FEWEST = ("--max-blocks", "8")  # with which a comparison errs most easily
LOADED = {"note": 2, "drop": 1}  # runs of a round beside a load, by what the board does about interference
FOUND = 90  # per cent
JUDGED = (
    "one `farm run` each on this machine: quick, one thread, not calibrated, judged as it judges: no gate, 2.5 % a side"
)
VIRTUAL_MS = {BASE: 20.0, AGAIN: 20.0, MORE: 21.0}
VIRTUAL = (
    "a virtual board each, whose launches differ by 0.4 % (quiet) and whose times are invented; quick, judged as above"
)
RESTLESS = "a process on each CPU that spins and rests by turns of seconds"


def quiet(folder: Path, rounds: int) -> list[Row]:
    models = chains.three(folder / "models")
    runs = range(RUNS * min(rounds, MOST_ROUNDS))
    taken = [experiment(folder / str(number), models, number + 1, *FEWEST) for number in runs]
    return rows(taken, chains.truth(models[0], models[2]))


def loaded(folder: Path, rounds: int) -> list[Row]:
    """The drop of a block for interference is the default of a board; on this machine it is only noted."""
    models = chains.three(folder / "models")
    rounds = min(rounds, MOST_ROUNDS)
    with restless():
        taken = {word: _under_load(folder / word, models, word, count * rounds) for word, count in LOADED.items()}
    return loaded_rows(taken)


def virtual(folder: Path, rounds: int) -> list[Row]:
    """Boards quiet enough to see 5 %, which a shared machine may not be: the whole command, over SSH, on known times."""
    models, desk = chains.three(folder / "models"), new_desk(folder / "desk")
    boards = RUNS * min(rounds, MOST_ROUNDS)
    with lab(desk, boards, ms=VIRTUAL_MS, launch_sd=0.004, sleep_s=0.1):
        taken = experiments(desk, models, "--inventory", ".farm/lab/inventory.yaml")
    return virtual_rows(taken)


def virtual_rows(taken: Sequence[Experiment]) -> list[Row]:
    same, more = [each.same for each in taken], [each.more for each in taken]
    exact = exactly(1.05)
    return [
        replace(row, name=f"virtual boards: {row.name}", versus=VIRTUAL)
        for row in (_called(same), _found(more), _ratio(more, exact))
    ]


def _under_load(folder: Path, models: Sequence[Path], word: str, runs: int) -> list[Experiment]:
    folder.mkdir()
    inventory = folder / "inventory.yaml"
    inventory.write_text(f"boards: {{local: {{local: true, interference: {word}}}}}\n")
    return [experiment(folder / str(number), models, number + 1, "--inventory", inventory) for number in range(runs)]


def rows(taken: Sequence[Experiment], truth: Figure) -> list[Row]:
    same, more = [each.same for each in taken], [each.more for each in taken]
    return [_called(same), _raw(same), _found(more), _ratio(more, truth)]


def loaded_rows(taken: dict[str, list[Experiment]]) -> list[Row]:
    runs = [each for found in taken.values() for each in found]
    same, more = [each.same for each in runs], [each.more for each in runs]
    faster = sum(each.word == "faster" for each in more)
    return [
        measured(f"A/A under load, called faster or slower in {len(runs)} runs", exactly(_calls(same), _words(same)),
                 "runs", at_most(0), versus=f"{RESTLESS}; {JUDGED}"),
        measured(f"A/B under load, 5 % more work called faster in {len(runs)} runs", exactly(faster, _words(more)),
                 "runs", at_most(0)),
        *(_dropped(word, found) for word, found in taken.items()),
    ]  # fmt: skip


def _called(same: Sequence[Comparison]) -> Row:
    strict = sum(each.strict_word in CALLED for each in same)
    note = f"{_words(same)}; at alpha {LEVEL:.0%} {strict} called; the bound is the 99.9 % band of {LEVEL:.0%}"
    figure = exactly(_calls(same), note)
    return measured(f"A/A, called faster or slower in {len(same)} runs", figure, "runs", at_most(band(len(same))),
                    versus=f"{JUDGED}, 8 blocks")  # fmt: skip


def _raw(same: Sequence[Comparison]) -> Row:
    called = sum(each.raw_p < LEVEL for each in same)
    how = f"the same data: all valid iterations of both names, two-sided, alpha {LEVEL:.0%}"
    return measured(f"A/A by Mann-Whitney on raw iterations, called in {len(same)} runs", exactly(called), "runs",
                    versus=how)  # fmt: skip


def _found(more: Sequence[Comparison]) -> Row:
    """The bound holds for runs that could see so much; where none could, it is said how often it was found at all."""
    able = [each for each in more if each.smallest_effect <= SEES]
    asked = able or list(more)
    found = sum(each.word == "slower" for each in asked)
    strict = sum(each.strict_word == "slower" for each in asked)
    note = f"{found} of {len(asked)} runs, at alpha {LEVEL:.0%} {strict}; {_sizes(more)}"
    if not able:
        name = "A/B, 5 % more work found"
        note = f"{note}; the bound of {FOUND} % is for runs that see {SEES:.0%}, and none did"
    else:
        name, note = f"A/B, 5 % more work found where the smallest effect was <= {SEES:.0%}", note + _others(more)
    return measured(name, exactly(100 * found / len(asked), note), "%", at_least(FOUND) if able else None,
                    versus="20 and 21 equal layers, runs as above")  # fmt: skip


def _sizes(more: Sequence[Comparison]) -> str:
    effects = sorted(each.smallest_effect for each in more)
    return f"smallest effect of all {len(more)} runs {_effect(more)}, {_percent(effects[0])} to {_percent(effects[-1])}"


def _others(more: Sequence[Comparison]) -> str:
    rest = [each for each in more if each.smallest_effect > SEES]
    if not rest:
        return ""
    effects = ", ".join(_percent(each.smallest_effect) for each in rest)
    return f"; the other {len(rest)} ({_words(rest)}): {effects}"


def _ratio(more: Sequence[Comparison], truth: Figure) -> Row:
    ratios = [each.ratio for each in more if each.ratio is not None]
    note = f"{len(ratios)} runs, {min(ratios):.3f} to {max(ratios):.3f}"
    versus = f"{truth.value:.3f} [{truth.low:.3f}, {truth.high:.3f}] where the two are called in turns in one process"
    return measured("A/B, 5 % more work, median of the estimates", exactly(float(np.median(ratios)), note), "x",
                    versus=versus)  # fmt: skip


def _dropped(word: str, taken: Sequence[Experiment]) -> Row:
    dropped, attempts = sum(each.dropped for each in taken), sum(each.attempts for each in taken)
    words = f"A/A {_words([each.same for each in taken])}; A/B {_words([each.more for each in taken])}"
    note = f"{dropped} of {attempts} in {len(taken)} runs; {words}"
    return measured(f"blocks dropped under load, `interference: {word}`",
                    exactly(100 * dropped / max(attempts, 1), note), "%")  # fmt: skip


def _calls(comparisons: Sequence[Comparison]) -> int:
    return sum(each.word in CALLED for each in comparisons)


def _words(comparisons: Sequence[Comparison]) -> str:
    """`same 25, undecided 5`."""
    return ", ".join(f"{word} {count}" for word, count in Counter(each.word for each in comparisons).most_common())


def _effect(comparisons: Sequence[Comparison]) -> str:
    return _percent(float(np.median([each.smallest_effect for each in comparisons])))


def _percent(effect: float) -> str:
    return f"{effect:.1%}" if math.isfinite(effect) else "none"
