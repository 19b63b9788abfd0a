"""JUnit XML: a suite per board, a test case per gate and variant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from farm_reports import figures
from farm_reports.results import Board, Cell, Gate, GateCell, Results

UNPRINTABLE = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PROPERTIES = ("model", "arch", "kernel", "python", "onnxruntime")
NO_VALUE = {
    ("some_fit", "failed"): "no variant is inside all limits",
    ("some_fit", "inconclusive"): "no variant is inside all limits for sure",
}
SEPARATOR = " \u00b7 "


def junit(results: Results) -> str:
    """Gates only; without gates each measured cell is a passing case."""
    document = JUnitXml("farm")
    for board in results.boards:
        document.add_testsuite(_suite(results, board))
    document.update_statistics()  # type: ignore[no-untyped-call]  # the library is typed in part
    body: bytes = document.tostring()  # type: ignore[no-untyped-call]  # as above
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body.decode("utf-8")}\n'


def _suite(results: Results, board: Board) -> TestSuite:
    suite = TestSuite(_clean(board.name))
    for name in PROPERTIES:
        value = getattr(board, name)
        if value:
            suite.add_property(name, _clean(value))
    suite.add_testcases([*_gated(results, board), *_ungated(results, board)])
    return suite


def _gated(results: Results, board: Board) -> Iterator[TestCase]:
    clock = figures.clock(results.cells)
    for gate in results.gates:
        for judged in gate.cells:
            if judged.board == board.name:
                yield _case(
                    judged.board,
                    None if gate.kind == "some_fit" else judged.variant,
                    _gate_name(gate),
                    _outcome(results, gate, judged, clock),
                )


def _gate_name(gate: Gate) -> str:
    return gate.kind if gate.kind == "some_fit" else gate.metric


def _outcome(results: Results, gate: Gate, judged: GateCell, clock: figures.Clock) -> FinalResult | None:
    message = _message(gate, judged, clock)
    if judged.verdict == "failed":
        return Failure(message, _failure_type(results, gate, judged))
    if judged.verdict == "inconclusive":
        return Skipped(f"inconclusive: {message}")
    return Error(message, "NotMeasured") if judged.verdict == "not_measured" else None


def _failure_type(results: Results, gate: Gate, judged: GateCell) -> str:
    """A `ship` variant that could not run is told apart from one that is too slow."""
    states = {cell.state for cell in results.cells if (cell.board, cell.variant) == (judged.board, judged.variant)}
    if gate.kind == "some_fit":
        return "NoVariantFits"
    return "NotRun" if states & {"failed", "not_run"} and "measured" not in states else "LimitExceeded"


def _message(gate: Gate, judged: GateCell, clock: figures.Clock) -> str:
    if judged.value is None:
        return _clean(judged.reason or NO_VALUE.get((gate.kind, judged.verdict), "no value"))

    def write(value: float) -> str:
        return figures.plain(figures.gate_value(gate.metric, value, gate.bound, clock))

    name = gate.metric.removeprefix("latency_")
    span = (
        "" if judged.low is None or judged.high is None else f" (95 % CI {write(judged.low)} to {write(judged.high)})"
    )
    why = f"; {_clean(judged.reason)}" if judged.reason else ""
    return f"{name} {write(judged.value)}{span}, limit {gate.bound}{why}"


def _ungated(results: Results, board: Board) -> Iterator[TestCase]:
    """Cells that no gate speaks of: listed when they have no figure, and always when nothing is gated."""
    gated = {(judged.board, judged.variant) for gate in results.gates for judged in gate.cells}
    for cell in results.cells:
        listed = cell.state != "measured" or not results.gates
        if cell.board == board.name and listed and (cell.board, cell.variant) not in gated:
            yield _case(cell.board, cell.variant, "measured", _state(cell))


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
