"""The first screen: word, sentence, counts, gates, and what to do where nothing could be judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from markupsafe import Markup

from farm_reports import bounds, figures
from farm_reports.charts.gauge import gauge
from farm_reports.charts.icons import badge
from farm_reports.results import Counts, Gate, GateCell, Results
from farm_reports.sections import budget
from farm_reports.sections.view import Section, View, shows
from farm_reports.sections.words import bound, counted, emphasised, grouped, listed, spoken

LOOKS = {
    "measured": ("Measured", "ruler", "accent"),
    "passed": ("Passed", "check", "good"),
    "failed": ("Failed", "cross", "bad"),
    "regressed": ("Regressed", "up", "bad"),
    "inconclusive": ("Inconclusive", "question", "warn"),
    "invalid": ("Invalid", "bang", "ink2"),
    "partial": ("Partial", "clock", "ink2"),
}
GATE_LOOKS = {"passed": "good", "failed": "bad", "inconclusive": "warn", "not_measured": "ink2"}
WORST_FIRST = ("failed", "not_measured", "inconclusive", "passed")
UNFINISHED = {"not run": "not complete"}
TILES = 8
ALWAYS = ("faster", "slower", "same", "undecided")
BASELINE_COUNTS = (*ALWAYS, "invalid", "failed", "not_run", "screened_out")
COUNT_COLOURS = {"faster": "accent", "slower": "slow", "undecided": "warn"}


@dataclass(frozen=True)
class Count:
    """`minor`: no verdict of a comparison."""

    word: str
    number: int
    colour: str
    minor: bool = False


@dataclass(frozen=True)
class Tile:
    """One gate: how many of its cells hold, and the worst value against the limit."""

    name: str
    word: str
    colour: str
    line: str
    gauge: Markup | None
    worst: str


@dataclass(frozen=True)
class Trouble:
    """Something that could not be measured, and what mends it."""

    where: str
    what: str
    do: str


@dataclass(frozen=True)
class Verdict:
    look: str
    word: str
    icon: Markup
    sentence: Markup
    counts: tuple[Count, ...]
    counted: str
    tiles: tuple[Tile, ...]
    more_tiles: int
    troubles: tuple[Trouble, ...]
    decide: str | None


def verdict(view: View) -> Section:
    results = view.results
    look = "partial" if view.partial else results.verdict
    word, icon, colour = LOOKS[look]
    gates = sorted(results.gates, key=lambda gate: WORST_FIRST.index(gate.verdict))
    body = Verdict(
        look=look,
        word=word,
        icon=badge(icon, colour),
        sentence=emphasised(results.sentence, names(results)),
        counts=_counted(view),
        counted="past" if results.past else "baseline",
        tiles=tuple(_tile(view, gate) for gate in gates[:TILES]),
        more_tiles=max(len(gates) - TILES, 0),
        troubles=troubles(results) if look == "invalid" else (),
        decide=_decide(results) if look == "inconclusive" else None,
    )
    return Section("verdict", "Verdict", word, "", body)


def _counted(view: View) -> tuple[Count, ...]:
    """Of a run that goes on only the cells that are not through: nothing is called faster early."""
    found = view.results.counts
    if view.results.past:
        return _of_past(found)
    if view.partial:
        return tuple(replace(one, word=UNFINISHED.get(one.word, one.word)) for one in counts(found, always=()))
    return counts(found, always=ALWAYS if view.compared else ())


def names(results: Results) -> list[str]:
    return [variant.name for variant in results.variants] + [board.name for board in results.boards]


def counts(found: Counts, always: tuple[str, ...] = ALWAYS) -> tuple[Count, ...]:
    """The words of the comparison with the baseline, then what could not be compared."""
    numbers = found.model_dump()
    shown = [word for word in BASELINE_COUNTS if word in always or numbers[word]]
    return tuple(
        Count(spoken(word), numbers[word], COUNT_COLOURS.get(word, "ink"), minor=bool(always) and word not in always)
        for word in shown
    )


def _of_past(found: Counts) -> tuple[Count, ...]:
    """The words of the comparison with the past, then what this run could not measure."""
    numbers = found.model_dump()
    shown = [*budget.COUNTS, *(word for word in ("invalid", "failed", "not_run") if numbers[word])]
    return tuple(
        Count(spoken(word), numbers[word], budget.COLOURS.get(word, "ink"), minor=word not in budget.COUNTS)
        for word in shown
    )


def troubles(results: Results) -> tuple[Trouble, ...]:
    """Per board that was lost; where no board is to blame, per reason of a cell."""
    lost = [Trouble(board.name, board.reason, _mend(board.name)) for board in results.boards if board.reason]
    if lost:
        return tuple(lost)
    reasons = grouped((cell.reason, cell.variant) for cell in results.cells if cell.reason and not shows(cell))
    return tuple(Trouble(listed(variants), reason, "") for reason, variants in reasons.items())[:TILES]


def _mend(board: str) -> str:
    return "" if board == "local" else f"farm boards probe {board}"


def _decide(results: Results) -> str:
    if results.past is not None:
        return budget.decide(results, results.past)
    undecided = sum(gate.verdict == "inconclusive" for gate in results.gates)
    longer = {"quick": "`--preset ci`", "ci": "`--preset standard`"}.get(results.run.preset, "a higher `--max-blocks`")
    return (
        f"{counted(undecided, 'gate')} {'needs' if undecided == 1 else 'need'} a narrower interval: "
        f"run again with {longer}; more blocks narrow it."
    )


def _tile(view: View, gate: Gate) -> Tile:
    colour = _colour(view, gate)
    name = "Some variant fits" if gate.kind == "some_fit" else figures.METRICS.get(gate.metric, gate.metric)
    line = _some_fit(gate) if gate.kind == "some_fit" else _line(gate)
    if gate.kind == "budget":
        name, line = f"{name}, {budget.name(view.results.past)}", budget.line(view.results.past, gate)
    worst, kind = _worst(view, gate), "budget" if gate.kind == "budget" else "limit"
    used = None if gate.verdict == "not_measured" else _used(gate)
    drawn = gauge(used, colour, f"{name}: {worst}, {kind} {bound(gate.bound)}") if used is not None else None
    return Tile(name, spoken(gate.verdict), colour, line, drawn, worst)


def _colour(view: View, gate: Gate) -> str:
    """An invalid run and one that is still going have no green gate."""
    settled = not view.partial and view.results.verdict != "invalid"
    return GATE_LOOKS[gate.verdict] if settled or gate.verdict != "passed" else "ink2"


def _some_fit(gate: Gate) -> str:
    if len(gate.cells) == 1:
        return f"{'on' if gate.verdict == 'passed' else 'none on'} {gate.cells[0].board}"
    fitting = sum(cell.verdict == "passed" for cell in gate.cells)
    return f"on {fitting} of {counted(len(gate.cells), 'board')}"


def _line(gate: Gate) -> str:
    """How many of the cells are on which side of the limit, worst side first."""
    limit = bound(gate.bound)
    total = len(gate.cells)
    by_word = {word: sum(cell.verdict == word for cell in gate.cells) for word in WORST_FIRST}
    phrases = {
        "failed": f"{by_word['failed']} of {total} outside {limit}" if total > 1 else f"outside {limit}",
        "not_measured": f"{by_word['not_measured']} of {total} not measured",
        "inconclusive": f"{by_word['inconclusive']} of {total} undecided at {limit}",
        "passed": f"all {total} inside {limit}" if total > 1 else f"inside {limit}",
    }
    return phrases[gate.verdict]


def _used(gate: Gate) -> float | None:
    """How much of the limit the worst value takes up, 1 at the limit; None where that cannot be drawn."""
    if gate.kind == "some_fit" or gate.worst is None or gate.worst.value is None:
        return None
    if gate.kind == "budget":
        return budget.used(gate)
    try:
        limit = bounds.parse(gate.metric, gate.bound)
    except ValueError:
        return None
    return _share_of(limit, gate.worst.value)


def _share_of(limit: bounds.Bound, value: float) -> float | None:
    if limit.metric == "accuracy":
        room = -limit.value if limit.relative else 1 - limit.value
        used = -value if limit.relative else 1 - value
        return max(used, 0) / room if room > 0 else None
    return (1 + value) / (1 + limit.value) if limit.relative else value / limit.value


def _worst(view: View, gate: Gate) -> str:
    worst = gate.worst
    if gate.kind == "some_fit":
        if worst is None or gate.verdict == "passed":
            return ""
        return worst.reason or "" if len(gate.cells) == 1 else f"{worst.board}: {worst.reason or 'none fits'}"
    if view.partial and gate.verdict == "not_measured":
        return "judged when all planned blocks are done"
    if worst is None:
        return "" if gate.verdict == "passed" else "no value"
    if worst.value is None:
        return f"{worst.where}: {worst.reason or 'not measured'}"
    return f"worst {_with_interval(view, gate, worst)}, {worst.where}" + (f"; {worst.reason}" if worst.reason else "")


def _with_interval(view: View, gate: Gate, cell: GateCell) -> str:
    def write(value: float) -> str:
        return figures.gate_value(gate.metric, value, gate.bound, view.clock)

    if cell.value is None:
        return "not measured"
    if cell.low is None or cell.high is None or cell.low == cell.high:
        return write(cell.value)
    low, high = write(cell.low), write(cell.high)
    if low == high:
        return write(cell.value)
    unit = high.rpartition(figures.GAP)[2]
    return f"{write(cell.value)} ({low.removesuffix(f'{figures.GAP}{unit}')} to {high.removesuffix(f'{figures.GAP}{unit}')})"
