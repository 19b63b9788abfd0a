"""What a person asks of a run, what they see meanwhile, and what they get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from farm_orchestrator.model import BURST

if TYPE_CHECKING:
    from farm_orchestrator.store import Snapshot
    from farm_reports.results import Results

Policy = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Request:
    """The flags of `farm run`. `boards` selects; `min_boards` None: all selected.

    `time_s`: the time for each board; `until`: its end, in seconds since the epoch. With either of them `preset`, where
    it is given, is the only one that is tried; nothing is begun after `until`. A higher `priority` goes first.
    `memory_limit`: bytes beyond which a launch is ended. `profile`: what takes the time, operator by operator.
    `against`: a run, last-good, or last-good:SCHEDULE; `budgets`: how much a metric may get worse since then, over those of variants.yaml;
    `changed`: cells that are what was good last are left out.
    Of a night, its `schedule` and when it was `due_at`, in seconds since the epoch.
    """

    paths: tuple[Path, ...]
    boards: str | None = None
    baseline: str | None = None
    max_blocks: int | None = None
    threads: tuple[int, ...] = ()
    pace_hz: float | None = None
    seed: int = 1
    name: str | None = None
    min_boards: int | None = None
    strict: bool = False
    on_inconclusive: Policy = "warn"
    out: Path | None = None
    time_s: float | None = None
    until: float | None = None
    preset: str | None = None
    mode: str = BURST
    memory_limit: int | None = None
    pin: str | None = None
    profile: bool = False
    priority: int = 0
    against: str | None = None
    budgets: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    schedule: str | None = None
    due_at: float | None = None

    @property
    def timed(self) -> bool:
        return self.time_s is not None or self.until is not None


@dataclass(frozen=True)
class Finished:
    """How a run ended; `folder` holds the files, `mend` says how to go on where something is left to do."""

    run: str
    exit_code: int
    results: Results
    folder: Path
    mend: str | None = None


class View(Protocol):
    """Progress for a person; everything goes to stderr."""

    def start(self, title: str, lines: Sequence[str]) -> None: ...
    def update(self, snapshot: Snapshot) -> None: ...
    def message(self, text: str) -> None: ...
    def finish(self) -> None: ...
