"""The clock that a board keeps up, found by soaks from its highest one down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import SUSTAINED, Json, Phase, State
from farm_orchestrator.plan import Wish, duration, mhz
from farm_orchestrator.plan.sustaining import Shown, Sustained, identity, next_khz, recipe, shown
from farm_orchestrator.run import clocks, look
from farm_orchestrator.run.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.calibrate import Talk
    from farm_orchestrator.run.look import Asked

NOT_MEASURED = "it was not measured"


@dataclass(frozen=True)
class Soaks:
    """What a person asks for. `boards` selects."""

    boards: str
    variant: Path
    soak_s: float


@dataclass(frozen=True)
class Search:
    """On one board. `ladder`: its clocks in kHz, ascending; `tried`: every soak so far."""

    board: Json
    of: Json
    ladder: tuple[int, ...]
    tried: tuple[Shown, ...] = field(default=())

    @property
    def name(self) -> str:
        return str(self.board["name"])

    @property
    def khz(self) -> int | None:
        """The next to be soaked."""
        return next_khz(self.ladder, self.tried)


@dataclass(frozen=True)
class Outcome:
    """The exit code, and what was found, by board."""

    code: int
    found: Mapping[str, Sustained]


def sustain(soaks: Soaks, settings: Settings, talk: Talk) -> Outcome:
    """Finds and keeps the clock of each board. Raises UsageError before any board is touched."""
    from farm_orchestrator.run.command import INTERRUPTED, start

    asked = _ask(soaks, settings)
    searches = _searches(asked, settings, talk.tell)
    found: dict[str, Sustained] = {}
    while going := [search for search in searches if search.khz is not None]:
        talk.tell(_announced(going, soaks))
        finished = start(_round(asked, going, soaks), settings, talk.view())
        if finished.exit_code == INTERRUPTED:
            talk.tell("stopped; what was found for other boards is kept")
            return Outcome(INTERRUPTED, found)
        searches = _heard(going, finished.run, settings)
        for search in searches:
            talk.tell(_told(search))
        found |= _kept(searches, soaks, finished.run, settings)
    return Outcome(0 if len(found) == len(asked.boards) else 4, found)


def _ask(soaks: Soaks, settings: Settings) -> Asked:
    if soaks.variant.is_dir():
        raise UsageError(f"{soaks.variant} is a directory", mend="name one .onnx file: it is what the board works on")
    return look.look(Request(paths=(soaks.variant,), boards=soaks.boards, pin="max", name="soaks of boards"), settings)


def _searches(asked: Asked, settings: Settings, tell: Callable[[str], None]) -> list[Search]:
    """Of the boards that can be held at a clock."""
    found = []
    for board, said in zip(asked.boards, clocks.answers(asked.boards, settings), strict=True):
        ladder = clocks.ladder(said)
        if ladder.reason is not None:
            tell(f"{board['name']}: {ladder.reason}")
        else:
            found.append(Search(board, identity(board, said if isinstance(said, dict) else {}), ladder.khz))
    return found


def _round(asked: Asked, going: Sequence[Search], soaks: Soaks) -> Asked:
    """Each board at its own next clock."""
    pins = {search.name: (str(search.khz),) for search in going}
    wish = Wish(recipe(soaks.soak_s), asked.wishes[0].limits, mode=SUSTAINED, pins=pins)
    return replace(asked, boards=tuple(search.board for search in going), wishes=(wish,), known={})


def _announced(going: Sequence[Search], soaks: Soaks) -> str:
    each = ", ".join(f"{search.name} at {mhz(search.khz or 0)} MHz" for search in going)
    return f"{duration(soaks.soak_s)} of {soaks.variant.name}: {each}"


def _heard(going: Sequence[Search], run: str, settings: Settings) -> list[Search]:
    """With what the soak of each board shows."""
    with stored.Store.open(settings.store) as store:
        rows = [row for row in stored.launches(store, run) if row.phase == Phase.MEASURE]
    facts = {row.board: row.facts for row in rows if row.state in {State.DONE, State.REJECTED}}
    return [replace(search, tried=(*search.tried, _shown(search, facts.get(search.name)))) for search in going]


def _shown(search: Search, facts: Json | None) -> Shown:
    khz = search.khz or 0
    return Shown(khz, kept=None, why=NOT_MEASURED) if facts is None else shown(khz, facts)


def _told(search: Search) -> str:
    last = search.tried[-1]
    end = "" if search.khz else "; no clock was found"
    return f"{search.name} at {mhz(last.khz)} MHz: {'kept' if last.kept else f'{last.why}{end}'}"


def _kept(searches: Sequence[Search], soaks: Soaks, run: str, settings: Settings) -> dict[str, Sustained]:
    """What this run found, by then written down."""
    found = {
        search.name: Sustained(search.tried[-1].khz, soaks.soak_s, search.of, run, search.tried)
        for search in searches
        if search.tried[-1].kept
    }
    for name, one in found.items():
        stored.write_sustained(settings.home, name, one)
    return found
