"""How far to trust this run: the boards, what differs between them, what was dropped, what was doubted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farm_reports import figures, swept
from farm_reports.findings import Name
from farm_reports.meanings import MODE
from farm_reports.results import Board, Cell
from farm_reports.sections import calibration, confirmation, effect, power
from farm_reports.sections.against_itself import Against, against_itself
from farm_reports.sections.availability import Fleet, availability
from farm_reports.sections.heat import unread
from farm_reports.sections.missing import Missing, missing
from farm_reports.sections.view import Section, View
from farm_reports.sections.words import anchor, counted, grouped, listed
from farm_reports.tables import STOCK

FIELDS = {
    "model": "Model", "arch": "Arch", "kernel": "Kernel", "python": "Python", "onnxruntime": "onnxruntime",
    "governor": "Governor",
}  # fmt: skip
COMPARED = {**{name: FIELDS[name] for name in FIELDS if name != "model"}, "pin": "The clock that was asked for"}
KEPT = frozenset({"Python"})  # names that keep their capital inside a sentence
FINDINGS = 40
UNDOUBTED = "No doubt was raised about any figure."
NOTES = 50  # of one finding; results.json has them all


@dataclass(frozen=True)
class Fact:
    """A value of the board table; `odd` where most boards have another one."""

    name: str
    text: str
    odd: bool


@dataclass(frozen=True)
class BoardRow:
    name: str
    note: str
    facts: tuple[Fact, ...]
    clocks: Fact
    launches: str


@dataclass(frozen=True)
class Doubt:
    """One finding, the cells that carry it, and what was seen in each of them: (cells, text). `unnoted`: not told here."""

    name: str
    anchor: str
    do: str
    where: str
    notes: tuple[tuple[str, str], ...]
    unnoted: int


@dataclass(frozen=True)
class Trust:
    columns: tuple[str, ...]
    boards: tuple[BoardRow, ...]
    rest: tuple[BoardRow, ...]
    statements: tuple[tuple[str, str], ...]
    differences: tuple[str, ...]
    alike: str
    itself: Against | None
    undoubted: str
    doubts: tuple[Doubt, ...]
    more_doubts: int
    missing: tuple[Missing, ...]
    away: Fleet | None


def trust(view: View) -> Section:
    doubts = _doubts(view)
    boards = [_board(view, board) for board in view.results.boards]
    body = Trust(
        columns=tuple(FIELDS.values()),
        boards=tuple(boards[:FINDINGS]),
        rest=tuple(boards[FINDINGS:]),
        statements=tuple(_statements(view)),
        differences=tuple(filter(None, (differs(view.results.boards, name) for name in COMPARED))),
        alike=_alike(view.results.boards),
        undoubted=UNDOUBTED if any(view.measured()) else "There is no figure to doubt: nothing was measured.",
        doubts=tuple(doubts[:FINDINGS]),
        more_doubts=max(len(doubts) - FINDINGS, 0),
        itself=against_itself(view) if view.compared else None,
        missing=(*missing(view), *unread(view)),
        away=availability(view),
    )
    return Section("trust", "Trust", "How far to trust this run", _lede(view, len(doubts)), body)


def _lede(view: View, doubts: int) -> str:
    """From which change on this run sees one, what is known of the boards, and whether anything was doubted."""
    if not any(view.measured()):
        return "Nothing was measured, so there is no figure to trust."
    doubted = f"{counted(doubts, 'finding')} to know of" if doubts else "no doubt was raised"
    sees = view.results.run.smallest_effect
    if not view.compared or sees is None:
        return f"{doubted[0].upper()}{doubted[1:]}."
    return f"Changes from {figures.share(sees)} on could be seen; {_calibrated(view.results.boards)}; {doubted}."


def _calibrated(boards: Sequence[Board]) -> str:
    known = sum(calibration.floor(board) is not None for board in boards)
    if len(boards) == 1:
        return f"{boards[0].name} is {'' if known else 'not '}calibrated"
    if known in {0, len(boards)}:
        return f"{'every' if known else 'no'} board is calibrated"
    return f"{known} of {len(boards)} boards {'is' if known == 1 else 'are'} calibrated"


def _statements(view: View) -> Iterator[tuple[str, str]]:
    """Name and text, in the order in which a sceptic asks; without a launch there is nothing to say of how they ran."""
    mode, ran = view.results.run.mode, any(cell.launches.valid for cell in view.results.cells)
    if mode in MODE and ran:
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
    if ran:
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
        them = "the board ran as it was" if len(boards) == 1 else "the boards ran as they were"
        return f"Observed, not set: {them} found."
    return f"Held throughout on {held} of {counted(pinned, 'board that was pinned', 'boards that were pinned')}."


def _board(view: View, board: Board) -> BoardRow:
    launches = [cell.launches for cell in view.by_board.get(board.name, [])]
    return BoardRow(
        name=board.name,
        note=board.reason or ("virtual" if board.lab else ""),
        facts=tuple(_fact(view.results.boards, board, name) for name in FIELDS),
        clocks=Fact("pin", _pin(board), _fact(view.results.boards, board, "pin").odd),
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
    value = _value(board, name)
    values = [told for other in boards if (told := _value(other, name))]
    most = max(values.count(other) for other in values) if values else 0
    odd = name in COMPARED and value is not None and values.count(value) < most and most * 2 > len(values)
    return Fact(name, value or figures.DASH, odd)


def _value(board: Board, name: str) -> str | None:
    told: str | None = board.pin.wanted if name == "pin" else getattr(board, name)
    return told


def differs(boards: Sequence[Board], name: str) -> str | None:
    """The sentence on a fact that is not the same on all boards; comparisons stay within a board all the same."""
    groups = grouped((value, board.name) for board in boards if (value := _value(board, name)))
    if len(groups) < 2:
        return None
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    parts = [f"{value} on {_where(members)}" for value, members in largest[:4]]
    more = f" and {counted(len(largest) - 4, 'other')}" if len(largest) > 4 else ""
    return f"{COMPARED[name]} differs between boards: {', '.join(parts)}{more}."


def _alike(boards: Sequence[Board]) -> str:
    """Of the facts that are known, where none differs; a fact that nobody told is not called the same."""
    if len(boards) < 2:
        return "Comparisons stay within this board."
    known = [COMPARED[name] for name in COMPARED if all(_value(board, name) for board in boards)]
    if not known or all(board.reason for board in boards):
        return "Nothing is known of these boards: none of them answered."
    names = [name if name in KEPT else f"{name[0].lower()}{name[1:]}" for name in known]
    return f"The same on all boards: {listed(names, len(names))}."


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
            texts.setdefault(finding.text, []).append(_cell(view, cell))
    return [_doubt(name, do, texts) for (name, do), texts in seen.items()]


def _cell(view: View, cell: Cell) -> str:
    return f"{cell.variant} on {cell.board}" if len(view.results.boards) > 1 else cell.variant


def _doubt(name: str, do: str, texts: dict[str, list[str]]) -> Doubt:
    everywhere = dict.fromkeys(cell for cells in texts.values() for cell in cells)
    notes = tuple((listed(dict.fromkeys(cells), 4), text) for text, cells in list(texts.items())[:NOTES])
    return Doubt(name, anchor(name), do, listed(everywhere, 4), notes, len(texts) - len(notes))
