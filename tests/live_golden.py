"""The golden screens. After a wanted change, look at what is new, then renew them: `python tests/live_golden.py`."""

from __future__ import annotations

import io
from pathlib import Path

from farm_orchestrator.cli import fleet as told
from farm_orchestrator.cli import fleet_screen, screen
from farm_orchestrator.cli.live import PlainView
from farm_orchestrator.cli.provisional import figures
from farm_orchestrator.cli.screen import Frame
from farm_orchestrator.store import Snapshot
from live_support import fleet, hundred, snapshot

FOLDER = Path(__file__).parent / "live" / "golden"
SIZES = ((80, 24), (160, 50), (80, 16), (80, 12))


def screens() -> dict[str, str]:
    """Every view at the sizes that matter, from fixed data."""
    found = {f"run-100-{w}x{h}": _run(hundred(), "50 variants x 100 boards", w, h) for w, h in SIZES}
    found |= {f"fleet-100-{w}x{h}": _fleet(100, w, h) for w, h in SIZES}
    found |= {
        "run-1-80x24": _run(snapshot(1, blocks=8), "3 variants x 1 board", 80, 24),
        "run-3-80x24": _run(snapshot(3, blocks=2), "3 variants x 3 boards", 80, 24),
        "run-8-80x24": _run(snapshot(8, blocks=8), "3 variants x 8 boards", 80, 24),
        "fleet-9-80x24": _fleet(9, 80, 24),
        "fleet-500-80x24": _fleet(500, 80, 24),
        "run-100-lines": _lines(hundred()),
        "fleet-9-lines": "\n".join(told.lines(fleet(9))),
    }
    return found


def _run(seen: Snapshot, title: str, width: int, height: int) -> str:
    frame = Frame(f"{title}, run {seen.run}", seen, figures(seen.medians, seen.baseline), 0, 130.0, 130.0)
    return "\n".join(line.plain.rstrip() for line in screen.draw(frame, width, height))


def _fleet(boards: int, width: int, height: int) -> str:
    return "\n".join(line.plain.rstrip() for line in fleet_screen.draw(fleet(boards), width, height))


def _lines(seen: Snapshot) -> str:
    """Without the time of day."""
    out = io.StringIO()
    view = PlainView(out)
    view.update(seen)
    view.message("a message")
    return "\n".join(line.partition(" ")[2] for line in out.getvalue().splitlines())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in screens().items():
        (FOLDER / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
