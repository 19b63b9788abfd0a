"""A run whose old artefacts ran in its own blocks: each cell against what it was, gates, the word of the run."""

from __future__ import annotations

import dataclasses

import pytest

from arms_support import THEN, against, by_board, held, judged, records
from farm_reports import judge, page
from farm_reports.findings import one_sided
from farm_reports.past import LAST_NIGHT, LAST_NIGHT_OF, VersusPast
from farm_reports.results import Gate, Results
from farm_reports.tables import PAST, BoardRecord, Calibration, CellRecord
from tables_support import NAMES, POINT, cell, score, variant


def versus(results: Results, name: str = "int8", board: str = "rpi5") -> VersusPast:
    found = cell(results, name, board).versus_past
    assert found is not None
    return found


def gate(results: Results, metric: str = "latency_p50") -> Gate:
    return next(each for each in results.gates if each.kind == "budget" and each.metric == metric)


def test_a_file_that_got_slower_is_regressed_and_so_is_the_run() -> None:
    found = judged({"int8": 0.12})
    told = versus(found)
    assert (told.verdict, told.basis, told.same_file) == ("regressed", "blocks", False)
    assert told.ratio == pytest.approx(1.12, abs=0.01)
    assert told.past_p50_ms.value == pytest.approx(1.7 / 1.12, abs=0.02)
    assert (told.past_run, told.past_sha256) == (THEN, "f" * 64)
    assert (found.verdict, found.run.against, found.counts.regressed) == ("regressed", THEN, 1)
    assert "It is int8 on rpi5: median latency +1" in found.sentence
    assert "regression of the runtime itself is not seen" in (found.past.statement if found.past else "")


def test_the_page_says_what_changed_and_how_to_ask_again() -> None:
    found = judged({"int8": 0.12}, against(("int8",), same=("fp32",), latency_p50="+5%", size="+1%"))
    text = page.render(found, {})
    assert "What changed" in text
    assert f"--against {THEN} --budget latency_p50=+5% --budget size=+1%" in text
    assert f"farm report {found.run.id}" in text
    assert f"farm compare {THEN}" not in text
    assert f"the very file of run {THEN}" in text


def test_what_it_was_is_no_variant_of_the_run() -> None:
    found = judged({"int8": 0.12, "fp32": 0.0}, limits={"latency_p50": "30ms"}, ship=("*",))
    assert [one.name for one in found.variants] == list(NAMES)
    assert {one.variant for one in found.cells} == set(NAMES)
    told = found.model_copy(update={"past": None}).model_dump_json()
    assert PAST not in told, "neither to ship, nor gated, nor ruled out"


def test_the_pairing_takes_out_what_a_block_does_to_both() -> None:
    """Blocks that differ by 20 %: between two runs nothing could be seen, within the blocks 5 % is."""
    found = judged({"int8": 0.05}, drift=0.2, blocks=12)
    assert versus(found).verdict == "regressed"
    assert versus(found).low == pytest.approx(1.045, abs=0.01)


@pytest.mark.parametrize(
    ("change", "word", "run"),
    [(-0.08, "improved", "passed"), (0.0, "equivalent", "passed"), (0.12, "regressed", "regressed")],
)
def test_the_words_of_the_past(change: float, word: str, run: str) -> None:
    found = judged({"int8": change})
    assert (versus(found).verdict, found.verdict) == (word, run)


def test_a_small_regression_is_told_and_fails_nothing() -> None:
    known = BoardRecord("rpi5", {}, calibration=Calibration(runs=20, floor=0.001))
    found = judge.results(dataclasses.replace(held({"int8": 0.012}, blocks=20), boards=(known,)))
    assert (versus(found).verdict, versus(found).small) == ("regressed", True)
    assert (found.verdict, gate(found).verdict) == ("passed", "passed")


def test_a_budget_moves_the_bound_and_straddling_it_is_inconclusive() -> None:
    assert versus(judged({"int8": 0.05}, against(latency_p50="+10%"))).verdict == "equivalent"
    open_ = judged({"int8": 0.10}, against(latency_p50="+10%"))
    assert (versus(open_).verdict, open_.verdict) == ("inconclusive", "inconclusive")
    assert versus(judged({"int8": 0.2}, against(latency_p50="+10%"))).verdict == "regressed"


def test_each_budget_is_a_gate_of_its_own() -> None:
    past = against(latency_p50="+5%", peak_memory="+5%", size="+1%", accuracy="-0.3pt", energy="+5%")
    scores = {("rpi5", name): score(name) for name in NAMES}
    scores["rpi5", "int8" + PAST] = {**score("int8"), "value": 0.995, "rows": None}
    found = judged({"int8": 0.0}, past, memory={"int8": 0.1}, scores=scores)
    words = {one.metric: one.verdict for one in found.gates}
    assert words == {
        "latency_p50": "passed", "peak_memory": "failed", "size": "failed", "accuracy": "failed",
        "energy": "not_measured",
    }  # fmt: skip
    memory = gate(found, "peak_memory").cells[0]
    assert memory.value == pytest.approx(0.1, abs=0.005)
    assert gate(found, "size").cells[0].value == pytest.approx(0.1)
    assert gate(found, "accuracy").cells[0].value == pytest.approx(-0.7)
    assert found.verdict == "regressed"


