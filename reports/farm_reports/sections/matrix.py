"""Every variant on every board: a heat map of speeds, with a switch to the other metrics."""

from __future__ import annotations

from dataclasses import dataclass

from farm_reports import figures
from farm_reports.past import VersusPast
from farm_reports.results import Cell
from farm_reports.sections import power
from farm_reports.sections.layers import LAYERS, STEPS, Layer
from farm_reports.sections.middles import middles
from farm_reports.sections.view import MANY_BOARDS, MANY_CELLS, Row, Section, View, provisional, shows
from farm_reports.sections.words import GLYPHS, bound, counted, spoken

RINGS = {"regressed": "\u25b2", "improved": "\u25bc"}


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
    """A row. `page`: the address of its board's own page, where there is one beside this page."""

    label: str
    model: str
    tiles: tuple[Tile, ...]
    page: str = ""


@dataclass(frozen=True)
class Group:
    """Boards of one model under its name; without a name where boards are few.

    `middle`: the tiles of the boards in the middle, one a variant; empty for one board alone.
    """

    name: str
    lines: tuple[Line, ...]
    middle: tuple[Tile, ...] = ()


@dataclass(frozen=True)
class Matrix:
    metrics: tuple[Metric, ...]
    variants: tuple[str, ...]
    baseline: str
    groups: tuple[Group, ...]
    dense: bool
    compared: bool
    shipped: bool
    legend: tuple[str, ...]
    rings: tuple[str, ...]
    steps: tuple[int, ...] = tuple(STEPS)


def matrix(view: View) -> Section | None:
    """Left out for a single row or column: another section shows the same cells with all metrics side by side."""
    if len(view.judged) < 2 or view.single or not any(True for _ in view.measured()):
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
        shipped=any(view.shipped(cell) for cell in view.results.cells),
        legend=_legend(view),
        rings=tuple(word for word in RINGS if any(ringed(cell) == word for cell in view.measured())),
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
        (view.powered, Metric("energy", "Energy")),
        (any(size is not None for size in view.sizes.values()), Metric("size", "Size")),
        (view.scored, Metric("acc", view.accuracy_name)),
    ]
    return tuple(metric for there, metric in found if there)


def _groups(view: View, metrics: tuple[Metric, ...], *, dense: bool) -> tuple[Group, ...]:
    """Boards of one scope of energy together, so that no two scopes stand below each other unsaid."""
    rows: dict[str, list[Row]] = {}
    for row in view.judged:
        rows.setdefault(_group(view, row), []).append(row)
    return tuple(_named(view, name, found, metrics, dense=dense) for name, found in rows.items())


def _named(view: View, name: str, rows: list[Row], metrics: tuple[Metric, ...], *, dense: bool) -> Group:
    lines = tuple(_line(view, row, metrics, dense=dense) for row in rows)
    places = middles(view, rows) if dense and name else ()
    pairs = zip(places, view.variants, strict=bool(places))
    middle = (
        _empty(name, each.name) if at is None else lines[at].tiles[index] for index, (at, each) in enumerate(pairs)
    )
    return Group(name, lines, tuple(middle))


def _group(view: View, row: Row) -> str:
    model = row.board.model or "other" if len(view.results.boards) > MANY_BOARDS else ""
    return ", ".join(filter(None, (model, power.scope_of(view, row))))


def _line(view: View, row: Row, metrics: tuple[Metric, ...], *, dense: bool) -> Line:
    base = view.cells.get((row.board.name, view.baseline, row.point_key))
    tiles = []
    for variant in view.variants:
        cell = view.cells.get((row.board.name, variant.name, row.point_key))
        tiles.append(_tile(view, cell, base, metrics, dense=dense) if cell else _empty(row.board.name, variant.name))
    return Line(row.label, row.board.model or "", tuple(tiles), view.page_of(row.board))


def _empty(board: str, variant: str) -> Tile:
    return Tile(board, variant, "hatch not_run", "not run", "", "not part of this run", (), shipped=False, misses="")


def _tile(view: View, cell: Cell, base: Cell | None, metrics: tuple[Metric, ...], *, dense: bool) -> Tile:
    word = comparison_word(view, cell)
    layers = tuple(layer for metric in metrics if (layer := LAYERS[metric.key](view, cell, base)))
    layers = layers if shows(cell) else ()
    return Tile(
        board=cell.board,
        variant=cell.variant,
        kind=" ".join(filter(None, (_kind(cell, layers), ringed(cell) if layers else ""))),
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


def ringed(cell: Cell) -> str:
    """What became of it since the earlier run, where that is drawn as a ring."""
    versus = cell.versus_past
    return versus.verdict if versus is not None and versus.verdict in RINGS else ""


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
    state = "provisional" if provisional(cell) else spoken(cell.state) if cell.state != "measured" else ""
    parts = [": ".join(filter(None, (f"{cell.variant} on {cell.board}", state, cell.reason)))]
    versus = cell.versus_baseline
    if versus is not None and versus.ratio is not None and cell.variant != view.baseline:
        parts.append(
            f"{figures.speed(versus.ratio)} the speed of {view.baseline} ({_basis(cell)}), {_said(view, cell)}"
        )
    if cell.versus_past is not None and ringed(cell):
        parts.append(_since(cell.versus_past))
    parts += [hit.text or f"misses {hit.metric} {bound(hit.limit)}" for hit in cell.fit.by if cell.fit.verdict == "no"]
    if cell.launches.valid:
        parts.append(f"{counted(cell.launches.valid, 'launch', 'launches')}, {counted(cell.iterations, 'iteration')}")
    return "\n".join(parts)


def _since(versus: VersusPast) -> str:
    return f"{figures.percent((versus.ratio or 1.0) - 1)} since the past: {RINGS[versus.verdict]} {versus.verdict}"


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
