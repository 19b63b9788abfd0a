"""The top of the page: which run this is, and the strips that must stand on every copy of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from farm_reports.meanings import BURST
from farm_reports.results import Cell, Git, Run
from farm_reports.sections.view import View
from farm_reports.sections.words import counted, listed

SHA_SHOWN = 10
QUEUE_MIN = 1.5  # minutes in the queue that are worth a word


@dataclass(frozen=True)
class Strip:
    word: str
    text: str


@dataclass(frozen=True)
class Header:
    title: str
    id: str
    against: str
    git: str | None
    dirty: bool
    facts: tuple[str, ...]
    strips: tuple[Strip, ...]


def header(view: View) -> Header:
    run = view.results.run
    return Header(
        title=run.name or f"{counted(len(view.results.variants), 'variant')} on {_boards(view)}",
        id=run.id,
        against=_against(view),
        git=_sha(run.git),
        dirty=run.git is not None and run.git.dirty,
        facts=tuple(filter(None, (
            _boards(view) if run.name else None,
            counted(len(view.results.variants), "variant") if run.name else None,
            effort(view.measured()),
            f"preset {run.preset}, {run.mode}",
            moment(run.created),
            waited(run),
        ))),
        strips=tuple(strips(view)),
    )  # fmt: skip


def waited(run: Run) -> str | None:
    """How long the run was in the queue, where that was long; no time that is told elsewhere counts it."""
    if run.started is None:
        return None
    minutes = (datetime.fromisoformat(run.started) - datetime.fromisoformat(run.created)).total_seconds() / 60
    return f"{counted(round(minutes), 'minute')} in the queue" if minutes >= QUEUE_MIN else None


def _against(view: View) -> str:
    """Who the earlier run was; empty without one."""
    past = view.results.past
    if past is None:
        return ""
    return ", ".join(filter(None, (past.name, past.sha and past.sha[:SHA_SHOWN], moment(past.created))))


def _boards(view: View) -> str:
    return counted(len(view.results.boards), "board")


def _sha(git: Git | None) -> str | None:
    return git.sha[:SHA_SHOWN] if git else None


def effort(cells: Iterable[Cell]) -> str:
    """Launches and iterations of a cell, as a range where they differ."""
    measured = list(cells)
    if not measured:
        return "nothing measured"
    launches = _range([cell.launches.valid for cell in measured])
    iterations = _range([cell.iterations for cell in measured])
    return f"{launches} launch{'' if launches == '1' else 'es'}, {iterations} iterations per cell"


def _range(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def moment(stamp: str) -> str:
    """A time of RFC 3339 in UTC; as it is when it is none."""
    try:
        parsed = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{parsed.astimezone(UTC):%d %b %Y, %H:%M} UTC".lstrip("0")


def strips(view: View) -> Iterable[Strip]:
    results = view.results
    if view.excerpt:
        yield Strip("Excerpt", _excerpt(view))
    if view.partial:
        yield Strip("Partial", "The run is not complete: every figure is provisional, and no verdict is taken early.")
    if results.run.mode != BURST:
        yield Strip(
            results.run.mode.capitalize(), "Timed under its own heat: no figure here compares with one of a burst."
        )
    if results.run.synthetic:
        yield Strip("Synthetic", "These figures come from a stand-in load, not from a model.")
    lab = [board.name for board in results.boards if board.lab]
    if lab:
        every = len(lab) == len(results.boards)
        where = "All boards are" if every and len(lab) > 1 else f"{listed(lab)} {'is' if len(lab) == 1 else 'are'}"
        yield Strip("Lab", f"{where} virtual: this says nothing about a physical board.")


def _excerpt(view: View) -> str:
    """The verdict is never one of some boards: nobody took it for them alone."""
    whole, only = view.excerpt.of, view.excerpt.only
    shown = (
        f"{len(view.results.boards)} of {counted(len(whole), 'board')} shown" if whole else "",
        f"only the section{'s' if len(only) > 1 else ''} {listed(only)}" if only else "",
    )
    told = ", ".join(filter(None, shown))
    word = "The run is not complete" if view.partial else f"The verdict of the whole run is {view.results.verdict}"
    rest = "; its counts and gates are those of all boards" if whole else ""
    return f"{told[:1].upper()}{told[1:]}. {word}{rest}."