def test_m_counts_the_budgets_beside_the_limits() -> None:
    """Each alpha / m interval is wider the more is asked."""
    bare = held({"int8": 0.0})
    assert judge.comparisons(bare) == 1
    asked = against(latency_p50="+5%", peak_memory="+5%", size="+1%")
    assert judge.comparisons(held({"int8": 0.0}, asked)) == 2
    limited = held({"int8": 0.0}, asked, limits={"latency_p50": "+5%"}, ship=("int8",))
    assert judge.comparisons(limited) == 3
    assert judge.comparisons(dataclasses.replace(limited, confirms=True)) == 5, "medians may be judged twice"
    one, many = (versus(judge.results(each)) for each in (bare, limited))
    assert (many.gate_high or 0) > (one.gate_high or 0)


def test_limits_go_on_working_beside() -> None:
    found = judged({"int8": 0.0}, limits={"size": "100kB"}, ship=("int8",))
    assert found.verdict == "failed"
    worse = judged({"int8": 0.12}, limits={"size": "100kB"}, ship=("int8",))
    assert worse.verdict == "regressed"
    assert "limit is missed too" in worse.sentence


def test_the_very_file_of_then_is_told_and_not_counted() -> None:
    found = judged({"int8": 0.0}, against(("int8",), same=("fp32",)))
    told = versus(found, "fp32")
    assert (told.ratio, told.same_file, told.verdict) == (None, True, "equivalent")
    assert "very file" in (told.reason or "")
    assert (found.counts.equivalent, found.past.compared if found.past else 0) == (1, 1)
    assert {one.variant: one.verdict for one in gate(found).cells} == {"fp32": "passed", "int8": "passed"}


def test_where_no_file_has_changed_nothing_is_claimed_and_the_run_passes() -> None:
    found = judged({}, against((), same=NAMES))
    assert found.verdict == "passed"
    assert found.sentence.startswith("Every file is the very one of")


def test_a_variant_without_a_past_is_told_and_not_gated() -> None:
    found = judged({"int8": 0.0}, against(without={("rpi5", "struct50", POINT): "run X has no file of struct50"}))
    assert versus(found, "struct50").reason == "run X has no file of struct50"
    assert [one.variant for one in gate(found).cells] == ["int8"]
    assert found.verdict == "passed"


def test_an_old_file_that_cannot_run_leaves_its_gate_not_measured() -> None:
    known = [
        dataclasses.replace(one, state="failed", outcome="load: INVALID_GRAPH", p50_ns=None) if one.variant.endswith(PAST) else one
        for one in records({"int8": 0.0})
    ]  # fmt: skip
    found = judged({"int8": 0.0}, records=known)
    assert gate(found).cells[0].verdict == "not_measured"
    assert "INVALID_GRAPH" in (versus(found).reason or "")
    assert found.verdict == "invalid"


def test_a_new_file_that_cannot_run_fails_its_gate() -> None:
    known = [
        dataclasses.replace(one, state="failed", outcome="load: INVALID_GRAPH", p50_ns=None) if one.variant == "int8" else one
        for one in records({"int8": 0.0})
    ]  # fmt: skip
    found = judged({"int8": 0.0}, records=known)
    assert (gate(found).cells[0].verdict, found.verdict) == ("failed", "regressed")


def test_no_verdict_is_taken_before_the_blocks_are_done() -> None:
    known = records({"int8": 0.3})
    known[-1] = dataclasses.replace(known[-1], state="pending", p50_ns=None)
    found = judged({"int8": 0.3}, records=known, partial=True)
    assert (versus(found).verdict, versus(found).ratio) == ("inconclusive", None)
    assert gate(found).verdict == "not_measured"
    assert found.sentence.startswith("Running")


def test_fresh_blocks_decide_alone() -> None:
    first = records({"int8": 0.10}, seed=3)
    again = [
        dataclasses.replace(one, id=one.id + 1000, block=one.block + 500, phase=6)
        for one in records({"int8": 0.2}, blocks=24, seed=4) if one.variant != "struct50"
    ]  # fmt: skip
    past = against(latency_p50="+10%")
    open_ = judged({"int8": 0.1}, past, records=first, confirms=True)
    assert versus(open_).verdict == "inconclusive"
    assert (gate(open_).cells[0].reason or "").startswith("not confirmed: ")
    told = versus(judged({"int8": 0.1}, past, records=[*first, *again], confirms=True))
    assert (told.verdict, told.fresh) == ("regressed", 24)
    assert told.ratio == pytest.approx(1.2, abs=0.01)
    assert told.reason == "decided by 24 fresh blocks alone"


