"""A run of many boards: what is kept of each is what would be found again, and each has a page of its own."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser

from farm_orchestrator import judged, reporting, tabled
from farm_orchestrator import store as stored
from farm_orchestrator.errors import StoreError
from farm_orchestrator.store import Store
from farm_reports import judge, page
from farm_reports.results import Results
from reports_support import grid
from scale_support import RUN, Farm, Scale, filled

LIMITED = Scale(3, 4, iterations=60, limits=(("latency_p50", "0.7x"), ("peak_memory", "60002kB")), ship=("int8-*",))
FILES = ("results.json", "report.html", "junit.xml", "summary.md", "report.css")


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Callable[[Scale], Farm]]:
    with Store.open(tmp_path / "farm.db") as state:
        yield functools.partial(filled, state, tmp_path)


def built(farm: Farm) -> Results:
    return reporting.build(farm.state, RUN, farm.runs, farm.cas)[0]


def written(farm: Farm) -> dict[str, bytes]:
    return {name: (farm.folder / name).read_bytes() for name in FILES}


def kept(farm: Farm) -> dict[str, int]:
    """When each board's figures were written."""
    return {path.name: path.stat().st_mtime_ns for path in (farm.folder / judged.FIGURES).iterdir()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_figures_that_were_kept_are_those_that_would_be_found_again(farm: Callable[[Scale], Farm], seed: int) -> None:
    here = farm(replace(LIMITED, seed=seed))
    fresh, files, times = built(here), written(here), kept(here)
    assert built(here) == fresh
    assert kept(here) == times, "nothing was judged again"
    assert written(here) == files
    for path in (here.folder / judged.FIGURES).iterdir():
        path.unlink()
    assert built(here) == fresh
    assert written(here) == files


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_boards_judged_one_by_one_say_what_the_whole_run_says(farm: Callable[[Scale], Farm], seed: int) -> None:
    here = farm(replace(LIMITED, seed=seed))
    found = built(here)
    every = tabled.read(here.state, RUN)
    place = judged.Place(here.state, here.folder, here.cas, here.folder)
    whole = judge.results(tabled.tables(every, {}, judged.samples(place, every.launches)))
    later = {"history", "heat"}  # what the store and the readings add
    assert found.model_dump(exclude=later) == whole.model_dump(exclude=later)
    assert {gate.verdict for gate in found.gates} > {"passed"}, "gates that say something"


def test_a_change_on_one_board_judges_that_board_alone(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(3, 3, iterations=40))
    built(here)
    before = kept(here)
    stored.note_hello(here.state, RUN, "node-001", {"kernel": "6.6.99"})
    assert {board.name: board.kernel for board in built(here).boards}["node-001"] == "6.6.99"
    after = kept(here)
    assert {name.split(".")[0] for name in before.keys() - after.keys()} == {"node-001"}
    assert len(after) == len(before)


def test_figures_that_were_spoilt_are_made_again(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(2, 3, iterations=40))
    found = built(here)
    first, second = sorted((here.folder / judged.FIGURES).iterdir())
    first.write_text(first.read_text()[:100])
    second.write_text(json.dumps({"schema": "farm.result/0"}))
    assert built(here) == found


def test_boards_are_judged_as_soon_as_they_owe_nothing(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(3, 3, iterations=40))
    boards = list(reporting.settled(here.state, RUN, here.runs, here.cas, {"node-001"}))
    assert boards == ["node-000", "node-002"]
    times = kept(here)
    built(here)
    assert {name: kept(here)[name] for name in times} == times, "the report found them"


def test_a_board_that_cannot_be_judged_early_is_left_to_the_report_and_the_others_are_not(
    farm: Callable[[Scale], Farm],
) -> None:
    here = farm(Scale(3, 3, iterations=40))
    for row in stored.bare_launches(here.state, RUN, "node-001"):
        (here.folder / str(row.file)).write_bytes(b"no Parquet")
    done: set[str] = set()
    for _ in range(2):
        with suppress(StoreError):
            for board in reporting.settled(here.state, RUN, here.runs, here.cas, done):
                done.add(board)
    assert done == {"node-000", "node-001", "node-002"}
    assert {name.split(".")[0] for name in kept(here)} == {"node-000", "node-002"}


def test_what_is_drawn_of_many_boards_rests_on_the_figures_that_were_kept(
    farm: Callable[[Scale], Farm], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = farm(Scale(10, 2, iterations=40))
    found = built(here)
    monkeypatch.setattr(judge, "results", None)  # nothing is judged
    monkeypatch.setattr(page, "render_board", None)
    assert reporting.draw(here.state, RUN, here.runs, here.cas).results == found


def test_three_files_of_another_make_are_written_again(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(2, 2, iterations=40))
    built(here)
    path = here.folder / "launches.parquet"
    fewer = pq.read_table(path, partitioning=None).drop_columns(["peak_memory"])
    pq.write_table(fewer, path)
    built(here)
    assert "peak_memory" in pq.read_schema(path).names


def test_damaged_iterations_say_what_makes_them_again(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(2, 2, iterations=4000))
    found = built(here)
    path = here.folder / "samples.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * (len(data) // 2) + data[4 + len(data) // 2 :])
    for each in (here.folder / judged.FIGURES).iterdir():
        each.unlink()
    with pytest.raises(StoreError, match="is damaged") as caught:
        built(here)
    assert "Delete it" in str(caught.value)
    path.unlink()
    assert built(here) == found


def test_the_three_files_are_written_once(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(2, 3, iterations=40))
    built(here)
    names = ("samples.parquet", "readings.parquet", "launches.parquet")
    before = {name: (here.folder / name).stat().st_mtime_ns for name in names}
    built(here)
    assert {name: (here.folder / name).stat().st_mtime_ns for name in names} == before
    with pq.ParquetFile(here.folder / "samples.parquet") as file:
        told = [file.metadata.row_group(group).column(0).statistics for group in range(file.num_row_groups)]
    assert [(one.min, one.max) for one in told] == [("node-000", "node-000"), ("node-001", "node-001")]


def test_a_board_is_read_from_the_file_of_all_as_from_those_of_its_launches(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(3, 3, iterations=40))
    built(here)
    rows = stored.bare_launches(here.state, RUN, "node-001")
    bare = judged.Place(here.state, here.folder, here.cas, here.folder)
    both = [judged.samples(replace(bare, compacted=at), rows) for at in (None, here.folder)]
    assert [list(one) for one in both] == [list(both[0])] * 2
    assert all((both[0][launch] == both[1][launch]).all() for launch in both[0])
    assert len(both[0]) == 3 * 8


def test_up_to_eight_boards_have_no_pages_of_their_own(farm: Callable[[Scale], Farm]) -> None:
    here = farm(Scale(8, 2, iterations=30))
    built(here)
    assert not (here.folder / "boards").exists()
    assert "boards/" not in (here.folder / "report.html").read_text()


def test_pages_of_boards_open_by_their_links_under_the_strict_policy_and_lead_back(
    farm: Callable[[Scale], Farm], chromium: Browser, strict_site: str, tmp_path: Path
) -> None:
    here = farm(Scale(9, 3, iterations=40))
    _, folder = reporting.build(here.state, RUN, here.runs, here.cas, tmp_path / "out")
    assert sorted(path.name for path in (folder / "boards").iterdir()) == [f"node-{i:03d}.html" for i in range(9)]
    failed: list[str] = []
    with chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800}) as context:
        tab = context.new_page()
        tab.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
        for board in ("node-003", "node-008"):
            tab.goto(f"{strict_site}/out/report.html")
            tab.get_by_role("link", name=board, exact=True).click()
            tab.wait_for_url("**/boards/*")  # with its style sheet: the address changes before that is there
            assert tab.url == f"{strict_site}/out/boards/{board}.html"
            assert tab.evaluate("getComputedStyle(document.body).fontSize") != "16px", "its style sheet is there"
            assert tab.evaluate("document.documentElement.scrollWidth") == 390
            drawn = "all => all.filter(s => s.checkVisibility()).length"
            assert tab.eval_on_selector_all("#distributions svg", drawn) == 1
            assert board in tab.inner_text("body")
            tab.get_by_role("link", name="All boards").click()
            assert tab.url == f"{strict_site}/out/report.html"
    assert failed == []
    sheets = {page.stylesheet(), (tmp_path / "out" / "report.css").read_text()}
    text = (tmp_path / "out" / "boards" / "node-003.html").read_text()
    assert len(sheets) == 1
    assert f"<style>{page.stylesheet()}</style>" in text


