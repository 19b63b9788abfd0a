"""What became of the variants since an earlier run, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm_reports import figures
from farm_reports.past import VersusPast
from farm_reports.results import Cell, Gate, GateCell, Results

FLAGGED = ("regressed", "inconclusive", "improved")
LATENCY = "latency_p50"
HEADS = ("board", "variant", "metric", "change", "95 % CI", "budget", "verdict")
WORDS = {"failed": "regressed"}


def rows(results: Results) -> list[Sequence[str]]:
    """The medians that are flagged, worst first; then what other budgets say. Nothing is escaped yet."""
    found = [(cell, cell.versus_past) for cell in results.cells if cell.versus_past and cell.versus_past.ratio]
    flagged = [(cell, versus) for cell, versus in found if versus.verdict in FLAGGED]
    flagged.sort(key=lambda pair: (FLAGGED.index(pair[1].verdict), -(pair[1].ratio or 0)))
    return [*(_row(cell, versus) for cell, versus in flagged), *_others(results)]


def counts(results: Results) -> str:
    """`3 regressed, 1 inconclusive, 2 improved, 80 equivalent, 2 not compared; smallest effect 1.2 %`."""
    numbers, past = results.counts.model_dump(), results.past
    bare = [cell.versus_past for cell in results.cells if cell.versus_past and cell.versus_past.ratio is None]
    same = sum(one.verdict == "equivalent" for one in bare)
    lost = len(bare) - same + (len(past.gone) if past else 0)
    words = ", ".join(f"{numbers[word]} {word}" for word in (*FLAGGED, "equivalent"))
    sees = _sees(results)
    return f"Against {results.run.against}: {words}, {f'{same} unchanged, ' if same else ''}{lost} not compared" + (
        f"; smallest effect {sees}" if sees else ""
    )


def _sees(results: Results) -> str:
    past = results.past
    told = [] if past is None or past.smallest_effect is None else [figures.share(past.smallest_effect)]
    if past is not None and past.smallest_absolute is not None:
        told.append(f"{figures.share(past.smallest_absolute)} time against time")
    return figures.plain(", ".join(told))


def span(versus: VersusPast) -> str:
    if versus.low is None or versus.high is None:
        return ""
    return figures.plain(f"{figures.signed((versus.low - 1) * 100)} \u2026 {figures.signed((versus.high - 1) * 100)}")


def change(versus: VersusPast) -> str:
    return figures.plain(figures.percent((versus.ratio or 1.0) - 1))


def margin(versus: VersusPast) -> str:
    """What was allowed of this change."""
    return "" if versus.margin is None else figures.plain(figures.percent(versus.margin))


def _row(cell: Cell, versus: VersusPast) -> Sequence[str]:
    return cell.board, cell.variant, "p50", change(versus), span(versus), margin(versus), versus.verdict


def _others(results: Results) -> Iterator[Sequence[str]]:
    for gate in results.gates:
        if gate.kind == "budget" and gate.metric != LATENCY:
            yield from (
                _other(gate, cell) for cell in gate.cells if cell.verdict != "passed" and cell.value is not None
            )


def _other(gate: Gate, cell: GateCell) -> Sequence[str]:
    def write(value: float) -> str:
        return figures.plain(figures.points(value) if gate.metric == "accuracy" else figures.percent(value))

    ends = "" if cell.low is None or cell.high is None else f"{write(cell.low)} \u2026 {write(cell.high)}"
    word = WORDS.get(cell.verdict, cell.verdict)
    return cell.board, cell.variant or "", gate.metric, write(cell.value or 0.0), ends, gate.bound, word
