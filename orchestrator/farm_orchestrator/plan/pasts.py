"""What a run holds its variants against: their old artefacts, in its own blocks; and which cells are what they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from farm_orchestrator.model import Arm, Json, Variant
from farm_reports.bounds import CONFIRMED, budget

Key = tuple[str, str, str]  # board, variant, point key


@dataclass(frozen=True)
class Old:
    """What a cell was: `variant` is called NAME@past; `run`: where it is from."""

    variant: Variant
    run: str


@dataclass(frozen=True)
class Pasts:
    """`old`: by cell what is measured beside it. `same`: cells whose file is the one they had, and the run it is from.
    `without`: why a cell has no past. `skipped`: cells that are not measured, and why.
    """

    old: Mapping[Key, Old] = field(default_factory=dict)
    same: Mapping[Key, Old] = field(default_factory=dict)
    without: Mapping[Key, str] = field(default_factory=dict)
    skipped: Mapping[Key, str] = field(default_factory=dict)

    def arms(self, board: str, points: Iterable[str]) -> tuple[Arm, ...]:
        """One for each variant of a board: its points all have one old file."""
        found: dict[str, dict[str, Old]] = {}
        for point in points:
            for (at, name, key), old in self.old.items():
                if (at, key) == (board, point):
                    found.setdefault(name, {})[key] = old
        return tuple(_arm(each) for each in found.values())

    def skips(self, board: str) -> tuple[tuple[str, str], ...]:
        """(variant, point) of a board."""
        return tuple((name, point) for at, name, point in self.skipped if at == board)


NO_PASTS = Pasts()


def _arm(at: Mapping[str, Old]) -> Arm:
    """`at`: the points of a board at which an old file is measured."""
    old = next(iter(at.values()))
    return Arm(old.variant, tuple(at), old.run)


def latency_budget(budgets: Mapping[str, str]) -> float | None:
    """How much the median may get worse, as a share; None: the default margin holds."""
    return budget(CONFIRMED, budgets[CONFIRMED]).value if CONFIRMED in budgets else None


def one_file(cells: Mapping[Key, Old], moved: Mapping[Key, float]) -> tuple[dict[Key, Old], dict[Key, str]]:
    """At most one old file of a variant on a board, the newest; the other points have no past, and why."""
    kept: dict[Key, Old] = {}
    other: dict[Key, str] = {}
    newest: dict[tuple[str, str], Key] = {}
    for key in sorted(cells, key=lambda each: -moved.get(each, 0.0)):
        first = newest.setdefault(key[:2], key)
        if cells[first].variant.sha256 == cells[key].variant.sha256:
            kept[key] = cells[key]
        else:
            other[key] = (
                f"at this point it was another file than at {first[2]}, and one old file of a variant is measured"
            )
    return kept, other


def unchanged(
    digests: Mapping[Key, str], good: Mapping[Key, str], now: Mapping[str, str | None], before: Mapping[Key, str | None]
) -> set[Key]:
    """Cells whose file and whose board are those that were good. `now`, `before`: fingerprints; one that nobody knows differs."""
    return {
        key
        for key, sha256 in digests.items()
        if good.get(key) == sha256 and now.get(key[0]) is not None and now.get(key[0]) == before.get(key)
    }


def without_needed(skipped: Iterable[Key], cells: Sequence[Key], baseline: str) -> set[Key]:
    """A baseline stays where another variant of its board and point is measured; where it changed, so does everything."""
    same = set(skipped)
    left = {key for key in same if (key[0], baseline, key[2]) in same}
    open_ = {(board, point) for board, name, point in cells if (board, name, point) not in left}
    return {key for key in left if key[1] != baseline or (key[0], key[2]) not in open_}


def document(pasts: Pasts) -> list[Json]:
    """For plan.json."""
    return [
        {"board": board, "variant": name, "point": point, "sha256": old.variant.sha256, "run": old.run}
        for (board, name, point), old in pasts.old.items()
    ]
