"""Room on a board's disk: read from the file session where that is possible, else from one `df`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from farm_orchestrator.transport import ExecResult

KEEP_FREE = 200 << 20
SMALL = 1 << 20  # bytes; the agent is far below: what makes room must be able to come itself
DF_S = 30.0
DF_LINE = re.compile(r"\s(?P<total>\d+)\s+\d+\s+(?P<free>-?\d+)\s+(?:-|\d+%)\s")


@dataclass(frozen=True)
class Room:
    """In bytes."""

    free: int
    total: int

    @property
    def usable(self) -> int:
        """A tenth stays free, at least 200 MiB, but never more than half of a small disk."""
        return self.free - min(max(self.total // 10, KEEP_FREE), self.total // 2)

    def takes(self, missing: int) -> bool:
        return missing <= (self.free if missing <= SMALL else self.usable)


class Disk:
    """Each `df` starts a login shell, so what it said is counted on for as long as the files fit."""

    def __init__(
        self,
        base: str,
        seen: Callable[[str], Room | None],
        run: Callable[[Sequence[str], bytes, float], ExecResult],
    ) -> None:
        self._base, self._seen, self._run = base, seen, run
        self._asked = False
        self._counted: Room | None = None

    def lacks(self, missing: int) -> Room | None:
        """The room there is where `missing` bytes do not fit; None where they do, or where nobody knows."""
        room = self._seen(self._base) or self._counted_on(missing)
        return room if room and not room.takes(missing) else None

    def spend(self, sent: int) -> None:
        if self._counted:
            self._counted = replace(self._counted, free=self._counted.free - sent)

    def now(self) -> Room | None:
        """None where the board cannot say."""
        return self._seen(self._base) or self._df()

    def _counted_on(self, missing: int) -> Room | None:
        if not self._asked or (self._counted and not self._counted.takes(missing)):
            self._asked, self._counted = True, self._df()
        return self._counted

    def _df(self) -> Room | None:
        said = self._run(["df", "-Pk", self._base], b"", DF_S).out.decode("utf-8", "replace")
        found = DF_LINE.search(said.rpartition("Mounted on")[2])
        return Room(int(found["free"]) * 1024, int(found["total"]) * 1024) if found else None
