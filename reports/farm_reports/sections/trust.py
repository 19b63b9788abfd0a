"""How far to trust this run: the boards, what differs between them, what was dropped, what was doubted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farm_reports import figures, swept
from farm_reports.findings import Name
from farm_reports.meanings import MODE
from farm_reports.results import Board, Cell
from farm_reports.sections import calibration, confirmation, effect, power
from farm_reports.sections.view import Section, View, shows
from farm_reports.sections.words import anchor, counted, grouped, listed, spoken
from farm_reports.tables import STOCK

FACTS = ("model", "arch", "kernel", "python", "onnxruntime")
FIELDS = {"model": "Model", "arch": "Arch", "kernel": "Kernel", "python": "Python", "onnxruntime": "onnxruntime"}
COMPARED = ("arch", "kernel", "python", "onnxruntime")
FINDINGS = 40


@dataclass(frozen=True)
class Fact:
    """A value of the board table; `odd` where fewer boards have it than another value."""

    name: str
    text: str
    odd: bool


@dataclass(frozen=True)
class BoardRow:
    name: str
    note: str
    facts: tuple[Fact, ...]
    clocks: str
    launches: str


@dataclass(frozen=True)
class Doubt:
    """One finding, the cells that carry it, and what was seen in each of them: (cells, text)."""

    name: str
    anchor: str
    do: str
    where: str
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Missing:
    what: str
    why: str


@dataclass(frozen=True)
class Trust:
    columns: tuple[str, ...]
    boards: tuple[BoardRow, ...]
    rest: tuple[BoardRow, ...]
    statements: tuple[tuple[str, str], ...]
    differences: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    more_doubts: int
    missing: tuple[Missing, ...]


def trust(view: View) -> Section:
    doubts = _doubts(view)
    boards = [_board(view, board) for board in view.results.boards]
    body = Trust(
        columns=tuple(FIELDS.values()),
        boards=tuple(boards[:FINDINGS]),
        rest=tuple(boards[FINDINGS:]),
        statements=tuple(_statements(view)),
        differences=tuple(filter(None, (differs(view.results.boards, name) for name in COMPARED))),
        doubts=tuple(doubts[:FINDINGS]),
        more_doubts=max(len(doubts) - FINDINGS, 0),
        missing=tuple(_missing(view)),
    )
    return Section("trust", "Trust", "How far to trust this run", "", body)


def _statements(view: View) -> Iterator[tuple[str, str]]:
    """Name and text, in the order in which a sceptic asks."""
    mode = view.results.run.mode
    if mode in MODE:
        yield "Mode", f"{mode}: {MODE[mode]}"
    if view.compared:
        yield from (("Smallest effect", text) for text in effect.statements(view.results))
        yield from (("Calibration", text) for text in calibration.statements(view.results.boards))
        yield (
            "Unit",
            "Intervals come from launches, each a fresh process, paired in blocks with the baseline; never from iterations.",
        )
        yield from (("Confirmation", text) for text in confirmation.statements(view.results))
    if view.results.run.memory_limit is not None:
        yield "Memory", _limited(view.results.run.memory_limit, view.results.cells)
    yield from (("Energy", text) for text in power.statements(view))
    yield "Launches", _launches(view.results.cells)
    yield "Clocks", _clocks(view.results.boards)


def _limited(limit: int, cells: Sequence[Cell]) -> str:
    text = f"A launch that took more than {figures.memory(limit)} was ended (--memory-limit)"
    free = sorted({cell.board for cell in cells for found in cell.findings if found.name == Name.MEMORY_NOT_LIMITED})
    return f"{text}, but not on {listed(free)}, which could not do that." if free else f"{text}."


def _launches(cells: Sequence[Cell]) -> str:
    valid, dropped, lost = (
        sum(getattr(cell.launches, name) for cell in cells) for name in ("valid", "dropped", "lost")
    )
    text = f"{valid:,} valid, {dropped:,} dropped, {lost:,} lost."
    if dropped:
        worst = max(cells, key=lambda cell: cell.launches.dropped)
        text += f" Most were dropped for {worst.variant} on {worst.board}: {worst.launches.dropped}."
    if lost:
        text += " Lost launches are owed again with their block and never count against a variant."
    return text


def _clocks(boards: Sequence[Board]) -> str:
    held = sum(board.pin.held for board in boards if board.pin.wanted != STOCK)
    pinned = sum(board.pin.wanted != STOCK for board in boards)
    if not pinned:
        return "Observed, not set: the boards ran as they were found."
    return f"Held on {held} of {counted(pinned, 'board that was pinned', 'boards that were pinned')}."


def _board(view: View, board: Board) -> BoardRow:
    launches = [cell.launches for cell in view.results.cells if cell.board == board.name]
    return BoardRow(
        name=board.name,
        note=board.reason or ("virtual" if board.lab else ""),
        facts=tuple(_fact(view.results.boards, board, name) for name in FACTS),
        clocks=_pin(board),
        launches=" / ".join(
            f"{sum(getattr(one, name) for one in launches):,}" for name in ("valid", "dropped", "lost")
        ),
    )


def _pin(board: Board) -> str:
    """Clocks in GHz, and of the ones that were to be held whether they were."""
    wanted = ", ".join(swept.clock(int(pin)) if pin.isdecimal() else pin for pin in board.pin.wanted.split(", "))
    if board.pin.wanted == STOCK:
        return wanted
    if board.pin.held:
        return f"{wanted}; {board.pin.reason}" if board.pin.reason else wanted
    return f"{wanted}, not held" + (f": {board.pin.reason}" if board.pin.reason else "")


def _fact(boards: Sequence[Board], board: Board, name: str) -> Fact:
    value = getattr(board, name)
    values = [getattr(other, name) for other in boards if getattr(other, name)]
    most = max(values.count(other) for other in values) if values else 0
    odd = name in COMPARED and value is not None and values.count(value) < most
    return Fact(name, value or figures.DASH, odd)


def differs(boards: Sequence[Board], name: str) -> str | None:
    """The sentence on a fact that is not the same on all boards; comparisons stay within a board all the same."""
    groups = grouped((getattr(board, name), board.name) for board in boards if getattr(board, name))
    if len(groups) < 2:
        return None
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    parts = [f"{value} on {_where(members)}" for value, members in largest[:4]]
    more = f" and {counted(len(largest) - 4, 'other')}" if len(largest) > 4 else ""
    return f"{FIELDS[name]} differs between boards: {', '.join(parts)}{more}."


def _where(members: Sequence[str]) -> str:
    return members[0] if len(members) == 1 else f"{len(members)} boards"


def _doubts(view: View) -> list[Doubt]:
    """Every finding once, with what was seen where; those of the run first."""
    seen: dict[tuple[str, str], dict[str, list[str]]] = {}
    for finding in view.results.findings:
        seen.setdefault((finding.name, finding.do), {}).setdefault(finding.text, [])
    for cell in view.results.cells:
        for finding in cell.findings:
            texts = seen.setdefault((finding.name, finding.do), {})
            texts.setdefault(finding.text, []).append(f"{cell.variant} on {cell.board}")
    return [_doubt(name, do, texts) for (name, do), texts in seen.items()]


def _doubt(name: str, do: str, texts: dict[str, list[str]]) -> Doubt:
    everywhere = dict.fromkeys(cell for cells in texts.values() for cell in cells)
    notes = tuple((listed(dict.fromkeys(cells), 4), text) for text, cells in texts.items())
    return Doubt(name, anchor(name), do, listed(everywhere, 4), notes)


def _missing(view: View) -> Iterator[Missing]:
    """What has no figure, by its reason: cells that did not run, then metrics without a source."""
    states = grouped(
        (f"{spoken(cell.state)}: {cell.reason}", f"{cell.variant} on {cell.board}")
        for cell in view.results.cells
        if not shows(cell) and cell.reason
    )
    for reason, cells in states.items():
        yield Missing(listed(cells, 3), reason)
    energy = grouped(
        (cell.energy_mj.reason, cell.board)
        for cell in view.measured()
        if cell.energy_mj.value is None and cell.energy_mj.reason
    )
    for reason, boards in energy.items():
        yield Missing("Energy" if len(boards) == len(view.results.boards) else f"Energy on {listed(boards, 3)}", reason)
