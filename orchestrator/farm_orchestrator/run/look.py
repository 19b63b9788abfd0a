"""What is wrong with a request, as far as it shows without opening a model, starting a worker or reaching a board."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm_orchestrator import config
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import SUSTAINED, Json, Limits, recipe_of
from farm_orchestrator.plan import TRIED, Wish, possible, tried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm_orchestrator.config import Settings
    from farm_orchestrator.plan import Known, Steps
    from farm_orchestrator.plan.sustaining import Sustained
    from farm_orchestrator.run.request import Request
    from farm_orchestrator.variants import VariantSet


@dataclass(frozen=True)
class Asked:
    """A request that nothing speaks against yet. `boards`: as the inventory has them; `found`: files not yet opened.

    `wishes`: one, or with a time given one at each preset that can reach a verdict: the first that fits is measured.
    `known`: what each board showed when it was measured against itself. `steps`: the clocks of each board, where a run
    sweeps them and has asked the boards; `sustained`: the clock that was found for a board, where the run wants that.
    """

    request: Request
    found: VariantSet
    boards: tuple[Json, ...]
    wishes: tuple[Wish, ...]
    known: Known
    steps: Mapping[str, Steps] = field(default_factory=dict)
    sustained: Mapping[str, Sustained] = field(default_factory=dict)


def look(request: Request, settings: Settings) -> Asked:
    """Raises UsageError for whatever a person can mend in the command, the inventory or the directory."""
    from farm_orchestrator import variants

    found = variants.load(request.paths, request.baseline)
    boards = tuple(board.to_json() for board in config.boards(settings, request.boards))
    _check_boards(request, boards)
    boards, sustained = _sustained(request.pin, boards, settings)
    wishes = possible(
        _wish(request, found.limits), _presets(request, settings), boards, [entry.name for entry in found.entries],
        found.baseline,
    )  # fmt: skip
    return Asked(request, found, boards, tuple(wishes), _known(settings, boards), sustained=sustained)


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
        request.memory_limit,
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


def _check_boards(request: Request, boards: Sequence[Json]) -> None:
    if request.min_boards and request.min_boards > len(boards):
        raise UsageError(
            f"--min-boards {request.min_boards}, but only {len(boards)} boards are selected",
            mend="select more with --boards, or ask for fewer",
        )
