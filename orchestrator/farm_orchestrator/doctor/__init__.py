"""What stands in the way of a run: on this machine, on each board, between the boards."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from farm_orchestrator.doctor import (
    board_checks,
    board_facts,
    farm_checks,
    fleet_checks,
    hardware_checks,
    night_checks,
    server_checks,
)
from farm_orchestrator.doctor.board_facts import BoardFacts
from farm_orchestrator.doctor.farm_facts import FarmFacts
from farm_orchestrator.doctor.finding import Answer, Finding, State, finding
from farm_orchestrator.model import Json

__all__ = ["Finding", "State", "of_boards", "of_farm"]

AT_ONCE = 16
Facts = TypeVar("Facts")


def of_farm(facts: FarmFacts) -> list[Finding]:
    return _answers("orchestrator", (*farm_checks.CHECKS, *server_checks.CHECKS, *night_checks.CHECKS), facts)


def of_boards(boards: Sequence[Json], home: Path) -> Iterator[list[Finding]]:
    """The findings of each board, in the order given, as soon as they are there; then those of the fleet."""
    with ThreadPoolExecutor(min(AT_ONCE, max(1, len(boards)))) as pool:
        seen = []
        for facts in pool.map(partial(board_facts.look, home=home), boards):
            seen.append(facts)
            yield of_board(facts)
    yield _answers("fleet", fleet_checks.CHECKS, seen)


def of_board(facts: BoardFacts) -> list[Finding]:
    return _answers(facts.name, (*board_checks.CHECKS, *hardware_checks.CHECKS), facts)


def _answers(
    subject: str, checks: Sequence[tuple[str, Callable[[Facts], Answer | None]]], facts: Facts
) -> list[Finding]:
    """A check that has nothing to look at says nothing."""
    found = [(name, check(facts)) for name, check in checks]
    return [finding(subject, name, answer) for name, answer in found if answer is not None]
