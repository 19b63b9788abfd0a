"""Which launch shows the meter of its board a load that it cannot miss: pure."""

from farm_orchestrator.model import FLOOR, LaunchRow, Part

CHIRP_S = 2.0  # of each idle and each busy time
TURNS = 7  # idle and busy three times, and idle once more


def chirp_s(row: LaunchRow, part: Part) -> float:
    """Of a launch: the first floor of a board on a meter. A memory limit is none for the processes that burn."""
    first = row.variant == FLOOR and row.point == part.points[0].key
    return CHIRP_S if first and _wanted(part) else 0.0


def more_s(part: Part) -> float:
    """Seconds that a board takes longer for it."""
    return TURNS * CHIRP_S if _wanted(part) else 0.0


def _wanted(part: Part) -> bool:
    return bool(part.board.get("meter")) and part.memory_limit is None
