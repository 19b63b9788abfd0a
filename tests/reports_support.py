"""Results of runs that never were, from a seeded generator: every first screen, hostile names and large grids."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from farm_reports.beside import Beside
from farm_reports.judge.fleet import fleet
from farm_reports.results import (
    Accuracy,
    Board,
    Cell,
    Counts,
    Fit,
    Gate,
    GateCell,
    Git,
    Latency,
    Launches,
    LimitHit,
    Pin,
    Point,
    Quantile,
    Results,
    RuledOut,
    Run,
    Ship,
    Variant,
    VersusBaseline,
)

Samples = dict[tuple[str, str, str], npt.NDArray[np.int64]]
SEED = 20
POINT = Point(provider="CPUExecutionProvider", runtime="default", cpus="big", threads=None, pin="stock", mode="burst",
              pace_hz=None)  # fmt: skip
POINT_KEY = "CPUExecutionProvider/default/big/auto/stock/burst/tight"
MODELS = ("Raspberry Pi 5", "Raspberry Pi 4", "Jetson Orin Nano", "ROCK 5B", "NXP i.MX 8M Plus", "TI SK-AM69", "VIM4")
BOARDS = ("rpi5-8g", "rpi4-4g", "orin-nano", "rock5b", "imx8mp", "am69-sk", "vim4", "rpi5-lab")
NO_METER = "no power sensor"
HOSTILE = ("<script>alert(1)</script>", 'x" onload="y', "]]>&amp;|*_`", "n" * 64)


@dataclass(frozen=True)
class Kind:
    """What a made-up variant is like. `time` and `memory` are ratios to the baseline."""

    name: str
    time: float
    top1: float | None
    size: int
    memory: float = 1.0
    sqnr: float | None = None


DIGITS = (
    Kind("fp32", 1.0, 0.996, 1_237_000),
    Kind("fp16", 1.09, 0.996, 621_500, 0.99, 64.0),
    Kind("int8-qdq", 0.42, 0.996, 330_700, 0.97, 31.0),
    Kind("int8-dynamic", 2.01, 0.996, 323_600, 0.98, 31.2),
    Kind("distilled", 0.13, 0.976, 84_000, 0.94, 6.2),
    Kind("pruned", 0.80, 0.970, 941_000, 0.99, 8.1),
)
TWELVE = (
    *DIGITS,
    Kind("int8-mixed", 0.53, 0.995, 400_100, 0.97, 34.0),
    Kind("int8-pc", 0.43, 0.994, 331_000, 0.97, 30.0),
    Kind("prune30", 0.88, 0.984, 1_100_000, 1.0, 9.0),
    Kind("prune50-int8", 0.36, 0.962, 250_400, 0.95, 7.0),
    Kind("r192", 0.62, 0.988, 1_237_000, 0.9, 11.0),
    Kind("a16w8", 1.004, 0.996, 330_900, 1.0, 33.6),
)


@dataclass(frozen=True)
class Made:
    """A run, its pooled iterations, and what else is drawn."""

    results: Results
    samples: Samples
    beside: Beside = field(default_factory=Beside)


def value(at: float | None, spread: float = 0.0, reason: str | None = None) -> Quantile:
    if at is None:
        return Quantile(value=None, reason=reason or "not measured")
    return Quantile(value=at, low=at * (1 - spread), high=at * (1 + spread)) if spread else Quantile(value=at)


def board(name: str, index: int = 0, **changes: object) -> Board:
    made = Board(
        name=name, model=MODELS[index % len(MODELS)], arch="aarch64", kernel=f"6.6.{31 + index % 3}", python="3.11.2",
        onnxruntime="1.22.0" if index != 3 else "1.19.2", agent="a1" * 32, fingerprint=f"{index:064x}",
        pin=Pin(wanted="stock", held=True, reason=None), capabilities={"power": {"ok": False, "reason": NO_METER}},
    )  # fmt: skip
    return made.model_copy(update=changes)


def local() -> Board:
    return board("local", 2, model="Intel(R) Core(TM) i7-1260P", arch="x86_64", kernel="6.8.0-45-generic",
                 onnxruntime="1.22.0", python="3.12.3")  # fmt: skip


def variant(kind: Kind) -> Variant:
    digest = f"{sum(map(ord, kind.name)):064x}"
    return Variant(
        name=kind.name, file=f"{kind.name}.onnx", sha256=digest, bytes=kind.size, opset=17, parent=None, recipe=None
    )


def word_of(ratio: float, half: float) -> str:
    """The words of the baseline from an interval: delta0 0.5 %, margin 2 %."""
    low, high = ratio - half - 1, ratio + half - 1
    if low > 0.005:
        return "slower"
    if high < -0.005:
        return "faster"
    return "same" if high < 0.02 and low > -0.02 else "undecided"


def measured_cell(
    rng: np.random.Generator, at: str, kind: Kind, base_ms: float, *, baseline: str = "fp32", valid: int = 8
) -> Cell:
    """A cell as the judge would leave it."""
    ratio = kind.time * float(np.exp(rng.normal(0, 0.03))) if kind.name != baseline else 1.0
    p50, half = base_ms * ratio, float(rng.uniform(0.006, 0.012)) * ratio
    provisional = valid < 8
    versus = VersusBaseline(
        ratio=ratio, low=ratio - half, high=ratio + half, verdict="undecided" if provisional else word_of(ratio, half),
        provisional=provisional,
    )  # fmt: skip
    return Cell(
        board=at, variant=kind.name, point=POINT, point_key=POINT_KEY, state="measured", reason=None,
        fit=Fit(verdict="not_measured"), launches=Launches(valid=valid, dropped=0, lost=0),
        iterations=int(valid * max(500 / p50, 50)),
        latency_ms=Latency(
            p50=value(p50, 0.006), p90=value(p50 * 1.06, 0.008), p95=value(p50 * 1.09, 0.01),
            p99=value(p50 * 1.21, 0.02) if p50 < 60 else value(None, reason="n_eff 812 < 2000"),
        ),
        load_ms=value(11.3 * kind.memory), first_ms=value(p50 * 3), cpu_ms_per_inference=value(p50 * 3.8),
        peak_rss_bytes=value(58.4e6 * kind.memory + kind.size * 2.5, 0.004), energy_mj=value(None, reason=NO_METER),
        accuracy=score(kind), throttle="unknown", findings=[], versus_baseline=None if kind.name == baseline else versus,
    )  # fmt: skip


def score(kind: Kind) -> Accuracy:
    if kind.top1 is None:
        return Accuracy(metric=None, value=None, agreement=0.9, sqnr_db=kind.sqnr, exact=kind.sqnr is None)
    delta = None if kind.sqnr is None else round((kind.top1 - 0.996) * 100, 4)
    return Accuracy(metric="top1", value=kind.top1, low=kind.top1 - 0.012, high=min(kind.top1 + 0.008, 1.0), rows=497,
                    delta_pt=delta, agreement=0.99, sqnr_db=kind.sqnr, exact=kind.sqnr is None)  # fmt: skip


def pooled(rng: np.random.Generator, cell: Cell, size: int = 2400) -> npt.NDArray[np.int64]:
    """Iterations around the cell's median: launches that differ a little, and a tail."""
    median_ns = (cell.latency_ms.p50.value or 0) * 1e6
    launches = np.exp(rng.normal(0, 0.006, 8)).repeat(size // 8)
    body = np.exp(
        rng.normal(0, 0.018, launches.size) + (rng.random(launches.size) < 0.04) * rng.exponential(0.12, launches.size)
    )
    return np.asarray(median_ns * launches * body, dtype=np.int64)


def kinds(count: int) -> tuple[Kind, ...]:
    """The twelve, then more of the same under numbered names."""
    more = (replace(TWELVE[i % 12], name=f"{TWELVE[i % 12].name}-v{i}", time=0.2 + i * 0.037) for i in range(12, count))
    return (*TWELVE[:count], *more) if count > 6 else DIGITS[:count]


def boards(count: int) -> tuple[Board, ...]:
    if count == 1:
        return (local(),)
    names = BOARDS if count <= len(BOARDS) else [f"node-{i:03d}" for i in range(count)]
    return tuple(board(names[i], i) for i in range(count))


def base_ms(index: int, count: int) -> float:
    return 0.219 if count == 1 else 8.0 + 6.5 * (index % 7)


def count_words(cells: list[Cell], baseline: str) -> Counts:
    words: Counter[str] = Counter()
    for cell in cells:
        if cell.state != "measured":
            words[cell.state] += 1
        elif cell.versus_baseline is not None and cell.variant != baseline:
            words[cell.versus_baseline.verdict] += 1
    return Counts(**words)


def limit_fit(cells: list[Cell], lowest_pt: float) -> list[Cell]:
    """Judge an accuracy limit in points."""

    def judged(cell: Cell) -> Cell:
        delta = cell.accuracy.delta_pt or 0.0
        if delta >= lowest_pt:
            return cell.model_copy(update={"fit": Fit(verdict="yes")})
        hit = LimitHit(
            metric="accuracy",
            limit=f"{lowest_pt:g}pt",
            value=delta,
            text=f"accuracy {delta:+.1f} pt, limit {lowest_pt:g} pt",
        )
        return cell.model_copy(update={"fit": Fit(verdict="no", by=[hit])})

    return [judged(cell) for cell in cells]


def ships(cells: list[Cell], boards_: tuple[Board, ...]) -> list[Ship]:
    found = []
    for at in boards_:
        here = sorted(
            (c for c in cells if c.board == at.name and c.state == "measured"),
            key=lambda c: c.latency_ms.p50.value or 0,
        )
        fitting = [cell for cell in here if cell.fit.verdict != "no"]
        if not fitting:
            continue
        best = fitting[0]
        faster = here[: here.index(best)]
        out = [RuledOut(variant=cell.variant, why=cell.fit.by[0].text) for cell in faster]
        found.append(Ship(board=at.name, variant=best.variant, probability_best=0.991, ruled_out=out))
    return found


def accuracy_gate(cells: list[Cell], name: str, bound: str = "-0.3pt") -> Gate:
    judged = [
        GateCell(board=cell.board, variant=cell.variant, value=cell.accuracy.delta_pt or 0.0, verdict="passed")
        for cell in cells
        if cell.variant == name
    ]
    return Gate(
        kind="limit",
        metric="accuracy",
        bound=bound,
        verdict="passed",
        worst=min(judged, key=lambda c: c.value or 0),
        cells=judged,
    )


def latency_gate(cells: list[Cell], name: str, bound_ms: float, verdict: str = "passed") -> Gate:
    judged = []
    for cell in (cell for cell in cells if cell.variant == name):
        p50 = cell.latency_ms.p50
        bad = p50.value is not None and p50.value > bound_ms
        word = verdict if bad or verdict == "not_measured" else "passed"
        judged.append(
            GateCell(board=cell.board, variant=name, value=p50.value, low=p50.low, high=p50.high, verdict=word)
        )
    worst = max(judged, key=lambda cell: cell.value or math.inf)
    return Gate(kind="limit", metric="latency_p50", bound=f"{bound_ms:g}ms", verdict=worst.verdict, worst=worst, cells=judged,
                line="variants.yaml:7")  # fmt: skip


def some_fit_gate(boards_: tuple[Board, ...]) -> Gate:
    judged = [GateCell(board=at.name, variant=None, value=None, verdict="passed") for at in boards_]
    return Gate(kind="some_fit", metric="latency_p50", bound="all limits", verdict="passed", worst=None, cells=judged)


def run(**changes: object) -> Run:
    made = Run(
        id="20261120-021400-9f3c", name="vision backbone", created="2026-11-20T02:14:00+00:00",
        finished="2026-11-20T02:31:12+00:00", status="complete", baseline="fp32", preset="ci", mode="burst", seed=7,
        against=None, git=Git(sha="9f3c2e1ab07d44a0c1d2e3f405162738495a6b7c", dirty=False), farm_version="0.1.0",
        smallest_effect=0.012,
    )  # fmt: skip
    return made.model_copy(update=changes)


def grid(board_count: int, variant_count: int, *, seed: int = SEED, charted: int = 8) -> Made:
    """A complete run without limits: the word is `measured`."""
    rng = np.random.default_rng(seed)
    boards_, kinds_ = boards(board_count), kinds(variant_count)
    cells = [
        measured_cell(rng, at.name, kind, base_ms(index, board_count))
        for index, at in enumerate(boards_)
        for kind in kinds_
    ]
    drawn = {at.name for at in boards_[:charted]}
    samples = {(c.board, c.variant, c.point_key): pooled(rng, c) for c in cells if c.board in drawn}
    results = Results(
        run=run(), verdict="measured", sentence="distilled is 7.4 to 8.1 x faster on every board. No limit or budget was set.",
        headline="distilled is 7.4 to 8.1 x faster on every board", counts=count_words(cells, "fp32"), gates=[],
        ship=ships(cells, boards_), boards=list(boards_), variants=[variant(kind) for kind in kinds_], cells=cells,
        fleet=fleet(cells, boards_, "fp32", partial=False),
    )  # fmt: skip
    return Made(results, samples)


def changed(made: Made, **changes: object) -> Made:
    results = made.results.model_copy(update=changes)
    run_ = results.run
    derived = {
        "counts": count_words(results.cells, run_.baseline),
        "fleet": fleet(results.cells, results.boards, run_.baseline, partial=run_.status == "partial"),
    }
    return Made(results.model_copy(update=derived), made.samples)