@pytest.fixture
def large(tmp_path: Path) -> Path:
    made = grid(100, 50)
    (tmp_path / "report.css").write_text(page.stylesheet(), encoding="utf-8")
    (tmp_path / "report.html").write_text(page.render(made.results, made.samples), encoding="utf-8")
    return tmp_path / "report.html"


def test_a_hundred_boards_of_fifty_variants_load_and_fit(chromium: Browser, large: Path) -> None:
    with chromium.new_context(viewport={"width": 390, "height": 800}) as context:
        tab = context.new_page()
        tab.goto(large.as_uri(), wait_until="load")
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        assert tab.evaluate("document.querySelectorAll('*').length") < 40_000
        assert tab.locator(".heat tbody td").count() > 5000


def test_typing_a_name_leaves_its_row_or_its_column_of_five_thousand_cells(chromium: Browser, large: Path) -> None:
    shown = "all => all.filter(e => e.checkVisibility({visibilityProperty: true})).length"
    with chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(large.as_uri())
        tab.locator("#filter").press_sequentially("node-07")
        assert tab.eval_on_selector_all(".heat .member", shown) == 10
        tab.locator("#filter").fill("int8-mixed")
        heads = tab.eval_on_selector_all(".heat thead th", shown)
        assert 0 < heads < 10
        assert tab.eval_on_selector_all(".heat .member", shown) == 100
        assert tab.eval_on_selector_all(".heat .member td", shown) == 100 * heads
        tab.locator("#filter").fill("")
        assert tab.eval_on_selector_all(".heat .member td", shown) == 5000


def test_boards_of_a_model_fold_into_one_row_and_unfold_without_script(
    chromium: Browser, strict_site: str, large: Path
) -> None:
    shown = "all => all.filter(e => e.checkVisibility()).length"
    with chromium.new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(f"{strict_site}/{large.name}")
        assert tab.eval_on_selector_all(".heat .member", shown) == 100, "what a browser searches is there"
        tab.locator('label[for="rows-models"]').click()
        assert tab.eval_on_selector_all(".heat .member", shown) == 0
        assert tab.eval_on_selector_all(".heat .model td", shown) == 7 * 50
        tab.locator("#unfold-1").focus()
        tab.keyboard.press("Space")
        assert tab.eval_on_selector_all(".heat .member", shown) == 15
