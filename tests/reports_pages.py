"""Every state of the page that tests look at: a section's own states are registered here by a line."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import availability_support
import odd_support
import over_time_support
import past_support
import why_support
from farm_reports import page
from reports_screens import FIRST_SCREENS, hostile, lasting
from reports_support import Made
from swept_support import judged, records


def swept() -> Made:
    return Made(judged(records(energy=True, unheld=600_000), limits={"energy": "9mJ"}, ship=("int8",)), {})


PAGES: dict[str, Callable[[], Made]] = {
    **FIRST_SCREENS,
    "hostile": hostile,
    "swept": swept,
    "lasting": lasting,
    **over_time_support.PAGES,
    **past_support.PAGES,
    **odd_support.PAGES,
    **availability_support.PAGES,
    **why_support.PAGES,
}


def rendered(made: Made) -> str:
    return page.render(made.results, made.samples, made.beside)


@cache
def state(name: str) -> Made:
    return PAGES[name]()


@cache
def html_of(name: str) -> str:
    """The page of a state, made once for all tests of a process."""
    return rendered(state(name))


def saved(folder: Path, html: str, name: str = "report.html") -> Path:
    """The page and its sibling stylesheet as files."""
    (folder / name).write_text(html, encoding="utf-8")
    (folder / "report.css").write_text(page.stylesheet(), encoding="utf-8")
    return folder / name


def written(folder: Path, made: Made, name: str = "report.html") -> Path:
    return saved(folder, rendered(made), name)
