"""Every variant on every board: a heat map of speeds, with a switch to the other metrics."""

from __future__ import annotations

from dataclasses import dataclass

from farm_reports import figures
from farm_reports.results import Cell
from farm_reports.sections import power
from farm_reports.sections.layers import LAYERS, STEPS, Layer
from farm_reports.sections.view import MANY_BOARDS, MANY_CELLS, Row, Section, View, provisional, shows
from farm_reports.sections.words import GLYPHS, bound, counted, grouped, spoken


@dataclass(frozen=True)
class Metric:
    """`key` is the class of its layer and the id of its switch."""

    key: str
    name: str


@dataclass(frozen=True)
class Tile:
    """A cell of the matrix: layers where it has figures, else the word and the reason."""

    board: str
    variant: str
    kind: str
    word: str
    glyph: str
    title: str
    layers: tuple[Layer, ...]
    shipped: bool
    misses: str

    @property
    def step(self) -> int:
        return self.layers[0].step if self.layers else 0

    @property
    def colour(self) -> str:
        return STEPS[self.step]


@dataclass(frozen=True)
class Line:
    label: str
    model: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Group:
    """Boards of one model under its name; without a name where boards are few."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Matrix:
    metrics: tuple[Metric, ...]
    variants: tuple[str, ...]
    baseline: str
    groups: tuple[Group, ...]
    dense: bool
    compared: bool
    legend: tuple[str, ...]
    steps: tuple[int, ...] = tuple(STEPS)


def matrix(view: View) -> Section | None:
    """Left out for a single row: the comparison below shows the same cells with all metrics side by side."""
    if len(view.rows) < 2 or not any(True for _ in view.measured()):
        return None
    dense = len(view.results.cells) > MANY_CELLS
    metrics = _metrics(view)[: 1 if dense else None]
    body = Matrix(
        metrics=metrics,
        variants=tuple(variant.name for variant in view.variants),
        baseline=view.baseline,
        groups=_groups(view, metrics, dense=dense),
        dense=dense,
        compared=view.compared and not view.partial,
        legend=_legend(view),
    )
    return Section("matrix", "Matrix", "Every variant on every board", _lede(view, dense=dense), body)


def _lede(view: View, *, dense: bool) -> str:
    if not view.compared:
        return "Absolute figures, without a comparison."
    if view.partial:
        return f"Provisional speed against {view.baseline}: with the range of its blocks, from six on with its 95{figures.GAP}% interval."
    start = f"Speed against {view.baseline} on the same board, with its 95{figures.GAP}% interval."
    if dense:
        return f"Speed against {view.baseline} on the same board; intervals and the other metrics are in results.json."
    return f"{start} The other metrics are coloured by their ratio to {view.baseline}, without a verdict."


def _metrics(view: View) -> tuple[Metric, ...]:
    cells = view.results.cells
    found = [
        (view.compared, Metric("x", "Speed")),
        (True, Metric("p50", "p50")),
        (any(cell.latency_ms.p99.value is not None for cell in cells), Metric("p99", "p99")),
        (any(cell.peak_rss_bytes.value is not None for cell in cells), Metric("mem", "Peak memory")),
        (power.told(view), Metric("energy", "Energy")),
        (any(size is not None for size in view.sizes.values()), Metric("size", "Size")),
        (view.scored, Metric("acc", view.accuracy_name)),
    ]
    return tuple(metric for there, metric in found if there)


def _groups(view: View, metrics: tuple[Metric, ...], *, dense: bool) -> tuple[Group, ...]:
    """Boards of one scope of energy together, so that no two scopes stand below each other unsaid."""
    lines = [(_group(view, row), _line(view, row, metrics, dense=dense)) for row in view.rows]
    names = grouped((name, "") for name, _ in lines)
    return tuple(Group(name, tuple(line for own, line in lines if own == name)) for name in names)


def _group(view: View, row: Row) -> str:
    model = row.board.model or "other" if len(view.results.boards) > MANY_BOARDS else ""
    return ", ".join(filter(None, (model, power.scope_of(view, row))))


def _line(view: View, row: Row, metrics: tuple[Metric, ...], *, dense: bool) -> Line:
    base = view.cells.get((row.board.name, view.baseline, row.point_key))
    tiles = []
    for variant in view.variants:
        cell = view.cells.get((row.board.name, variant.name, row.point_key))
        tiles.append(_tile(view, cell, base, metrics, dense=dense) if cell else _empty(row.board.name, variant.name))
    return Line(row.label, row.board.model or "", tuple(tiles))


def _empty(board: str, variant: str) -> Tile:
    return Tile(board, variant, "hatch not_run", "not run", "", "not part of this run", (), shipped=False, misses="")


def _tile(view: View, cell: Cell, base: Cell | None, metrics: tuple[Metric, ...], *, dense: bool) -> Tile:
    word = comparison_word(view, cell)
    layers = tuple(layer for metric in metrics if (layer := LAYERS[metric.key](view, cell, base)))
    layers = layers if shows(cell) else ()
    return Tile(
        board=cell.board,
        variant=cell.variant,
        kind=_kind(cell, layers),
        word=spoken(word if layers else cell.state),
        glyph=GLYPHS.get(word, "") if layers else "",
        title=describe(view, cell),
        layers=tuple(Layer(layer.key, layer.main, "", layer.step) for layer in layers) if dense else layers,
        shipped=view.shipped(cell),
        misses="" if dense else missed(cell),
    )


def _kind(cell: Cell, layers: tuple[Layer, ...]) -> str:
    if cell.state == "screened_out":
        return "screened"
    return "" if layers else f"hatch {cell.state}"


def comparison_word(view: View, cell: Cell) -> str:
    """The verdict of a cell against the baseline; empty for the baseline and while it is provisional."""
    versus = cell.versus_baseline
    if versus is None or versus.provisional or cell.variant == view.baseline:
        return ""
    return versus.verdict


def missed(cell: Cell) -> str:
    """The limits a cell misses, named."""
    if cell.fit.verdict != "no":
        return ""
    return ", ".join(
        figures.METRICS.get(hit.metric, hit.metric).lower().removeprefix("latency ") for hit in cell.fit.by
    )


def describe(view: View, cell: Cell) -> str:
    """The tooltip: who, what against the baseline, which limits, on how much work."""
    state = "provisional" if provisional(cell) else spoken(cell.state)
    parts = [f"{cell.variant} on {cell.board}: {state}{': ' + cell.reason if cell.reason else ''}"]
    versus = cell.versus_baseline
    if versus is not None and versus.ratio is not None and cell.variant != view.baseline:
        parts.append(
            f"{figures.speed(versus.ratio)} the speed of {view.baseline} ({_basis(cell)}), {_said(view, cell)}"
        )
    parts += [hit.text or f"misses {hit.metric} {bound(hit.limit)}" for hit in cell.fit.by if cell.fit.verdict == "no"]
    if cell.launches.valid:
        parts.append(f"{counted(cell.launches.valid, 'launch', 'launches')}, {counted(cell.iterations, 'iteration')}")
    return "\n".join(parts)


def _said(view: View, cell: Cell) -> str:
    return comparison_word(view, cell) or ("provisional" if cell.state != "screened_out" else "in short blocks")


def _basis(cell: Cell) -> str:
    versus = cell.versus_baseline
    if versus is None or versus.low is None or versus.high is None:
        return "no interval"
    return f"{interval_name(cell)} {figures.speeds(versus.low, versus.high)}"


def interval_name(cell: Cell) -> str:
    """What the low and high of a comparison are: under six blocks only their range can be given."""
    versus = cell.versus_baseline
    if versus is not None and versus.provisional and cell.launches.valid < 6 and cell.state != "screened_out":
        return "range"
    return f"95{figures.GAP}%"


def _legend(view: View) -> tuple[str, ...]:
    """Only what is on this page."""
    words = {comparison_word(view, cell) for cell in view.measured()}
    states = {cell.state for cell in view.results.cells}
    shown = [f"{GLYPHS[word]} {word}" for word in ("faster", "slower", "undecided") if word in words]
    if "same" in words:
        shown.append("no mark: same")
    if any(cell.fit.verdict == "no" for cell in view.results.cells):
        shown.append("struck: misses a limit")
    if "screened_out" in states:
        shown.append("dotted: screened out")
    empty = {cell.state for cell in view.results.cells if not shows(cell)}
    hatched = [spoken(state) for state in ("failed", "invalid", "not_run") if state in empty]
    return (*shown, f"hatched: {', '.join(hatched)}") if hatched else tuple(shown)
