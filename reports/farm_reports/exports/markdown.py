"""The Markdown summary: what a step of CI, a comment or a plain terminal shows; at most 60 KB, whole rows only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from farm_reports import figures, points, promised, swept
from farm_reports.exports import since
from farm_reports.meanings import BURST
from farm_reports.parts import Fleet, Soak
from farm_reports.results import Cell, Gate, Results, Ship
from farm_reports.texts import harmless

LIMIT_BYTES = 60_000
SHIP_BYTES = 24_000
SINCE_BYTES = 12_000
GATES = 20
FLEETS = 3
LASTING = 3
SWEPT = 8
EFFECTS = 3
ICONS = {
    "measured": "\U0001f4cf",
    "passed": "\u2705",
    "failed": "\u274c",
    "regressed": "\u274c",
    "inconclusive": "\u2754",
    "invalid": "\u26a0\ufe0f",
}
PARTIAL_ICON = "\u23f3"
COUNTED = ("faster", "slower", "same", "undecided", "invalid", "failed", "not_run", "screened_out")
SPECIAL = re.compile(r"([\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")  # an underscore inside a word is a letter
LONGEST_TEXT = 300
Spots = Callable[[Cell], str]


def summary(results: Results) -> str:
    """Verdict, what to ship, counts, then all cells under a fold."""
    top = "\n\n".join(filter(None, (_title(results), _since(results), _open_gates(results), _headline(results))))
    ship = _table(*_ship_table(results), SHIP_BYTES)
    counts = "\n\n".join(
        filter(None, (_fleet(results), _swept(results), _lasting(results), _counts(results), _effect(results)))
    )
    used = sum(len(part.encode()) for part in (top, ship, counts))
    cells = _table(*_cell_table(results), LIMIT_BYTES - used - 200)
    fold = f"<details><summary>All cells</summary>\n\n{cells}\n</details>"
    return "\n\n".join(part for part in (top, ship, counts, fold) if part) + "\n"


def _title(results: Results) -> str:
    partial = results.run.status == "partial"
    icon = PARTIAL_ICON if partial else ICONS.get(results.verdict, "")
    word = "Partial" if partial else results.verdict.capitalize()
    return f"### {icon} {word}: {escape(results.sentence, 1000).rstrip('.')}"


def _since(results: Results) -> str:
    """What became of the variants since the earlier run; empty without one."""
    if results.past is None:
        return ""
    rows = [tuple(map(escape, row)) for row in since.rows(results)]
    told = " ".join([since.counts(results) + ".", results.past.statement, *results.past.differences[:EFFECTS]])
    return "\n\n".join(filter(None, (_table(since.HEADS, rows, SINCE_BYTES), escape(told, 2000))))


def _headline(results: Results) -> str:
    said = (
        results.run.status == "partial"
        or not results.headline
        or results.headline.rstrip(".").lower() in results.sentence.lower()
    )
    return "" if said else f"**{escape(results.headline, 1000)}**"


def _open_gates(results: Results) -> str:
    """The gates that did not pass, one line each."""
    waiting = [gate for gate in results.gates if gate.verdict != "passed"]
    lines = [_gate_line(results, gate) for gate in waiting[:GATES]]
    more = [f"- and {len(waiting) - GATES} more gates in results.json"] if len(waiting) > GATES else []
    return "\n".join([*lines, *more])


def _gate_line(results: Results, gate: Gate) -> str:
    name = "some variant fits" if gate.kind == "some_fit" else f"{gate.metric} {gate.bound}"
    worst = gate.worst
    if worst is None or (results.run.status == "partial" and gate.verdict == "not_measured"):
        return f"- {escape(name)}: {gate.verdict}"
    where = escape(worst.where)
    if worst.value is None:
        return f"- {escape(name)}: {gate.verdict}, {where}, {escape(worst.reason or 'none for sure')}"
    value = figures.gate_value(gate.metric, worst.value, gate.bound, figures.clock(results.cells))
    why = f"; {escape(worst.reason)}" if worst.reason else ""
    return f"- {escape(name)}: {gate.verdict}, worst {figures.plain(value)} ({where}){why}"


def _ship_table(results: Results) -> tuple[Sequence[str], list[Sequence[str]]]:
    clock = figures.clock(results.cells)
    score = figures.accuracy_name(results.cells).lower()
    heads = ("board", "ship", "p50", f"x {escape(results.run.baseline)}", "95 % CI", score, "peak memory", "ruled out")
    spots = _spots(results)
    return heads, [_ship_row(results, ship, clock, spots) for ship in results.ship]


def _ship_row(results: Results, ship: Ship, clock: figures.Clock, spots: Spots) -> Sequence[str]:
    cell = _shipped(results, ship)
    out = "; ".join(f"{escape(out.variant)} ({escape(out.why)})" for out in ship.ruled_out)
    if cell is None:
        nearest = (
            f"none fits, nearest {escape(ship.nearest.variant)}: {escape(ship.nearest.why)}"
            if ship.nearest
            else "none fits"
        )
        return (escape(ship.board), nearest, "", "", "", "", "", out)
    tied = [escape(name) for name in ship.tied if name != ship.variant]
    winner = escape(cell.variant) + (f" (tied: {', '.join(tied)})" if tied else "")
    return (spots(cell), winner, *_figures(results, cell, clock), _score(cell), _memory(cell), out)


def _spots(results: Results) -> Spots:
    """The board, and the point where it has several; one of a sweep is told beside its variant."""
    several, labels = swept.boards(results), points.of(results.cells)

    def spot(cell: Cell) -> str:
        label = "" if cell.board in several else labels[cell.point_key]
        return escape(f"{cell.board} ({label})" if label else cell.board)

    return spot


def _shipped(results: Results, ship: Ship) -> Cell | None:
    """At the point it won at; else the fastest of its points, as on the page."""
    cells = [cell for cell in results.cells if (cell.board, cell.variant) == (ship.board, ship.variant)]
    cells = [cell for cell in cells if cell.point_key == ship.point_key] or cells
    return min(cells, key=lambda cell: cell.latency_ms.p50.value or float("inf"), default=None)


def _figures(results: Results, cell: Cell, clock: figures.Clock) -> tuple[str, str, str]:
    """p50, speed against the baseline, and its interval."""
    p50, versus = cell.latency_ms.p50.value, cell.versus_baseline
    latency = "" if p50 is None else figures.plain(clock.write(p50))
    if versus is None or versus.ratio is None:
        return latency, "1.00" if cell.variant == results.run.baseline and p50 is not None else "", ""
    return latency, figures.number(1 / versus.ratio), _span(versus.low, versus.high)


def _score(cell: Cell) -> str:
    return figures.plain(figures.accuracy(cell.accuracy) or "")


def _memory(cell: Cell) -> str:
    peak = cell.peak_rss_bytes.value
    return "" if peak is None else figures.plain(figures.memory(peak))


def _counts(results: Results) -> str:
    numbers = results.counts.model_dump()
    words = ", ".join(f"{numbers[word]} {word}" for word in COUNTED)
    mode = "" if results.run.mode == BURST else f"; mode {results.run.mode}"
    return f"{words}{mode}; smallest effect {figures.plain(promised.both(results.run)) or 'not known'}"


def _effect(results: Results) -> str:
    """Why boards saw less than was promised."""
    reasons = promised.reasons(results)
    more = ["and more boards, in results.json"] if len(reasons) > EFFECTS else []
    told = [escape(figures.plain(text), 1000) for text in reasons[:EFFECTS]]
    return "\n".join(f"- {text}" for text in [*told, *more])


def _fleet(results: Results) -> str:
    """The variants to ship over all boards, in one line; empty where too few boards were measured."""
    winners = {ship.variant for ship in results.ship}
    told = [one for one in results.fleet if one.variant in winners and one.ratio and one.low and one.high]
    if not told:
        return ""
    more = f"; and {len(told) - FLEETS} more" if len(told) > FLEETS else ""
    return f"Over all boards, for reading: {'; '.join(_mean(results, one) for one in told[:FLEETS])}{more}"


def _swept(results: Results) -> str:
    """What each clock of a sweep costs, a line for each variant; empty without one."""
    told = swept.sentences(results)
    more = [f"and {len(told) - SWEPT} more, in results.json"] if len(told) > SWEPT else []
    return "\n".join(f"- {escape(figures.plain(text), 1000)}" for text in [*told[:SWEPT], *more])


def _lasting(results: Results) -> str:
    """The cells that keep least of their speed in heat, in one line; empty where no launch soaked."""
    soaked = [(cell, cell.soak) for cell in results.cells if cell.soak is not None]
    told = sorted(soaked, key=lambda each: each[1].speed_kept.value or 0.0)  # never seen cool: first
    if not told:
        return ""
    more = f"; and {len(told) - LASTING} more, in results.json" if len(told) > LASTING else ""
    return f"Speed kept in heat: {'; '.join(_kept(cell, soak) for cell, soak in told[:LASTING])}{more}"


def _kept(cell: Cell, soak: Soak) -> str:
    kept, throttled_s = soak.speed_kept, soak.time_to_throttle_s.value
    after = "" if kept.after_s is None else f" after {figures.duration(kept.after_s)}"
    share = f"not known ({kept.reason})" if kept.value is None else f"{figures.share(kept.value)}{after}"
    throttled = "" if throttled_s is None else f", throttled after {figures.duration(throttled_s)}"
    return figures.plain(f"{escape(cell.variant)} on {escape(cell.board)} {share}{throttled}")


def _mean(results: Results, one: Fleet) -> str:
    boards = sum(len(unit.boards) for unit in one.units)
    setting = "".join(f", {name} {value}" for name, value in one.setting.items())
    speed = f"{escape(one.variant)} {figures.number(1 / (one.ratio or 1))} x {escape(results.run.baseline)}"
    spans = (_span(one.low, one.high), _span(one.next_low, one.next_high))
    return f"{speed}{escape(setting)} (95 % CI {spans[0]}; next board {spans[1]}; {boards} boards)"


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else figures.speeds(low, high).replace(figures.DASH, " \u2026 ")


def _cell_table(results: Results) -> tuple[Sequence[str], list[Sequence[str]]]:
    clock = figures.clock(results.cells)
    heads = ("board", "variant", "state", "p50", f"x {escape(results.run.baseline)}", "95 % CI", "verdict", "reason")
    several = swept.boards(results)
    spots = _spots(results)
    return heads, [_cell_row(results, cell, clock, several, spots) for cell in results.cells]


def _cell_row(
    results: Results, cell: Cell, clock: figures.Clock, several: frozenset[str], spots: Spots
) -> Sequence[str]:
    versus = cell.versus_baseline if cell.state != "screened_out" else None
    word = "" if versus is None else "provisional" if versus.provisional else versus.verdict
    return (
        spots(cell),
        escape(figures.plain(swept.called(cell, several))),
        cell.state,
        *_figures(results, cell, clock),
        word,
        escape(cell.reason or ""),
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], room_bytes: int) -> str:
    """As many whole rows as there is room for, and how many were left out."""
    if not rows:
        return ""
    lines = [_row(heads), f"|{'---|' * len(heads)}"]
    used = sum(len(line.encode()) + 1 for line in lines) + 60
    for index, row in enumerate(rows):
        line = _row(row)
        used += len(line.encode()) + 1
        if used > room_bytes:
            return "\n".join([*lines, "", f"and {len(rows) - index} more in results.json"])
        lines.append(line)
    return "\n".join(lines)


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def escape(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text that neither Markdown nor HTML takes for its own, on one line."""
    line = " ".join(text.split())
    cut = line if len(line) <= longest else f"{line[: longest - 1]}\u2026"
    return SPECIAL.sub(r"\\\1", harmless(cut).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
