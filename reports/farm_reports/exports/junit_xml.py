"""JUnit XML: a suite per board, a test case per gate and variant."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from farm_reports import figures, points
from farm_reports.bounds import parse
from farm_reports.results import Board, Cell, Gate, GateCell, Results

UNPRINTABLE = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PROPERTIES = ("model", "arch", "kernel", "python", "onnxruntime")
NO_VALUE = {
    ("some_fit", "failed"): "no variant is inside all limits",
    ("some_fit", "inconclusive"): "no variant is inside all limits for sure",
}
SEPARATOR = " \u00b7 "


@dataclass(frozen=True)
class Share:
    """What a board has of the results. `gated`: whether anything of the run is; `labels`: of its points, by their key."""

    board: Board
    cells: Sequence[Cell]
    judged: Sequence[tuple[Gate, GateCell]]
    clock: figures.Clock
    gated: bool
    labels: Mapping[str, str]


def junit(results: Results) -> str:
    """Gates only; without gates each measured cell is a passing case."""
    document = JUnitXml("farm")
    for share in _shares(results):
        document.add_testsuite(_suite(share))
    document.update_statistics()  # type: ignore[no-untyped-call]  # the library is typed in part
    body: bytes = document.tostring()  # type: ignore[no-untyped-call]  # as above
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body.decode("utf-8")}\n'


def _shares(results: Results) -> Iterator[Share]:
    clock, labels = figures.clock(results.cells), points.of(results.cells)
    cells, judged = defaultdict(list), defaultdict(list)
    for cell in results.cells:
        cells[cell.board].append(cell)
    for gate in results.gates:
        for one in gate.cells:
            judged[one.board].append((gate, one))
    gated = bool(results.gates)
    return (Share(each, cells[each.name], judged[each.name], clock, gated, labels) for each in results.boards)


def _suite(share: Share) -> TestSuite:
    suite = TestSuite(_clean(share.board.name))
    for name in PROPERTIES:
        value = getattr(share.board, name)
        if value:
            suite.add_property(name, _clean(value))
    suite.add_testcases([*_gated(share), *_ungated(share)])
    return suite


def _gated(share: Share) -> Iterator[TestCase]:
    for gate, judged in share.judged:
        variant = None if gate.kind == "some_fit" else judged.variant
        name = f"{_gate_name(gate)} ({judged.point})" if judged.point else _gate_name(gate)
        yield _case(judged.board, variant, name, _outcome(share, gate, judged))


def _gate_name(gate: Gate) -> str:
    if gate.kind == "budget":
        return f"{gate.metric} since then"
    return gate.kind if gate.kind == "some_fit" else gate.metric


def _outcome(share: Share, gate: Gate, judged: GateCell) -> FinalResult | None:
    text = message(gate, judged, share.clock)
    if judged.verdict == "failed":
        return Failure(text, _failure_type(share, gate, judged))
    if judged.verdict == "inconclusive":
        return Skipped(f"inconclusive: {text}")
    return Error(text, "NotMeasured") if judged.verdict == "not_measured" else None


def _failure_type(share: Share, gate: Gate, judged: GateCell) -> str:
    """A `ship` variant that could not run is told apart from one that is too slow."""
    if gate.kind == "budget":
        return "NotRun" if judged.value is None else "BudgetExceeded"
    states = {cell.state for cell in share.cells if cell.variant == judged.variant}
    if gate.kind == "some_fit":
        return "NoVariantFits"
    return "NotRun" if states & {"failed", "not_run"} and "measured" not in states else "LimitExceeded"


def message(gate: Gate, judged: GateCell, clock: figures.Clock) -> str:
    """A gate's figure on a cell with its interval and its bound; without one, why."""
    if judged.value is None:
        return _clean(judged.reason or NO_VALUE.get((gate.kind, judged.verdict), "no value"))

    def write(value: float) -> str:
        return figures.plain(figures.gate_value(gate.metric, value, gate.bound, clock))

    name = gate.metric.removeprefix("latency_")
    noun = "budget" if gate.kind == "budget" else "limit"
    level = "" if parse(gate.metric, gate.bound).relative else "95 % CI "  # else judged at alpha / m
    span = "" if judged.low is None or judged.high is None else f" ({level}{write(judged.low)} to {write(judged.high)})"
    why = f"; {_clean(judged.reason)}" if judged.reason else ""
    return f"{name} {write(judged.value)}{span}, {noun} {gate.bound}{why}"


def _ungated(share: Share) -> Iterator[TestCase]:
    """Cells that no gate speaks of: listed when they have no figure, and always when nothing is gated."""
    gated = {judged.variant for _, judged in share.judged}
    for cell in share.cells:
        if (cell.state != "measured" or not share.gated) and cell.variant not in gated:
            label = share.labels[cell.point_key]
            yield _case(cell.board, cell.variant, f"measured ({label})" if label else "measured", _state(cell))


def _state(cell: Cell) -> FinalResult | None:
    reason = _clean(f"{cell.state}: {cell.reason or 'no reason given'}")
    if cell.state == "invalid":
        return Error(reason, "Invalid")
    return None if cell.state == "measured" else Skipped(reason)


def _case(board: str, variant: str | None, name: str, result: FinalResult | None) -> TestCase:
    subject = _clean(variant or "")
    case = TestCase(
        name + (SEPARATOR + subject if subject else ""), ".".join(filter(None, ("farm", _clean(board), subject)))
    )
    if result is not None:
        case.result = [result]
    return case


def _clean(text: str) -> str:
    """Without the characters XML cannot hold."""
    return UNPRINTABLE.sub("\ufffd", text)
