"""A page of some boards or of some sections of a run: what of its results it shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from farm_reports.results import Results


@dataclass(frozen=True)
class Excerpt:
    """`of`: the names of all boards of the run, empty where none is left out; `only`: ids of sections, empty: all."""

    of: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.of or self.only)


def narrowed(results: Results, boards: Collection[str]) -> Results:
    """What was found on these boards. Verdict, counts, gates and what holds over all boards stay those of the run."""
    fields = {name: getattr(results, name) for name in type(results).model_fields}
    by_board = {name: found for name, found in fields.items() if _of_boards(found)}
    kept = {name: [each for each in found if each.board in boards] for name, found in by_board.items()}
    return results.model_copy(update={**kept, "boards": [each for each in results.boards if each.name in boards]})


def _of_boards(found: object) -> bool:
    return isinstance(found, list) and bool(found) and hasattr(found[0], "board")
