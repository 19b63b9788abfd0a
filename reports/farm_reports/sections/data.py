"""What the page was made from, and how to make it again."""

from __future__ import annotations

import json
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.meanings import BURST
from farm_reports.past import LAST_NIGHT, LAST_NIGHT_OF
from farm_reports.results import Cell, Results
from farm_reports.sections.view import MANY_CELLS, Section, View
from farm_reports.tables import STOCK

FILES = (
    ("results.json", "all figures of this page"),
    ("samples.parquet", "one row per iteration"),
    ("launches.parquet", "one row per launch"),
    ("readings.parquet", "clocks, temperatures, power"),
    ("junit.xml", "the gates for CI"),
    ("summary.md", "the short text"),
)
COLUMNS = ("board", "variant", "point", "state", "p50_ms", "p50_low", "p50_high", "p99_ms", "peak_rss_bytes", "accuracy",
           "ratio", "ratio_low", "ratio_high", "verdict")  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A variant's file with the digest that names it."""

    name: str
    file: str
    sha256: str
    bytes: str
    opset: str
    reason: str


@dataclass(frozen=True)
class Data:
    files: tuple[tuple[str, str], ...]
    command: str
    redraw: str
    seed: int
    schema: str
    agents: tuple[str, ...]
    sources: tuple[Source, ...]
    summary: Markup | None


def data(view: View) -> Section:
    results = view.results
    body = Data(
        files=FILES,
        command=_command(view),
        redraw=_redraw(results),
        seed=results.run.seed,
        schema=results.schema_,
        agents=tuple(sorted({board.agent for board in results.boards if board.agent})),
        sources=tuple(_source(view, name) for name in (variant.name for variant in view.variants)),
        summary=_summary(view) if len(results.cells) <= MANY_CELLS else None,
    )
    return Section(
        "data", "Data", "Data", "Every figure of this page can be computed again from the files beside it.", body
    )


def _redraw(results: Results) -> str:
    run, past = results.run, results.past
    return f"farm report {run.id}" if past is None or past.within else f"farm compare {run.against} {run.id}"


def _command(view: View) -> str:
    run = view.results.run
    boards = ",".join(view.excerpt.of or (board.name for board in view.results.boards))
    where = "" if boards == "local" else f" --inventory FILE --boards '{boards}'"
    named = f"--preset {run.preset} --baseline {run.baseline} --seed {run.seed}"
    mode = "" if run.mode == BURST else f" --mode {run.mode}"
    profiled = " --profile" if view.results.profiles else ""
    return f"farm run --variants DIR {named}{mode}{_threads(view)}{_clocks(view)}{_limited(view)}{profiled}{_against(view)}{where}"


def _against(view: View) -> str:
    """The past whose files ran again, and every budget, wherever it was written."""
    past = view.results.past
    if past is None or not past.within:
        return ""
    budgets = "".join(f" --budget {metric}={each.bound}" for metric, each in past.budgets.items())
    return f" --against {_past(past.id, past.name or '')}{budgets}"


def _past(run: str, name: str) -> str:
    if name.startswith(LAST_NIGHT_OF):
        return f"last-good:{name.removeprefix(LAST_NIGHT_OF)}"
    return "last-good" if name == LAST_NIGHT else run


def _threads(view: View) -> str:
    """Of the points, where any were asked for."""
    asked = sorted({cell.point.threads for cell in view.results.cells if cell.point.threads is not None})
    return f" --threads {','.join(map(str, asked))}" if asked else ""


def _clocks(view: View) -> str:
    """The one of all boards; of a sweep all of them, by name where the boards have the same."""
    swept = {",".join(str(step.pin_khz) for step in one.steps) for one in view.results.sweeps if one.steps}
    if swept:
        return f" --pin sweep:{swept.pop()}" if len(swept) == 1 else " --pin sweep"
    pins = {cell.point.pin for cell in view.results.cells} or {STOCK}
    return "" if len(pins) > 1 or STOCK in pins else f" --pin {pins.pop()}"


def _limited(view: View) -> str:
    limit = view.results.run.memory_limit
    return "" if limit is None else f" --memory-limit {limit}B"


def _source(view: View, name: str) -> Source:
    variant = next(variant for variant in view.variants if variant.name == name)
    return Source(
        name=name,
        file=variant.file or "",
        sha256=variant.sha256 or "",
        bytes="" if variant.bytes is None else f"{variant.bytes:,}",
        opset="" if variant.opset is None else str(variant.opset),
        reason=variant.reason or "",
    )


def _summary(view: View) -> Markup:
    """The cells as JSON rows that no parser of HTML can mistake for markup."""
    points = {(row.board.name, row.point_key): row.point for row in view.rows}
    rows = [COLUMNS, *(_row(cell, points[cell.board, cell.point_key]) for cell in view.results.cells)]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704 - no character of markup is left


def _row(cell: Cell, point: str) -> tuple[object, ...]:
    versus, p50 = cell.versus_baseline, cell.latency_ms.p50
    compared = (versus.ratio, versus.low, versus.high, versus.verdict) if versus else (None, None, None, None)
    return (
        cell.board, cell.variant, point, cell.state,
        *map(_short, (p50.value, p50.low, p50.high, cell.latency_ms.p99.value, cell.peak_rss_bytes.value)),
        cell.accuracy.value, *map(_short, compared),
    )  # fmt: skip


def _short(value: object) -> object:
    """Six significant digits: what a sheet needs; results.json has them all."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
