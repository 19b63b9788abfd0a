"""What is wrong with a request, as far as it shows without opening a model, starting a worker or reaching a board."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import PRESETS, SUSTAINED, Json, Limits, recipe_of
from farm_orchestrator.plan import TRIED, Wish, possible, sweeps, tried
from farm_orchestrator.run.choosing import choose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm_orchestrator.config import Settings
    from farm_orchestrator.plan import Known, Steps
    from farm_orchestrator.plan.sustaining import Sustained
    from farm_orchestrator.run.against import Kept
    from farm_orchestrator.run.request import Request
    from farm_orchestrator.variants import VariantSet


@dataclass(frozen=True)
class Asked:
    """A request that nothing speaks against yet. `boards`: as the inventory has them; `found`: files not yet opened.

    `wishes`: one, or with a time given one at each preset that can reach a verdict: the first that fits is measured.
    `known`: what each board showed when it was measured against itself. `steps`: the clocks of each board, where a run
    sweeps them and has asked the boards; `sustained`: the clock that was found for a board, where the run wants that.
    `past`: what is stored of the past that it is asked about. `chosen`: how the boards were, where any so many would do.
    """

    request: Request
    found: VariantSet
    boards: tuple[Json, ...]
    wishes: tuple[Wish, ...]
    known: Known
    steps: Mapping[str, Steps] = field(default_factory=dict)
    sustained: Mapping[str, Sustained] = field(default_factory=dict)
    past: Kept | None = None
    chosen: tuple[str, ...] = ()


def look(request: Request, settings: Settings, *, hold: bool = True) -> Asked:
    """Raises UsageError for whatever a person can mend in the command, the inventory or the directory.

    `hold`: boards of which any so many will do are held for this run, for as long as it takes to begin.
    """
    from farm_orchestrator import variants

    found = variants.load(request.paths, request.baseline)
    selected, chosen = choose(settings, request.boards, hold=hold)
    boards = tuple(board.to_json() for board in selected)
    _check_boards(request, boards, settings)
    _check_past(request, settings)
    boards, sustained = _sustained(request.pin, boards, settings)
    wishes = possible(
        _wish(request, budgeted(found.limits, request, settings)), _presets(request, settings), boards, [entry.name for entry in found.entries],
        found.baseline,
    )  # fmt: skip
    names = [entry.name for entry in found.entries]
    return Asked(
        request, found, boards, tuple(wishes), _known(settings, boards), sustained=sustained,
        past=_past(request, settings, boards, names), chosen=chosen,
    )  # fmt: skip


def budgeted(limits: Limits, request: Request, settings: Settings) -> Limits:
    """With the budgets of the command line over those of variants.yaml, and these over those of farm.yaml."""
    given = {f"budgets.{metric}" for metric in request.budgets}
    lines = {name: line for name, line in limits.lines.items() if name not in given}
    return replace(limits, budgets={**settings.budgets, **limits.budgets, **request.budgets}, lines=lines)


def _past(request: Request, settings: Settings, boards: Sequence[Json], names: Sequence[str]) -> Kept | None:
    if request.against is None and not request.changed:
        return None
    from farm_orchestrator.run import against  # the store, heavier than whatever could be wrong with the request

    return against.read(request, settings, boards, names)


def _check_past(request: Request, settings: Settings) -> None:
    if request.budgets and request.against is None:
        raise UsageError(
            "--budget says how much worse than its past a variant may be, and no past is named",
            mend="add --against RUN or --against last-good; what a variant must meet stands under limits: in variants.yaml",
        )
    if request.against is not None and not PRESETS[settings.preset].compare:
        raise UsageError(
            f"preset {settings.preset} has one launch a variant, so nothing can be held against its past",
            mend="leave --against out, or use --preset quick, ci or standard",
        )
    if sweeps(request.pin) and (request.against is not None or request.changed):
        name = "--against" if request.against is not None else "--changed"
        raise UsageError(
            f"{name} and --pin {request.pin}: a past is asked about at one clock of each board",
            mend="name one clock (--pin max, or in kHz), or leave one of the two out",
        )


def _sustained(
    pin: str | None, boards: tuple[Json, ...], settings: Settings
) -> tuple[tuple[Json, ...], Mapping[str, Sustained]]:
    """The boards at the clocks that were found for them, where those are wanted."""
    if SUSTAINED not in (pin, *(board.get("pin") for board in boards)):
        return boards, {}
    from farm_orchestrator.run import kept  # the store, heavier than whatever could be wrong with the request

    found = kept.kept(boards, pin, settings.home)
    return kept.pinned(boards, found), found


def _known(settings: Settings, boards: Sequence[Json]) -> Known:
    from farm_orchestrator import store  # heavier than whatever could be wrong with the request

    return store.calibrations(settings.home, [str(board["name"]) for board in boards])


def _wish(request: Request, limits: Limits) -> Wish:
    """At whichever preset."""
    return Wish(
        recipe_of(TRIED[0], request.mode), limits, request.max_blocks, request.threads, request.pace_hz,
        request.time_s, request.until, request.mode, None if request.pin == SUSTAINED else request.pin,
        request.memory_limit, profile=request.profile,
    )  # fmt: skip


def _presets(request: Request, settings: Settings) -> tuple[str, ...]:
    """Raises UsageError for a preset that the mode does not have."""
    of_mode = tried(request.mode)
    if request.timed and request.preset is None:
        return of_mode
    if of_mode != TRIED and settings.preset not in of_mode:
        raise UsageError(
            f"--mode {request.mode} and preset {settings.preset}: each launch soaks the board until its heat stands "
            f"still and is then timed for 60 s, and only preset {of_mode[0]} has such launches",
            mend=f"farm run --mode {request.mode} --preset {of_mode[0]}, or leave --mode out",
        )
    return (settings.preset,)


def _check_boards(request: Request, boards: Sequence[Json], settings: Settings) -> None:
    if settings.shared and settings.inventory is None and any(board["local"] for board in boards):
        raise UsageError(
            "this machine is no board of a farm that several share: its workers serve the boards of their inventories",
            mend="name the inventory: --inventory FILE, FARM_INVENTORY, or `inventory` in farm.yaml",
        )
    if request.min_boards and request.min_boards > len(boards):
        raise UsageError(
            f"--min-boards {request.min_boards}, but only {len(boards)} boards are selected",
            mend="select more with --boards, or ask for fewer",
        )
