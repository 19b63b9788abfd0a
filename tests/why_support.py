"""Runs whose worst case is explained: profiles of a small CNN and of its quantised variants, made up, and earlier runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from farm_reports.charts import dots, nines, violins
from farm_reports.charts.operators import Bar, operators
from farm_reports.judge.why import explained
from farm_reports.profiled import Operator, Profile
from farm_reports.results import Cell
from farm_reports.stats.shift import twenty
from past_support import BUDGETS, held, pair
from reports_screens import failed, inconclusive
from reports_support import POINT_KEY, Made, changed, grid

NODES = ("/stem/stem.0/Conv", *(f"/blocks.{block}/{part}/Conv" for block in range(5) for part in ("dw", "pw")))
HEAD = "/head/fc/Gemm"
WEIGHTS = (9.0, 3.0, 11.0, 3.4, 12.0, 3.1, 11.5, 2.2, 8.0, 1.7, 6.0)
LOST = {("rpi5-8g", "int8-qdq"): 0.118, ("rock5b", "int8-qdq"): 0.067, ("am69-sk", "fp16"): -0.07}


def operator(op: str, weight: float, anchor: str | None = None, *, nodes: int = 1, tiny: bool = False) -> Operator:
    """`weight`: of its time in that of all; the profile that holds it makes milliseconds of it."""
    return Operator(anchor=anchor, op=op, nodes=nodes, ms=weight, low_ms=weight * 0.97, share=0.0, tiny=tiny)


def profile(variant: str, p50_ms: float, found: Sequence[Operator], *, board: str = "local", slowdown: float = 1.28,
            point: str = POINT_KEY) -> Profile:  # fmt: skip
    """All operators together take the median."""
    total = math.fsum(each.ms for each in found)
    anchored = math.fsum(each.ms for each in found if each.anchor is not None) / total
    scaled = [
        each.model_copy(
            update={
                "share": each.ms / total, "ms": each.ms / total * p50_ms, "low_ms": each.low_ms / total * p50_ms,
            }
        )
        for each in found
    ]  # fmt: skip
    return Profile(board=board, variant=variant, point_key=point, iterations=50, anchored=anchored, slowdown=slowdown,
                   operators=scaled, trace=f"traces/{board}-{variant}.json")  # fmt: skip


def plain() -> list[Operator]:
    """fp32: convolutions in the runtime's own layout."""
    return [
        *(operator("Conv", weight, node) for node, weight in zip(NODES, WEIGHTS, strict=True)),
        operator("Gemm", 0.8, HEAD), operator("GlobalAveragePool", 0.3, "/pool/GlobalAveragePool"),
        operator("Softmax", 0.01, "/Softmax", tiny=True), operator("ReorderInput", 0.5, nodes=1),
        operator("ReorderOutput", 0.3, nodes=1),
    ]  # fmt: skip


def quantised(unfused: float = 0.0, glue: float = 1.0) -> list[Operator]:
    """QDQ; `unfused`: what DequantizeLinear takes beside each convolution where a pair was not fused."""
    convs = [operator("QLinearConv", weight * 0.36, node) for node, weight in zip(NODES, WEIGHTS, strict=True)]
    lost = [operator("DequantizeLinear", weight * unfused, node) for node, weight in zip(NODES, WEIGHTS, strict=True)]
    return [
        *convs, *(lost if unfused else []), operator("QGemm", 0.4, HEAD),
        operator("QLinearGlobalAveragePool", 0.2, "/pool/GlobalAveragePool"),
        operator("Softmax", 0.01, "/Softmax", tiny=True), operator("Transpose", 1.4 * glue, nodes=6),
        operator("QuantizeLinear", 0.6 * glue, nodes=2), operator("DequantizeLinear", 0.3 * glue, nodes=2),
    ]  # fmt: skip


def dynamic() -> list[Operator]:
    """Weights in eight bits, quantised anew at each inference: slower than fp32."""
    convs = [operator("ConvInteger", weight * 1.5, node) for node, weight in zip(NODES, WEIGHTS, strict=True)]
    return [
        *convs, operator("MatMulIntegerToFloat", 0.7, HEAD), operator("DynamicQuantizeLinear", 24.0, nodes=12),
        operator("Cast", 9.0, nodes=12), operator("Mul", 8.0, nodes=24), operator("Softmax", 0.01, "/Softmax", tiny=True),
    ]  # fmt: skip


OPERATORS = {"fp32": plain, "int8-qdq": quantised, "int8-dynamic": dynamic}
COSTS = {"fp32": 1.28, "int8-qdq": 1.94, "int8-dynamic": 1.41}


def profiles(cells: Sequence[Cell]) -> list[Profile]:
    return [
        profile(cell.variant, p50(cell), OPERATORS[cell.variant](), board=cell.board,
                slowdown=COSTS[cell.variant], point=cell.point_key)
        for cell in cells
        if cell.variant in OPERATORS
    ]  # fmt: skip


def told(made: Made) -> Made:
    """With its worst case, as the judge would find it."""
    found = explained(made.results, made.samples.get, made.beside.past.get)
    return Made(found, made.samples, made.beside)


def explained_run(board_count: int = 1) -> Made:
    """The slowest variant against the baseline, with profiles."""
    made = grid(board_count, 6)
    return told(changed(made, profiles=profiles(made.results.cells)))


