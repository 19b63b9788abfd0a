"""What only several boards together show: facts in, findings out."""

from collections.abc import Callable, Sequence

from farm_orchestrator.doctor.amounts import span
from farm_orchestrator.doctor.board_checks import CLOCK_S
from farm_orchestrator.doctor.board_facts import BoardFacts
from farm_orchestrator.doctor.finding import Answer, ok, warning

Check = tuple[str, Callable[[Sequence[BoardFacts]], Answer | None]]

WITNESSES = 3
AGREE_S = 10.0


def twins(boards: Sequence[BoardFacts]) -> Answer | None:
    """Two names for one board would wait for each other and be compared as two."""
    seen: dict[tuple[str, str, str], list[str]] = {}
    for facts in boards:
        if facts.scan and facts.scan.boot_id and facts.scan.base.inode:
            place = facts.scan.boot_id, facts.scan.base.inode, facts.scan.base.missing
            seen.setdefault(place, []).append(facts.name)
    same = [names for names in seen.values() if len(names) > 1]
    if same:
        return warning(f"{' and '.join(same[0])} are one machine with one base", "they take turns and count as two boards",
                       "keep one of the names in the inventory, or give each its own `base`")  # fmt: skip
    return ok(f"{len(boards)} boards, each its own") if len(boards) > 1 else None


def clock(boards: Sequence[BoardFacts]) -> Answer | None:
    """Boards that agree with each other and not with this machine say whose clock is wrong."""
    offsets = [facts.offset_s for facts in boards if facts.offset_s is not None]
    if len(offsets) < WITNESSES:
        return None
    if max(offsets) - min(offsets) < AGREE_S and min(abs(offset) for offset in offsets) > CLOCK_S:
        return warning(f"{len(offsets)} boards agree that this machine's clock is {span(offsets[0])} off",
                       "leases on boards and the order of runs are told by it; no result is",
                       "`sudo timedatectl set-ntp true`")  # fmt: skip
    return ok("this machine's clock is not alone")


CHECKS: tuple[Check, ...] = (("names", twins), ("clock", clock))
