"""What is wrong with a request, as far as it shows without opening a model, starting a worker or reaching a board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm_orchestrator import config
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import PRESETS, Json
from farm_orchestrator.plan import Wish, shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.request import Request
    from farm_orchestrator.variants import VariantSet


@dataclass(frozen=True)
class Asked:
    """A request that nothing speaks against yet. `boards`: as the inventory has them; `found`: files not yet opened."""

    request: Request
    found: VariantSet
    boards: tuple[Json, ...]
    wish: Wish


def look(request: Request, settings: Settings) -> Asked:
    """Raises UsageError for whatever a person can mend in the command, the inventory or the directory."""
    from farm_orchestrator import variants

    found = variants.load(request.paths, request.baseline)
    boards = tuple(board.to_json() for board in config.boards(settings, request.boards))
    _check_boards(request, boards)
    wish = Wish(PRESETS[settings.preset], found.limits, request.max_blocks, request.threads, request.pace_hz)
    shape(wish, boards, [entry.name for entry in found.entries], found.baseline)
    return Asked(request, found, boards, wish)


def _check_boards(request: Request, boards: Sequence[Json]) -> None:
    if request.min_boards and request.min_boards > len(boards):
        raise UsageError(
            f"--min-boards {request.min_boards}, but only {len(boards)} boards are selected",
            mend="select more with --boards, or ask for fewer",
        )