def shipped_run() -> Made:
    """No variant is slower: the winner is explained."""
    made = grid(1, 3)
    cells = [cell for cell in made.results.cells if cell.variant in {"fp32", "int8-qdq"}]
    return told(changed(made, cells=cells, profiles=profiles(cells),
                        ship=[made.results.ship[0].model_copy(update={"variant": "int8-qdq"})]))  # fmt: skip


def regressed_run(changes: Mapping[tuple[str, str], float] = LOST) -> Made:
    """int8-qdq lost its fusion since an earlier run, on two boards, and got beyond its budget; fp16 got better."""
    earlier, now = pair(changes, variants=6)
    then = [profile(cell.variant, p50(cell), quantised(), board=cell.board, slowdown=1.94) for cell in qdq(earlier)]
    today = [
        profile(cell.variant, p50(cell), quantised(0.039, 1.26), board=cell.board, slowdown=1.94) for cell in qdq(now)
    ]
    return told(held(changed(earlier, profiles=then), changed(now, profiles=today), BUDGETS))


def qdq(made: Made) -> list[Cell]:
    return [cell for cell in made.results.cells if cell.variant == "int8-qdq"]


def p50(cell: Cell) -> float:
    return cell.latency_ms.p50.value or 0.0


PAGES: dict[str, Callable[[], Made]] = {
    "explained": explained_run,
    "explained_since": regressed_run,
    "explained_winner": shipped_run,
}
NUMBERED = {
    "explained": explained_run, "explained_limit": lambda: told(failed()),
    "explained_open": lambda: told(inconclusive()),
}  # fmt: skip
GLUED = Bar(
    "layout / quantisation glue", "", 0.7, "+0.70", "slow", "glue", strong=True, below="Transpose and QuantizeLinear"
)
BARS = (
    GLUED, Bar("/stem/stem.0/Conv", "Conv \u2192 QLinearConv", -1.2, "\u22121.20", "accent", "/stem/stem.0/Conv", path=True),
    Bar("Softmax", "tiny", 0.01, "+0.01", "mute", "Softmax"), Bar("others", "12 more", -0.2, "\u22120.20", "accent", "others"),
)  # fmt: skip


def drawings() -> dict[str, str]:
    """Each chart at each width and in each state: with and without a past, with and without glue and limit."""
    limit = dots.Limit(18.0, "limit 18 ms")
    found = {
        "operators-small": operators(BARS, "glue takes 0.70 ms more", 296),
        "operators-wide": operators(BARS, "glue takes 0.70 ms more", 500, wide=True),
        "operators-alone": operators(BARS[1:2], "one operator", 500, wide=False),
        "dots-limit": dots.dots(lanes("bad"), "ms", limit, "20 in 20 over", 296),
        "dots-wide": dots.dots(lanes("slow", note=""), "ms", None, "20 iterations", 500, wide=True),
        "dots-narrow": dots.dots(lanes("warn"), "ms", limit, "20 in 20 over", 296, wide=False),
        "nines-past": nines.nines(tails("bad", 0.999, "the past"), scope("bad"), 296),
        "nines-limit": nines.nines(tails("bad", 0.99, "fp32"), scope("ink2", (18.0, "limit 18 ms")), 500, wide=True),
        "nines-short": nines.nines(tails("slow", 0.9, "fp32"), scope("slow"), 296, wide=False),
        "violins-past-wide": violins.violins(shapes(), "ms", "int8 regressed", violins.WIDE),
        "violins-past-narrow": violins.violins(shapes(), "ms", "int8 regressed", violins.NARROW),
    }
    return {name: str(drawing) for name, drawing in found.items()}


def times(median: float) -> npt.NDArray[np.float64]:
    """A body with a tail."""
    return median * np.exp(np.linspace(-0.1, 0.12, 4000) ** 3 * 40)


def lanes(colour: str, note: str = "20 in 20 over") -> list[dots.Lane]:
    return [
        dots.Lane("fp32", "1 in 20 over" if note else "", twenty(times(17.2)).tolist(), "mute"),
        dots.Lane("int8", note, twenty(times(19.2)).tolist(), colour, strong=True),
    ]


def tails(colour: str, reach: float, other: str) -> list[nines.Tail]:
    return [
        nines.Tail("int8", times(19.2), reach, colour),
        nines.Tail(other, times(17.2), min(reach, 0.99), "ink2", dashed=True),
    ]


def scope(ground: str, limit: tuple[float, str] | None = None) -> nines.Scope:
    return nines.Scope("ms", ground, "The whole distribution moved", limit)


def shapes() -> list[violins.Shape]:
    """One that regressed beside its past, and one without."""
    found = []
    for name, median, word in (("int8", 1.9, "regressed"), ("fp32", 4.0, "")):
        p5, q25, q75, p95 = (float(each) for each in np.quantile(times(median), (0.05, 0.25, 0.75, 0.95)))
        grid_, density = violins.density(times(median))
        past = violins.density(times(median / 1.118)) if word else None
        found.append(
            violins.Shape(name, median, None, (q25, q75), (p5, p95), grid_, density, f"{median:.2f} ms", "ship" if word else "",
                          name, "bad" if word else "accent", strong=bool(word), past=past, word=word)
        )  # fmt: skip
    return found
