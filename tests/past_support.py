"""Pairs of runs that never were: what was worse, better or nothing at all since the earlier one."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from farm_reports.beside import Beside
from farm_reports.charts import since
from farm_reports.findings import one_sided
from farm_reports.judge import past_sentences
from farm_reports.judge.past import compared
from farm_reports.past import Budget
from farm_reports.results import Cell, Results
from reports_screens import limited, not_run_cell
from reports_support import BOARDS, HOSTILE, Made, Samples, changed, grid, ships, value, word_of

WORSE = {
    ("rpi5-8g", "int8-qdq"): 0.118,
    ("rpi5-8g", "int8-pc"): 0.096,
    ("rock5b", "int8-qdq"): 0.087,
    ("vim4", "distilled"): 0.058,
    ("am69-sk", "fp16"): -0.071,
    ("orin-nano", "int8-dynamic"): -0.043,
}
BUDGETS = {
    "latency_p50": Budget(bound="+5%", line="variants.yaml:6"),
    "peak_memory": Budget(bound="+5%", line="variants.yaml:6"),
    "accuracy": Budget(bound="-0.3pt", line="variants.yaml:6"),
}


def pair(changes: Mapping[tuple[str, str], float], *, boards: int = 8, variants: int = 12) -> tuple[Made, Made]:
    """The earlier run and this one, in which cells changed by these shares and all others by what noise does."""
    earlier = grid(boards, variants)
    rng = np.random.default_rng(4)
    cells = [moved(cell, changes.get((cell.board, cell.variant), 0.0), rng) for cell in earlier.results.cells]
    samples: Samples = {
        (one.board, one.variant, one.point_key): (
            earlier.samples[one.board, one.variant, one.point_key] * (_p50(one) / _p50(other))
        ).astype(np.int64)
        for one, other in zip(cells, earlier.results.cells, strict=True)
        if (one.board, one.variant, one.point_key) in earlier.samples
    }
    now = changed(Made(earlier.results, samples), cells=cells, ship=ships(cells, tuple(earlier.results.boards)))
    return changed(earlier, run=_earlier(earlier.results)), now


def moved(cell: Cell, share: float, rng: np.random.Generator) -> Cell:
    """The cell with its time changed by so much, and a little more."""
    factor = (1 + share) * float(np.exp(rng.normal(0, 0.001)))
    p50, versus = cell.latency_ms.p50, cell.versus_baseline
    p99 = cell.latency_ms.p99
    times = {"p50": value(_p50(cell) * factor, 0.006), "p99": value(p99.value * factor, 0.02) if p99.value else p99}
    told = {"latency_ms": cell.latency_ms.model_copy(update=times)}
    if versus is None or versus.ratio is None or p50.value is None:
        return cell.model_copy(update=told)
    half = (versus.high or 0) - versus.ratio
    ratio = versus.ratio * factor
    other = versus.model_copy(
        update={"ratio": ratio, "low": ratio - half, "high": ratio + half, "verdict": word_of(ratio, half)}
    )
    return cell.model_copy(update={**told, "versus_baseline": other})


def _p50(cell: Cell) -> float:
    return cell.latency_ms.p50.value or math.nan


def _earlier(results: Results) -> object:
    git = (
        results.run.git.model_copy(update={"sha": "b07d44a0c1d2e3f405162738495a6b7c9f3c2e1a"})
        if results.run.git
        else None
    )
    return results.run.model_copy(
        update={"id": "20261117-021500-b07d", "created": "2026-11-17T02:15:00+00:00", "git": git, "name": "main"}
    )


def held(earlier: Made, now: Made, budgets: Mapping[str, Budget] | None = None) -> Made:
    """This run with its past, and the earlier iterations beside it."""
    results = compared(earlier.results, now.results, BUDGETS if budgets is None else budgets)
    return Made(results, now.samples, Beside(past=earlier.samples))


def regressed() -> Made:
    """Three cells are worse than their budget, one straddles it, two are better; a board, a variant and a cell are gone."""
    earlier, now = pair(WORSE)
    boards = [
        at.model_copy(update={"onnxruntime": "1.23.0", "kernel": "6.6.40"} if at.name in BOARDS[:3] else {})
        for at in now.results.boards
    ]
    cells = [
        not_run_cell(cell, "the provider has no kernel for QLinearConv")
        if (cell.board, cell.variant) in {("imx8mp", "a16w8"), ("imx8mp", "fp16")}
        else cell
        for cell in now.results.cells
    ]
    files = [
        one.model_copy(update={"sha256": f"{index:064x}"}) if one.name in {name for _, name in WORSE} else one
        for index, one in enumerate(now.results.variants)
    ]
    before = [cell for cell in earlier.results.cells if cell.variant != "r192"]
    before += [
        cell.model_copy(update={"variant": "prune70"}) for cell in earlier.results.cells if cell.variant == "r192"
    ]
    return held(changed(earlier, cells=before), changed(now, boards=boards, cells=cells, variants=files))


def no_regression() -> Made:
    """Nothing changed; limits are met too."""
    earlier, now = pair({})
    now = limited(now, 40, "passed")
    now = changed(
        now, verdict="passed", sentence="int8-qdq wins on 5 of 8 boards, int8-pc on 3, and inside all limits."
    )
    return held(earlier, now)


def undecided() -> Made:
    """Without a budget: small changes stay open, a large one does not."""
    earlier, now = pair({("local", "int8-qdq"): 0.12, ("local", "pruned"): 0.017}, boards=1, variants=6)
    cells = [cell for cell in now.results.cells if cell.variant != "int8-qdq"]
    return held(earlier, changed(now, cells=cells), {})


def hostile_past() -> Made:
    """Names and reasons that try to break out, in everything that the past says."""
    earlier, now = pair({("local", "int8-qdq"): 0.3}, boards=1, variants=6)
    names = {"int8-qdq": HOSTILE[0], "pruned": HOSTILE[1], "fp16": HOSTILE[2]}

    def renamed(made: Made, *, kernel: str) -> Made:
        cells = [
            cell.model_copy(update={"variant": names.get(cell.variant, cell.variant)}) for cell in made.results.cells
        ]
        variants = [one.model_copy(update={"name": names.get(one.name, one.name)}) for one in made.results.variants]
        boards = [at.model_copy(update={"kernel": kernel}) for at in made.results.boards]
        return changed(Made(made.results, {}), cells=cells, variants=variants, boards=boards, ship=[])

    then = renamed(earlier, kernel=HOSTILE[0])
    then = changed(then, run=then.results.run.model_copy(update={"name": HOSTILE[1]}))
    here = renamed(now, kernel=HOSTILE[2])
    kept = [cell for cell in here.results.cells if cell.variant != HOSTILE[1]]
    return held(then, changed(here, cells=kept))


def beside() -> Made:
    """A run whose old files ran in its own blocks: some are the files of then, and what changed points one way."""
    made = regressed()
    cells = [_in_blocks(cell) for cell in made.results.cells]
    found = [one.versus_past for one in cells if one.versus_past is not None]
    past = made.results.past
    if past is None:
        raise AssertionError("a page of what changed has a past")
    told = {
        "within": True, "statement": past_sentences.beside(), "differences": [], "gone": [], "smallest_absolute": None,
        "compared": sum(one.ratio is not None for one in found),
    }  # fmt: skip
    doubt = one_sided(12, 1)
    return changed(
        Made(made.results, made.samples, made.beside),
        cells=cells,
        past=past.model_copy(update=told),
        findings=[*made.results.findings, *([doubt] if doubt else [])],
    )


def _in_blocks(cell: Cell) -> Cell:
    versus = cell.versus_past
    if versus is None:
        return cell
    old = {"past_sha256": "f" * 64, "past_run": "20261117-021500-b07d", "same_file": False}
    if cell.variant == "fp32":
        bare = {"ratio": None, "low": None, "high": None, "gate_low": None, "gate_high": None, "basis": None}
        why = "the very file of run 20261117-021500-b07d: nothing can have changed"
        told = {**old, **bare, "verdict": "equivalent", "same_file": True, "reason": why}
    else:
        told = {**old, "basis": None if versus.ratio is None else "blocks"}
    return cell.model_copy(update={"versus_past": versus.model_copy(update=told)})


PAGES = {
    "beside": beside,
    "regressed": regressed,
    "no_regression": no_regression,
    "undecided": undecided,
    "hostile_past": hostile_past,
}


def drawings() -> dict[str, str]:
    """The chart of changes, from fixed data."""
    changes = [
        since.Change(1.118, 1.1, 1.137, "regressed", "int8 on rpi5: +11.8 %", 0.03, 0.05, (1.09, 1.15)),
        since.Change(0.93, 0.915, 0.945, "improved", "fp16 on rpi5: -7.0 %", 0.04, 0.05),
        since.Change(1.03, 0.98, 1.08, "inconclusive", "pruned on rpi5: +3.0 %"),
    ]
    scale = since.axis(changes)
    rows = {f"since-{one.word}": since.row(scale, one) for one in changes}
    return {name: str(drawing) for name, drawing in {"since-axis": since.axis_row(scale), **rows}.items()}
