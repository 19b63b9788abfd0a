"""`farm doctor`: what stands in the way of a run, and the command that mends it."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli.boards import INVENTORY, JSON
from farm_orchestrator.errors import FarmError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from farm_orchestrator.config import Settings
    from farm_orchestrator.doctor import Finding
    from farm_orchestrator.model import Json

INFRASTRUCTURE = 4
WIDEST = 100  # of prose, however wide the window is
SHORT = 3  # more boards than these are told by what is wrong with them
STYLES = {"ok": "green", "warning": "yellow", "fault": "bold red"}
COMMAND = r"`[^`]*`|(?<=run: )[^;(]+"
TIE = "\u2060"  # no white space to textwrap
CHECK = 11  # columns of a check's name
INDENT = 11  # of what is below it


@dataclass(frozen=True)
class Group:
    """What was found of one subject; `brief`: told by what is wrong with it."""

    found: list[Finding]
    brief: bool = False


@click.command()
@click.argument("boards", nargs=-1, metavar="[BOARD]...")
@INVENTORY
@click.option(
    "--sampler-cost", is_flag=True, help="Measure what reading clocks and heat costs a launch; takes minutes."
)
@JSON
def doctor(boards: tuple[str, ...], inventory: Path | None, *, sampler_cost: bool, as_json: bool) -> int:
    """Say what stands in the way of a run, on this machine and on the boards; exit 4 on a fault.

    BOARD is as in `farm run --boards`; without one every board of the inventory is looked at. Nothing is changed
    anywhere. A warning does not change the exit code. With --sampler-cost nothing is looked at: the boards that are named,
    or this machine, run some forty short launches, with the sampler and without it in turns.
    """
    from farm_orchestrator.doctor import State

    select = ",".join(boards) or None
    groups = _cost(select, inventory) if sampler_cost else _look(select, inventory)
    found = _print_json(groups) if as_json else _print(groups)
    return INFRASTRUCTURE if any(each.state == State.FAULT for each in found) else 0


def _look(select: str | None, inventory: Path | None) -> Iterator[Group]:
    """First this machine, then each board. A file that cannot be read is a finding; a BOARD nobody knows is not."""
    from farm_orchestrator import config
    from farm_orchestrator.doctor import farm_facts, of_boards, of_farm

    began = time.time(), time.monotonic()
    try:
        settings = config.load(inventory=inventory)
    except UsageError as error:
        yield Group(of_farm(farm_facts.look(error, (), began)))
        return
    listed = _listed(settings, select)
    yield Group(of_farm(farm_facts.look(settings, listed, began)))
    if not isinstance(listed, FarmError):
        yield from (Group(found, len(listed) > SHORT) for found in of_boards(listed, settings.home))


def _cost(select: str | None, inventory: Path | None) -> Iterator[Group]:
    """Of the boards that are named, one after the other; without a name of this machine."""
    from farm_orchestrator import config
    from farm_orchestrator.doctor import sampler_cost

    settings = config.load(inventory=inventory)
    chosen = settings if select is not None else replace(settings, inventory=None)
    for board in config.boards(chosen, select):
        yield Group([sampler_cost.look(board.to_json(), settings.home)])


def _listed(settings: Settings, select: str | None) -> tuple[Json, ...] | FarmError:
    """Raises UsageError where `select` is wrong; where the inventory is, that is the answer."""
    from farm_orchestrator import config

    if settings.inventory is not None:
        try:
            config.boards(settings)
        except UsageError as error:
            return error
    return tuple(board.to_json() for board in config.boards(settings, select))


def _print_json(groups: Iterable[Group]) -> list[Finding]:
    import json

    found = [each for group in groups for each in group.found]
    click.echo(json.dumps([each.to_json() for each in found], indent=2, ensure_ascii=False))
    return found


def _print(groups: Iterable[Group]) -> list[Finding]:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    with console.status("looking ..."):
        return tell(console, groups)


def tell(console: Console, groups: Iterable[Group]) -> list[Finding]:
    """Each subject as soon as it is known, then the sum."""
    found: list[Finding] = []
    for group in groups:
        found += group.found
        if group.found:
            _subject(console, group)
    _sum_up(console, found)
    return found


def _subject(console: Console, group: Group) -> None:
    from rich.text import Text

    from farm_orchestrator.doctor import State
    from farm_orchestrator.doctor.amounts import counted

    console.print(Text(group.found[0].subject, "bold"))
    for each in group.found:
        if not (group.brief and each.state == State.OK):
            _finding(console, each)
    well = [each.check for each in group.found if each.state == State.OK]
    if group.brief and well:
        _line(console, "ok", counted(len(well), "check"), ", ".join(well))
    console.print()


def _finding(console: Console, each: Finding) -> None:
    first, *rest = each.what.splitlines()
    _line(console, each.state, each.check, first)
    for line in rest:  # an excerpt of a file: its caret must stay where it is
        _raw(console, " " * INDENT + line, "")
    for text, style, sign in ((each.why, "dim", "  "), (each.mend, "cyan", "→ ")):
        for number, line in enumerate((text or "").splitlines()):
            _words(console, line, style, "  " if number else sign)


def _line(console: Console, state: str, check: str, what: str) -> None:
    from rich.text import Text

    head = f"  {state:<7}  "
    lines = _wrap(console, f"{check:<{CHECK}} {what}", len(head), " " * (CHECK + 1))
    console.print(Text.assemble((head, STYLES[state]), lines[0]), soft_wrap=True)
    for line in lines[1:]:
        console.print(Text(" " * len(head) + line), soft_wrap=True)


def _raw(console: Console, line: str, style: str) -> None:
    from rich.text import Text

    from farm_orchestrator.cli.progress import plain

    console.print(Text(plain(line), style), soft_wrap=True)


def _words(console: Console, text: str, style: str, sign: str) -> None:
    for number, line in enumerate(_wrap(console, text, INDENT + len(sign), "")):
        _raw(console, " " * INDENT + (" " * len(sign) if number else sign) + line, style)


def _wrap(console: Console, text: str, indent: int, hang: str) -> list[str]:
    """A word that is too long, or a command, stays whole, to be copied."""
    from farm_orchestrator.cli.progress import plain

    width = min(console.width, WIDEST) - indent
    whole = re.sub(COMMAND, lambda command: command[0].replace(" ", TIE), plain(text))
    found = textwrap.wrap(whole, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    return [line.replace(TIE, " ") for line in found] or [""]


def _sum_up(console: Console, found: Sequence[Finding]) -> None:
    """`1 fault, 2 warnings, 30 ok`, in the colour of the worst."""
    from rich.text import Text

    from farm_orchestrator.doctor import State
    from farm_orchestrator.doctor.amounts import counted

    counts = {state: sum(each.state == state for each in found) for state in (State.FAULT, State.WARNING, State.OK)}
    words = [f"{count} ok" if state == State.OK else counted(count, state) for state, count in counts.items()]
    worst = next((state for state, count in counts.items() if count), State.OK)
    console.print(Text(", ".join(words), STYLES[worst]))
