"""The report of a run of any size from what is stored: time, memory, size of the page, and how soon it is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.figures import Figure, middle, worst
from bench.rows import Bound, Row, at_most, measured
from chromium_support import launched
from farm_orchestrator.store import Store
from scale_support import RUN, Scale, filled

LOAD_MS = "performance.getEntriesByType('navigation')[0].loadEventEnd"
MB = "MB"


def large(folder: Path, rounds: int) -> list[Row]:
    """Figures of each board are kept as its results arrive; what is timed is the report from there on."""
    _fill(folder, Scale(100, 50))
    rows = _rows("100 boards x 50 variants", _taken(folder, rounds), at_most(3), at_most(3))
    return [*rows, _loaded(folder / "runs" / RUN / "report.html", rounds)]


def small(folder: Path, rounds: int) -> list[Row]:
    _fill(folder, Scale(8, 12))
    return _rows("8 boards x 12 variants", _taken(folder, rounds), at_most(0.7), at_most(0.7))


def _fill(folder: Path, scale: Scale) -> None:
    with Store.open(folder / "farm.db") as state:
        filled(state, folder, scale)
    _rebuilt(folder)


def _taken(folder: Path, rounds: int) -> list[dict[str, float]]:
    return [_rebuilt(folder) for _ in range(rounds)]


def _rebuilt(folder: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.rebuild", str(folder), RUN], check=True, capture_output=True, text=True
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def _rows(size: str, taken: Iterable[dict[str, float]], time: Bound, page: Bound) -> list[Row]:
    found = {name: [one[name] for one in taken] for name in ("wall_s", "cpu_s", "rss_mb", "page_mb")}
    cpu = f"{middle(found['cpu_s'], 's').value:.1f} s of CPU; from what is stored, in a fresh process"
    return [
        measured(f"report of {size}", middle(found["wall_s"], "s"), "s", time, versus=cpu),
        measured(f"report of {size}, peak memory", worst(found["rss_mb"], MB, 0), MB, at_most(400)),
        measured(f"report of {size}, page", worst(found["page_mb"], MB), MB, page),
    ]


def _loaded(page: Path, rounds: int) -> Row:
    return measured(
        "page of 100 boards x 50 variants loaded", _load_s(page, rounds), "s", at_most(1), versus="Chromium"
    )


def _load_s(page: Path, rounds: int) -> Figure:
    with sync_playwright() as playwright, launched(playwright) as browser:
        return middle([_loaded_ms(browser, page) / 1e3 for _ in range(rounds)], "s")


def _loaded_ms(browser: Browser, page: Path) -> float:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(page.as_uri(), wait_until="load")
        tab.wait_for_function(f"{LOAD_MS} > 0")
        return float(tab.evaluate(LOAD_MS))
