"""What the verdict on throttling needs of a launch's readings: plain numbers, and no more than a sampler can tell."""

import re
from array import array
from typing import Any, Dict, List, Mapping, Tuple

NEEDED = re.compile(r"policy[0-9]+\.max\Z|cooling\.|zone\.|throttled_bits\Z")
MOST = 60_000  # 16 bytes each
HIGHEST = 1 << 62
Point = Tuple[int, int]  # when in ns, and the value


class Watch:
    """Heard row by row; what carries an error instead of a value tells nothing here."""

    def __init__(self) -> None:
        self.found: Dict[str, "Tuple[array[int], array[int]]"] = {}
        self.taken = 0

    def add(self, row: Mapping[str, Any]) -> None:
        source, t_ns, value = row.get("source"), row.get("t_ns"), row.get("value")
        if not isinstance(source, str) or not NEEDED.match(source) or self.taken >= MOST:
            return
        if type(t_ns) is int and type(value) is int and 0 <= t_ns < HIGHEST and abs(value) < HIGHEST:
            times, values = self.found.setdefault(source, (array("q"), array("q")))
            times.append(t_ns)
            values.append(value)
            self.taken += 1

    def within(self, t0_ns: int, t1_ns: int) -> Dict[str, List[Point]]:
        """By source, in the order of time."""
        cut = {
            name: [(t, value) for t, value in zip(*rows) if t0_ns <= t <= t1_ns] for name, rows in self.found.items()
        }
        return {name: sorted(points) for name, points in cut.items() if points}
