"""Power that is known at every moment, and sensors of a tree of files that say it: read, parsed and told as on a board."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from farm_agents import idle, sampled, survey
from farm_agents.ring import Raw
from farm_agents.sampler import opened
from farm_agents.sources import sources
from farm_agents.sysfs import Sysfs

S, MS = 1_000_000_000, 1_000_000
PERIOD_NS = 100 * MS
START_S = 1000.0  # on the board's clock
LOW_W, HIGH_W = 2.0, 8.0
Json = dict[str, Any]
Says = Callable[[float], str]  # the text of a file at a time in s


class Square:
    """HIGH_W for the first half of each period, LOW_W for the other."""

    def __init__(self, period_s: float = 1.0, phase_s: float = 0.0) -> None:
        self.period_s = period_s
        self.phase_s = phase_s

    def watt(self, t_s: float) -> float:
        return HIGH_W if (t_s + self.phase_s) % self.period_s < self.period_s / 2 else LOW_W

    def joule(self, t_s: float) -> float:
        """Since time 0."""
        whole, into = divmod(t_s + self.phase_s, self.period_s)
        half = self.period_s / 2
        return whole * half * (HIGH_W + LOW_W) + min(into, half) * HIGH_W + max(0.0, into - half) * LOW_W

    def between(self, t0_s: float, t1_s: float) -> float:
        return self.joule(t1_s) - self.joule(t0_s)


def laid(root: Path, files: Mapping[str, str]) -> Sysfs:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return Sysfs(str(root))


def told(tree: Sysfs) -> Json:
    """What the agent says of the board, as it arrives."""
    body: Json = json.loads(json.dumps(survey.look(tree.root, [0])))
    return body


def replayed(tree: Sysfs, says: Mapping[str, Says], seconds: float) -> list[Json]:
    """The rows of a sampler that watched for so long: each file is written as it stood at that time, then read."""
    plan = [source for source in sources(tree, [0]).found if source.name.startswith("rail.")]
    shown = {tree.path(name): text for name, text in says.items()}
    fds = [opened(source.path) for source in plan]
    rows: list[Json] = []
    written: dict[str, str] = {}
    for tick in range(int(seconds * S) // PERIOD_NS + 1):
        for place, source in enumerate(plan):
            if (tick + place) % source.ticks == 0 or tick == 0:
                t_ns = int(START_S * S) + tick * PERIOD_NS + place * MS
                if source.path in shown:
                    _write(written, source.path, shown[source.path](t_ns / S))
                rows.append(_reading(fds[place], source, t_ns))
    for fd in fds:
        os.close(fd)
    return rows


def _write(written: dict[str, str], path: str, text: str) -> None:
    if written.get(path) != text:
        Path(path).write_text(text + "\n")
        written[path] = text


def _reading(fd: int, source: Any, t_ns: int) -> Json:
    text = os.pread(fd, 108, 0)
    raw = Raw(t_ns - MS // 2, t_ns + MS // 2, 0, len(text), text)
    return sampled.reading(raw, {**asdict(source), "interval_ns": source.ticks * PERIOD_NS})


def counted(tree: Sysfs, says: Mapping[str, Says], *moments_s: float) -> list[Json]:
    """What the runner reads of counters at these moments."""
    rows = []
    for t_s in moments_s:
        for path, text in says.items():
            Path(tree.path(path)).write_text(text(START_S + t_s) + "\n")
        rows += idle.counted(tree, lambda t_s=t_s: round((START_S + t_s) * S))  # type: ignore[misc]
    return rows


def row(t_s: float, source: str, value: float | None, unit: str, error: str | None = None) -> Json:
    return {"t_ns": round(t_s * S), "source": source, "value": value, "unit": unit, "error": error}


def power_rows(
    watt: Callable[[float], float], source: str = "rail.r.power", *, seconds: float = 15.0, every_s: float = 0.1
) -> list[Json]:
    """Readings of a sensor in uW."""
    times = [START_S + k * every_s for k in range(round(seconds / every_s) + 1)]
    return [row(t, source, round(watt(t) * 1e6), "uW") for t in times]


def slot(t0_s: float, t1_s: float) -> Json:
    """The facts of a launch whose slot lay there, seconds after the first reading."""
    return {"slot_t0_ns": round((START_S + t0_s) * S), "slot_t1_ns": round((START_S + t1_s) * S)}


def span(t0_s: float, t1_s: float) -> list[int]:
    """A window in ns."""
    return [round((START_S + t_s) * S) for t_s in (t0_s, t1_s)]
