"""Boards measured against themselves: one file under two names, run after run, until a board's own bias is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import calibration
from farm_orchestrator import store as stored
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import PRESETS, SUSTAINED, Json, Recipe
from farm_orchestrator.plan.estimate import launch_s, smallest_effect
from farm_orchestrator.run.look import look
from farm_orchestrator.run.request import Request
from farm_reports.stats.calibration import RUNS
from farm_reports.tables import STOCK, Calibration, Trial

if TYPE_CHECKING:
    from farm_orchestrator.calibration import Itself
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.look import Asked
    from farm_orchestrator.run.request import View

ARMS = ("a", "b")
MISSES = 2  # runs in a row that gave a board nothing


@dataclass(frozen=True)
class Order:
    """What a person asks for. `boards` selects; `runs`: so many more, None: as many as each board lacks.

    `pin`: the clock that is held, None: that of each board.
    """

    boards: str
    variant: Path
    runs: int | None = None
    pin: str | None = None

    def pin_of(self, board: Json) -> str:
        """Where a board has found the clock that it keeps up, its field holds it by then."""
        own = board.get("pin")
        return str((own if self.pin == SUSTAINED else self.pin or own) or STOCK)


@dataclass(frozen=True)
class Talk:
    """How a person hears of it: a view for each run, and a line after it."""

    view: Callable[[], View]
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Sight:
    """The smallest effect that two variants on a board show with so many blocks."""

    preset: str
    blocks: int
    seconds: float
    effect: float | None


class Round:
    """The boards that are still measured. `missed`: runs in a row that gave a board nothing."""

    def __init__(self, order: Order, settings: Settings) -> None:
        asked = _ask(order, settings, 1)
        self.order, self.settings, self.done = order, settings, 0
        self.boards = [str(board["name"]) for board in asked.boards]
        self.pins = {str(board["name"]): order.pin_of(board) for board in asked.boards}
        self.missed = dict.fromkeys(self.boards, 0)

    def open(self) -> list[str]:
        """The boards that the next run measures."""
        if self.order.runs is not None and self.done >= self.order.runs:
            return []
        return [board for board in self.boards if self.missed[board] < MISSES and self._lacks(board)]

    def next(self, boards: Sequence[str]) -> Asked:
        """Of a seed of its own: the blocks of no two runs of a board have the same orders."""
        runs = [run for board in boards for run in stored.read_calibration(self.settings.home, board)]
        asked = _ask(self.order, self.settings, 1 + max((run.seed for run in runs), default=0))
        return replace(asked, boards=tuple(board for board in asked.boards if board["name"] in boards))

    def note(self, boards: Sequence[str], gained: Mapping[str, Trial]) -> None:
        self.done += 1
        self.missed.update({board: 0 if board in gained else self.missed[board] + 1 for board in boards})

    @property
    def short(self) -> list[str]:
        """The boards whose last run gave them nothing."""
        return [board for board in self.boards if self.missed[board]]

    def known(self, board: str) -> Calibration:
        """At the clock that this round holds. Raises StoreError."""
        return held(self.settings, board, self.pins[board])

    def _lacks(self, board: str) -> bool:
        return self.order.runs is not None or self.known(board).runs < RUNS


def calibrate(order: Order, settings: Settings, talk: Talk) -> int:
    """Adds runs to what is known of each board; gives the exit code. Raises UsageError before any board is touched."""
    from farm_orchestrator.run.command import INTERRUPTED, start

    _check_preset(settings)
    round_ = Round(order, settings)
    talk.tell(_announced(round_))
    while boards := round_.open():
        finished = start(round_.next(boards), settings, talk.view())
        if finished.exit_code == INTERRUPTED:
            talk.tell("stopped; every whole run is kept, and the same command goes on")
            return INTERRUPTED
        round_.note(boards, _keep(finished.run, settings, talk.tell))
    return 4 if round_.short else 0


def held(settings: Settings, board: str, pin: str | None = None) -> Calibration:
    """What is known of a board as it was last measured, at this clock or at any. Raises StoreError."""
    found = calibration.figures(stored.read_calibration(settings.home, board))
    return calibration.latest(found if pin is None else calibration.at_pin(found, pin))


def sights(known: Calibration) -> list[Sight]:
    """What a board sees with each preset, in its shortest and its longest comparison of two variants."""
    compared = [recipe for recipe in PRESETS.values() if recipe.compare]
    return [_sight(recipe, blocks, known) for recipe in compared for blocks in (recipe.blocks_min, recipe.blocks_max)]


def _sight(recipe: Recipe, blocks: int, known: Calibration) -> Sight:
    return Sight(recipe.preset, blocks, _run_s(recipe, blocks), smallest_effect(recipe, blocks, board=known))


def _run_s(recipe: Recipe, blocks: int) -> float:
    """Seconds of the timed launches of a run."""
    return len(ARMS) * blocks * launch_s(recipe)


def _check_preset(settings: Settings) -> None:
    if not PRESETS[settings.preset].compare:
        raise UsageError(
            f"preset {settings.preset} compares nothing, so it shows no bias", mend="use --preset quick, ci or standard"
        )


def _announced(round_: Round) -> str:
    """How much there is to do."""
    boards, wanted = round_.open(), round_.order.runs
    if not boards:
        return f"{', '.join(round_.boards)}: {RUNS} runs or more are there; --runs N adds to them"
    runs = wanted or max(RUNS - round_.known(board).runs for board in boards)
    recipe = PRESETS[round_.settings.preset]
    minutes = runs * _run_s(recipe, recipe.blocks_min) / 60
    many = "run" if runs == 1 else "runs"
    return (
        f"{runs} {many} of {round_.order.variant.name} against itself on {', '.join(boards)}, preset {recipe.preset}: "
        f"{minutes:.0f} min or more; each counts once it is whole"
    )


def _ask(order: Order, settings: Settings, seed: int) -> Asked:
    """A run of one file under two names, whatever its directory says."""
    if order.variant.is_dir():
        raise UsageError(f"{order.variant} is a directory", mend="name one .onnx file: it is measured against itself")
    request = Request(
        paths=(order.variant,), boards=order.boards, seed=seed, name="a board against itself", pin=order.pin
    )
    asked = look(request, settings)
    entries = tuple(replace(asked.found.entries[0], name=name) for name in ARMS)
    return replace(asked, found=replace(asked.found, entries=entries, baseline=ARMS[0], assumptions=()))


def _keep(run: str, settings: Settings, tell: Callable[[str], None]) -> dict[str, Trial]:
    """Adds what the run gave each board to what is known of it."""
    from farm_orchestrator import tabled
    from farm_reports.judge.itself import trials

    with stored.Store.open(settings.store) as store:
        found = tabled.read(store, run)
    outcomes = trials(tabled.tables(found, {}, {}))
    for row in found.parts:
        outcome = outcomes.get(row.part.name, row.ended or "it was not measured")
        if isinstance(outcome, str):
            tell(f"{row.part.name}: run {run} does not count: {row.ended or outcome}")
        else:
            of = calibration.facts(row.part.board, row.facts)
            made, pin = found.run, row.part.points[0].pin
            one = calibration.Itself(run, made.created, made.recipe.preset, made.seed, of, outcome, pin)
            tell(_told(row.part.name, one, stored.add_calibration(settings.home, row.part.name, one)))
    return {board: outcome for board, outcome in outcomes.items() if isinstance(outcome, Trial)}


def _told(board: str, one: Itself, runs: Sequence[Itself]) -> str:
    """Where the board is another one by now, the earlier runs no longer count, and why."""
    same = [run for run in runs if run.like(one)]
    text = f"{board}: {len(same)} of {RUNS} runs, this one shows {one.trial.estimate:+.2%}"
    before = next((run for run in reversed(runs) if run.of != one.of), None) if len(same) == 1 else None
    return f"{text}\n  {calibration.refusal(before.of, one.of)}" if before else text
