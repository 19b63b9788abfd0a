"""The first screens of the page: a run for every word, runs that are still going, and hostile names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from farm_reports.parts import Soak, SpeedKept, ToThrottle
from farm_reports.results import (
    Accuracy,
    Cell,
    Finding,
    Fit,
    Latency,
    Launches,
    Nearest,
    RuledOut,
    Ship,
    Sight,
)
from reports_support import (
    DIGITS,
    HOSTILE,
    SEED,
    Made,
    Samples,
    accuracy_gate,
    base_ms,
    board,
    changed,
    grid,
    latency_gate,
    limit_fit,
    measured_cell,
    run,
    score,
    ships,
    some_fit_gate,
    value,
)


def demo() -> Made:
    """One board, six variants, limits and gates: what a first run looks like."""
    made = grid(1, 6)
    cells = limit_fit(made.results.cells, -0.3)
    near = Finding(name="NEAR_FLOOR", text="The median is below 100 times the floor of the harness (1.6 \u00b5s).",
                   do="Read differences below 160 \u00b5s with care; a larger input moves the time away from the floor.")  # fmt: skip
    cells = [c.model_copy(update={"findings": [near]}) if c.variant == "distilled" else c for c in cells]
    boards_ = tuple(made.results.boards)
    return changed(
        made, cells=cells, ship=ships(cells, boards_), verdict="passed",
        run=run(name=None, preset="quick", smallest_effect=0.021),
        gates=[latency_gate(cells, "int8-qdq", 0.5), accuracy_gate(cells, "int8-qdq"), some_fit_gate(boards_)],
        sentence="int8-qdq is 2.4 x faster on local and inside all limits.", headline="int8-qdq is 2.4 x faster on local",
    )  # fmt: skip


def limited(made: Made, bound_ms: float, verdict: str) -> Made:
    """The grid with limits on int8-qdq; its latency gate ends in `verdict` where the bound is passed."""
    cells = limit_fit(made.results.cells, -0.3)
    boards_ = tuple(made.results.boards)
    gates = [
        latency_gate(cells, "int8-qdq", bound_ms, verdict),
        accuracy_gate(cells, "int8-qdq"),
        some_fit_gate(boards_),
    ]
    return changed(
        made,
        cells=cells,
        ship=ships(cells, boards_),
        gates=gates,
        headline="int8-qdq wins on 5 of 8 boards, int8-pc on 3",
    )


def measured() -> Made:
    """Two of the eight boards saw less than they were promised."""
    made, seen = grid(8, 12), {"rpi4-4g": (0.3, 0.12), "vim4": (0.05, 0.02)}
    boards_ = [
        at.model_copy(update={"sight": sight(*seen.get(at.name, (0.019 + index / 1000, 0.005)))})
        for index, at in enumerate(made.results.boards)
    ]
    return changed(made, boards=boards_, run=run(smallest_effect=0.3, promised_effect=0.027))


def sight(had: float, launch_sd: float) -> Sight:
    return Sight(promised=0.027, expected_sd=0.006, own=False, planned=8, had=had, variant="a16w8", launch_sd=launch_sd,
                 blocks=8)  # fmt: skip


def passed() -> Made:
    made = limited(grid(8, 12), 40, "passed")
    return changed(
        made, verdict="passed", sentence="int8-qdq wins on 5 of 8 boards, int8-pc on 3, and inside all limits."
    )


def failed() -> Made:
    made = limited(grid(8, 12), 18, "failed")
    made = with_states(made)
    sentence = "int8-qdq misses a limit on vim4: p50 19.6 ms (19.5 to 19.7), limit 18 ms."
    return changed(made, verdict="failed", sentence=sentence)


def with_states(made: Made) -> Made:
    """One cell of every state that is not measured."""
    cells = list(made.results.cells)
    plan = {3: ("not_run", "the provider has no kernel for QLinearConv"), 17: ("failed", "load: onnxruntime: opset 22 is not supported"),
            30: ("invalid", "5 of 12 blocks were rejected: INTERFERENCE"), 41: ("screened_out", "3.1 x the best fitting time")}  # fmt: skip
    for index, (state, reason) in plan.items():
        cell = cells[index]
        gone = {} if state == "screened_out" else {"latency_ms": Latency(**dict.fromkeys(("p50", "p90", "p95", "p99"), value(None, reason=reason))),
                                                     "versus_baseline": None, "fit": Fit(verdict="not_measured")}  # fmt: skip
        cells[index] = cell.model_copy(update={"state": state, "reason": reason, **gone})
    return changed(made, cells=cells, ship=ships(cells, tuple(made.results.boards)))


def inconclusive() -> Made:
    made = limited(grid(8, 12), 19.5, "inconclusive")
    sentence = "1 of 3 gates is undecided: int8-qdq on vim4, p50 19.6 ms (19.5 to 19.7), limit 19.5 ms."
    return changed(made, verdict="inconclusive", sentence=sentence)


def not_run_cell(cell: Cell, reason: str) -> Cell:
    empty = value(None, reason=reason)
    return cell.model_copy(
        update={
            "state": "not_run", "reason": reason, "versus_baseline": None, "launches": Launches(valid=0, dropped=0, lost=3),
            "iterations": 0, "latency_ms": Latency(p50=empty, p90=empty, p95=empty, p99=empty), "peak_rss_bytes": empty,
            "accuracy": Accuracy(metric=None, value=None, reason=reason), "fit": Fit(verdict="not_measured"),
            "load_ms": empty, "first_ms": empty, "findings": [], "cpu_ms_per_inference": empty,
        }
    )  # fmt: skip


def invalid() -> Made:
    made = grid(8, 12)
    lost = {"am69-sk": "link lost 4 times in 10 minutes", "vim4": "the host key changed"}
    boards_ = [at.model_copy(update={"reason": lost.get(at.name)}) for at in made.results.boards]
    cells = [not_run_cell(c, lost[c.board]) if c.board in lost else c for c in made.results.cells]
    sentence = (
        "2 of 8 boards were not measured: am69-sk (link lost 4 times in 10 minutes), vim4 (the host key changed)."
    )
    headline = "distilled is 7.4 to 8.1 x faster on 6 of 8 boards"
    return changed(made, boards=boards_, cells=cells, ship=ships(cells, tuple(boards_)), verdict="invalid", sentence=sentence,
                   headline=headline)  # fmt: skip


def two_points() -> Made:
    """One board with one and with four threads."""
    made = grid(1, 6)
    cells, samples = [], {}
    for threads, times in ((1, 2.6), (4, 1.0)):
        key = f"CPUExecutionProvider/default/big/{threads}/stock/burst/tight"
        for cell in made.results.cells:
            faster = cell.latency_ms.model_copy(update={"p50": value((cell.latency_ms.p50.value or 0) * times, 0.006)})
            point = cell.point.model_copy(update={"threads": threads})
            cells.append(cell.model_copy(update={"point": point, "point_key": key, "latency_ms": faster}))
            samples[cell.board, cell.variant, key] = (made.samples[cell.key] * times).astype(np.int64)
    ship = [Ship(board="local", variant="distilled", probability_best=0.99, point_key=cells[-1].point_key)]
    return changed(Made(made.results, samples), cells=cells, ship=ship)


def without_labels() -> Made:
    """No labelled rows: nothing on the page may be called accuracy."""
    made = grid(2, 6)
    cells = [
        cell.model_copy(update={"accuracy": score(replace(kind, top1=None))})
        for cell in made.results.cells
        for kind in DIGITS
        if kind.name == cell.variant
    ]
    return changed(made, cells=cells)


def bounded(latency: Latency) -> Latency:
    p90 = latency.p90.model_copy(update={"upper": 1.02 * (latency.p90.value or 0)})
    return latency.model_copy(update={"p90": p90})


def without_comparisons() -> Made:
    """One launch each, absolute figures."""
    made = grid(2, 6)
    cells = [
        cell.model_copy(update={"versus_baseline": None, "latency_ms": bounded(cell.latency_ms)})
        for cell in made.results.cells
    ]
    return changed(made, cells=cells, run=run(preset="mlperf", smallest_effect=None), sentence="Absolute figures of one launch a "
                   "variant: no comparison, no limit.", headline="")  # fmt: skip


def with_no_winner(made: Made) -> Made:
    """The first board has no variant inside its limits."""
    near = Nearest(variant="int8-qdq", why="p50 0.09 ms, limit 0.05 ms")
    ship = Ship(board=made.results.boards[0].name, variant=None, probability_best=None, nearest=near)
    return changed(made, ship=[ship, *made.results.ship[1:]])


def nothing() -> Made:
    """All not_run: the only board was never reached."""
    made = demo()
    reason = "connection refused by 192.0.2.7 port 22"
    cells = [not_run_cell(cell, reason) for cell in made.results.cells]
    boards_ = [
        board(
            "rpi5-lab", 0, model=None, arch=None, kernel=None, python=None, onnxruntime=None, agent=None, reason=reason
        )
    ]
    cells = [cell.model_copy(update={"board": "rpi5-lab"}) for cell in cells]
    bare = Made(made.results, {})
    return changed(bare, boards=boards_, cells=cells, ship=[], gates=[], verdict="invalid", sentence="Nothing was measured: rpi5-lab "
                   "(connection refused by 192.0.2.7 port 22).", headline="", run=run(smallest_effect=None))  # fmt: skip


def partial(blocks: int, *, board_count: int = 2) -> Made:
    """A run that is still going, after `blocks` complete blocks of each board; after 0 nothing has a figure."""
    made = grid(board_count, 6)
    rng = np.random.default_rng(SEED)
    cells = []
    for index, at in enumerate(made.results.boards):
        for kind in DIGITS:
            cell = measured_cell(rng, at.name, kind, base_ms(index, board_count), valid=blocks)
            running = cell.model_copy(
                update={"state": "not_run", "reason": "not yet", "fit": Fit(verdict="not_measured")}
            )
            cells.append(not_run_cell(cell, "not yet") if blocks == 0 else running)
    gates = [latency_gate(cells, "int8-qdq", 40, "not_measured")]
    sentence = f"Running: 0 of {len(cells)} cells, block {blocks} of 8. Provisional, no verdict yet."
    samples = made.samples if blocks else {}
    return changed(Made(made.results, samples), cells=cells, gates=gates, verdict="invalid", sentence=sentence, headline="",
                   ship=[], run=run(status="partial", finished=None, smallest_effect=None))  # fmt: skip


def lasting() -> Made:
    """A sustained run: every variant loses speed beside other work, and says at length how that was seen."""
    made = grid(2, 6)
    soak = Soak(
        launches=8, disturbed=3, cool_ms=value(20.0, 0.01), warm_ms=value(25.0, 0.01),
        speed_kept=SpeedKept(value=0.8, low=0.79, high=0.81, after_s=600.0),
        time_to_throttle_s=ToThrottle(value=135.0, low=100.0, high=170.0, reason="in 5 of 8 launches; the others not within 15 min",
                                      by="cooling device cpufreq-cpu0 at state 1"),
    )  # fmt: skip
    cells = [cell.model_copy(update={"soak": soak}) for cell in made.results.cells]
    return changed(made, cells=cells, run=run(mode="sustained", memory_limit=180_000_000))


def hostile() -> Made:
    """Names and reasons that try to break out of HTML, SVG, JSON, XML and Markdown."""
    made = demo()
    renamed = dict(zip([kind.name for kind in DIGITS], ["fp32", *HOSTILE, "a|b\nc"], strict=True))
    cells = []
    samples: Samples = {}
    for cell in made.results.cells:
        name = renamed[cell.variant]
        finding = Finding(name="NOISY", text=f"text {HOSTILE[0]} {HOSTILE[2]}", do=HOSTILE[1])
        cells.append(cell.model_copy(update={"variant": name, "findings": [finding]}))
        samples[cell.board, name, cell.point_key] = made.samples[cell.key]
    cells[4] = not_run_cell(cells[4], HOSTILE[0] + HOSTILE[2])
    variants = [
        v.model_copy(update={"name": renamed[v.name], "file": HOSTILE[0], "recipe": HOSTILE[2]})
        for v in made.results.variants
    ]
    ship = [Ship(board="local", variant=renamed["fp16"], probability_best=0.5, tied=[HOSTILE[1]], nearest=Nearest(variant=HOSTILE[2], why=HOSTILE[0]),
                 ruled_out=[RuledOut(variant=HOSTILE[2], why=HOSTILE[0])])]  # fmt: skip
    return changed(Made(made.results, samples), cells=cells, variants=variants, ship=ship, sentence=f"{HOSTILE[0]} wins {HOSTILE[2]}",
                   headline=f"{HOSTILE[1]} & {HOSTILE[0]}", run=run(name=HOSTILE[0]))  # fmt: skip


FIRST_SCREENS = {
    "measured": measured,
    "passed": passed,
    "failed": failed,
    "inconclusive": inconclusive,
    "invalid": invalid,
    "partial": lambda: partial(5),
    "not_run": nothing,
    "demo": demo,
}
