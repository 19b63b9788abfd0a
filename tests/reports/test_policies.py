"""The page where pipelines show it: what is visible there, by boxes and by what a screen reader is told; nothing is fetched."""

from __future__ import annotations

import functools
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from farm_reports import figures
from reports_pages import written
from reports_screens import failed
from reports_support import Made, grid

JENKINS = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"
RAW = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # a single file, as an artifact is shown raw
CHARTS = """all => all.filter(s => s.checkVisibility()).map(s => [
  s.getAttribute("aria-label") || s.id, s.getBoundingClientRect().width,
  [...s.querySelectorAll("path,rect,circle,line,polygon,text")].filter(m => {
    const box = m.getBoundingClientRect(); return box.width + box.height > 0 && getComputedStyle(m).visibility == "visible"
  }).length])"""
MADE: dict[str, Callable[[], Made]] = {"failed": failed, "measured": lambda: grid(3, 6)}
Place = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def served(folder: Path, policy: str | None) -> Iterator[str]:
    """The address of the page on a server with this policy."""

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            if policy:
                self.send_header("Content-Security-Policy", policy)
            super().end_headers()

        def log_message(self, *_: object) -> None:
            """Requests are not news."""

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/report.html"
        finally:
            server.shutdown()
            thread.join()


def alone(folder: Path) -> Path:
    """The page without its style sheet beside it."""
    (folder / "alone").mkdir()
    shutil.copy(folder / "report.html", folder / "alone")
    return folder / "alone"


def unzipped(folder: Path) -> AbstractContextManager[str]:
    """What a download holds, on a disk."""
    with zipfile.ZipFile(folder / "artifact.zip", "w") as archive:
        archive.write(folder / "report.html", "report.html")
    with zipfile.ZipFile(folder / "artifact.zip") as archive:
        archive.extractall(folder / "download")
    return nullcontext((folder / "download" / "report.html").as_uri())


PLACES: dict[str, Place] = {
    "Jenkins, with the style sheet": lambda folder: served(folder, JENKINS),
    "a raw view of GitHub": lambda folder: served(alone(folder), RAW),
    "GitLab, no policy": lambda folder: served(folder, None),
    "a file on a disk": lambda folder: nullcontext((folder / "report.html").as_uri()),
    "a file out of a zip": unzipped,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param]


@contextmanager
def shown(chromium: Browser, address: str, width: int = 1440) -> Iterator[tuple[Page, list[str]]]:
    """The page, and the addresses of all it asked for."""
    asked: list[str] = []
    with chromium.new_context(viewport={"width": width, "height": 900}) as context:
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(address, wait_until="networkidle")
        yield tab, asked


@pytest.mark.parametrize("name", MADE)
def test_the_verdict_the_figures_and_every_chart_can_be_seen(
    name: str, place: Place, chromium: Browser, tmp_path: Path
) -> None:
    made: Made = MADE[name]()
    written(tmp_path, made)
    with place(tmp_path) as address, shown(chromium, address) as (tab, asked):
        _verdict(tab, made)
        _figures(tab, made)
        _charts(tab)
        home = urlsplit(address)
        for url in asked:
            assert urlsplit(url)[:2] == home[:2], "nothing from elsewhere"
            assert urlsplit(url).path.rpartition("/")[2] in {"report.html", "report.css"}


def _verdict(tab: Page, made: Made) -> None:
    word = tab.get_by_role("heading", name=re.compile(made.results.verdict, re.IGNORECASE)).first
    box = word.bounding_box()
    assert word.is_visible()
    assert box is not None
    assert box["height"] > 15
    assert box["y"] < 900, "without scrolling"


def _figures(tab: Page, made: Made) -> None:
    """The speed of every compared cell stands in the matrix, as a cell of a table that has a size."""
    table = tab.locator("#matrix table").first
    told = str(table.aria_snapshot())
    cells = [cell.versus_baseline for cell in made.results.cells if cell.state == "measured"]
    speeds = [figures.speed(versus.ratio) for versus in cells if versus is not None and versus.ratio]
    assert len(speeds) > 10
    assert [speed for speed in speeds if speed not in told] == []
    heights = table.locator("tbody td").evaluate_all("all => all.map(cell => cell.getBoundingClientRect().height)")
    assert len(heights) == len(made.results.boards) * len(made.results.variants)
    assert min(heights) > 15


def _charts(tab: Page) -> None:
    charts = tab.eval_on_selector_all("main svg", CHARTS)
    assert len(charts) > 8
    assert [name for name, width, marks in charts if width < 10 or marks < 1] == []
    wide = [(name, marks) for name, width, marks in charts if width > 250]
    assert len(wide) > 2
    assert [name for name, marks in wide if not name or marks < (2 if name.startswith("Axis") else 4)] == []
    told = tab.locator("main").aria_snapshot()
    assert [name for name, _ in wide if _spoken(name) not in _spoken(told)] == []


def _spoken(text: str) -> str:
    """Without how a snapshot quotes and wraps."""
    return re.sub(r"[\s\\\"']+", "", text)


def test_a_phone_sees_them_too(chromium: Browser, tmp_path: Path) -> None:
    written(tmp_path, failed())
    with served(tmp_path, JENKINS) as address, shown(chromium, address, width=390) as (tab, _):
        _verdict(tab, failed())
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        charts = tab.eval_on_selector_all("main svg", CHARTS)
        assert [width for _, width, _ in charts if width > 390] == []


def test_a_chart_without_marks_would_be_found(chromium: Browser, tmp_path: Path) -> None:
    file = written(tmp_path, grid(3, 6))
    bare = re.sub(r"<(path|rect|circle|line|polygon|text)\b", r"<g data-was='\1'", file.read_text(encoding="utf-8"))
    file.write_text(bare, encoding="utf-8")
    with shown(chromium, file.as_uri()) as (tab, _), pytest.raises(AssertionError):
        _charts(tab)