def test_where_a_board_is_known_a_latency_that_never_settled_decides_nothing() -> None:
    moving = ({"name": "NOT_STEADY", "text": "It was still moving."},)
    known = BoardRecord("rpi5", {}, calibration=Calibration(runs=20, floor=0.001))
    rows = [
        dataclasses.replace(one, findings=moving) if one.variant == "int8" else one for one in records({"int8": 0.2})
    ]
    found = judge.results(dataclasses.replace(held({"int8": 0.2}, records=rows), boards=(known,)))
    assert (versus(found).verdict, found.verdict) == ("inconclusive", "inconclusive")
    assert "did not settle" in (gate(found).cells[0].reason or "")
    assert versus(judged({"int8": 0.2}, records=rows)).verdict == "regressed", "where it is not, it is a note"


def test_board_by_board_the_run_is_judged_as_in_one_go() -> None:
    boards = ("rpi4", "rpi5")
    whole = held({"int8": 0.12, "fp32": 0.0}, boards=boards)
    assert by_board(whole).model_dump() == judge.results(whole).model_dump()


def test_changes_that_all_point_one_way_are_doubted() -> None:
    boards = tuple(f"b{index}" for index in range(4))
    found = judged({"int8": 0.12, "struct50": 0.1}, boards=boards)
    assert found.counts.regressed == 8
    assert [one.name for one in found.findings] == ["ONE_SIDED"]
    assert found.verdict == "regressed", "a doubt overrides no verdict"
    both = judged({"int8": 0.12, "struct50": -0.1}, boards=boards)
    assert not both.findings


@pytest.mark.parametrize(
    ("worse", "better", "doubted"), [(6, 0, False), (7, 0, True), (8, 1, False), (12, 1, True), (1, 12, False)]
)
def test_one_side_is_doubted_where_one_run_in_a_hundred_would_have_it(worse: int, better: int, doubted: bool) -> None:  # noqa: FBT001 - a column of the table
    assert (one_sided(worse, better) is not None) == doubted


def test_cells_that_are_what_they_were_never_make_a_run_invalid() -> None:
    """Left out on purpose: no gate asks for them, and what is measured is judged."""
    skipped = CellRecord("rpi5", "struct50", POINT, "not_run", f"unchanged since run {THEN}")
    base = held({"int8": 0.0}, limits={"latency_p50": "0.1x", "size": "5MB"}, ship=("int8", "struct50"))
    known = tuple(one for one in base.launches if one.variant != "struct50")
    cells = tuple(skipped if one.variant == "struct50" else one for one in base.cells)
    found = judge.results(dataclasses.replace(base, launches=known, cells=cells))
    assert cell(found, "struct50").state == "not_run"
    assert {one.variant for each in found.gates if each.kind == "limit" for one in each.cells} == {"int8"}
    assert not any(each.kind == "some_fit" for each in found.gates), "what is left out may be the one that fits"
    assert found.verdict == "failed", "int8 is not inside 0.1x"
    easy = dataclasses.replace(base, launches=known, cells=cells, limits={"size": "5MB"})
    assert judge.results(easy).verdict == "passed"


def test_a_variant_that_was_good_and_is_refused_now_is_a_regression() -> None:
    """No board is asked, and nothing of it runs again; that is no reason to pass."""
    base = held({"struct50": 0.0}, against(("struct50", "int8")))
    refused = variant("int8", sha256=None, bytes=None, opset=None, reason="it cannot be loaded")
    found = dataclasses.replace(
        base,
        variants=tuple(refused if one.name == "int8" else one for one in base.variants),
        cells=tuple(dataclasses.replace(one, state="not_run", reason="it cannot be loaded") if one.variant == "int8" else one for one in base.cells),
        launches=tuple(one for one in base.launches if one.variant != "int8"),
    )  # fmt: skip
    assert judge.comparisons(found) == 1, "what is not measured is no comparison"
    results = judge.results(found)
    assert {one.variant: one.verdict for one in gate(results).cells} == {"int8": "failed", "struct50": "passed"}
    assert results.verdict == "regressed"
    assert "it cannot be loaded" in (versus(results).reason or "")


def test_a_file_that_the_runtime_of_a_board_cannot_load_any_more_fails_its_gate() -> None:
    base = held({"int8": 0.0})
    why = "not supported by onnxruntime 1.22.0 on this board"
    kept = [one for one in base.launches if one.variant != "int8"]
    loads = dataclasses.replace(
        kept[0], id=9000, variant="int8", phase=0, state="failed", outcome="NOT_SUPPORTED", p50_ns=None
    )
    cells = tuple(
        CellRecord("rpi5", "int8", POINT, "not_run", why) if one.variant == "int8" else one for one in base.cells
    )
    found = judge.results(dataclasses.replace(base, launches=(*kept, loads), cells=cells))
    assert (cell(found, "int8").state, gate(found).cells[0].verdict, found.verdict) == (
        "not_run",
        "failed",
        "regressed",
    )


@pytest.mark.parametrize(("name", "asked"), [(LAST_NIGHT, "last-good "), (f"{LAST_NIGHT_OF}head", "last-good:head ")])
def test_what_was_good_last_is_asked_about_again_by_that_name(name: str, asked: str) -> None:
    told = dataclasses.replace(against(), about={**against().about, "name": name})
    assert f"--against {asked}" in page.render(judged({"int8": 0.0}, told), {})
