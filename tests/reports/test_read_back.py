"""Every export read back by those it is made for: a parser of theirs, or a schema of what they accept."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xmlschema
from jsonschema import Draft7Validator
from junitparser import Failure, JUnitXml
from markdown_it import MarkdownIt
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as collected

from farm_reports import exports
from farm_reports.exports.openmetrics import rounded
from farm_reports.parts import Value
from farm_reports.results import Cell, Gate, GateCell
from reports_pages import PAGES
from reports_screens import demo, failed, inconclusive, not_run_cell, partial
from reports_support import HOSTILE, Made, changed, grid

JUNIT = xmlschema.XMLSchema(Path(__file__).parent / "junit.xsd")
BENCHER = Draft7Validator(
    {
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": 1024},
        "additionalProperties": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[a-z0-9-]{1,64}$"},
            "additionalProperties": {
                "type": "object",
                "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
                "required": ["value"],
                "additionalProperties": False,
            },
        },
    }
)  # the shape that its documents describe
COMMAND = re.compile(r"::(error|warning) ((?:\w+=[^,:\n]*)(?:,\w+=[^,:\n]*)*)::(.*)")
PAGE = pytest.mark.parametrize("name", PAGES)


def families(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # the library is typed in part


def measured(made: Made) -> dict[tuple[str, str, str], Cell]:
    return {(c.board, c.variant, c.point_key): c for c in made.results.cells if c.state == "measured"}


@PAGE
def test_junit_is_what_jenkins_and_gitlab_read(name: str) -> None:
    made = PAGES[name]()
    text = exports.junit(made.results)
    JUNIT.validate(text)
    found = JUnitXml.fromstring(text.encode())
    cases = [case for suite in found for case in suite]
    gated = sum(len(gate.cells) for gate in made.results.gates)
    assert len(cases) >= gated
    failures = [result for case in cases for result in case.result if isinstance(result, Failure)]
    assert len(failures) == sum(cell.verdict == "failed" for gate in made.results.gates for cell in gate.cells)


def test_the_schema_of_junit_would_find_a_fault() -> None:
    text = exports.junit(failed().results)
    for good, bad in (
        ("<testcase name=", "<testcase label="),
        ('failures="', 'failures="x'),
        ("<failure ", "<broken "),
    ):
        assert good in text
        assert not JUNIT.is_valid(text.replace(good, bad, 1))


@PAGE
def test_bencher_finds_each_measured_cell_and_its_bounds_in_order(name: str) -> None:
    made = PAGES[name]()
    document = json.loads(exports.bmf(made.results))
    BENCHER.validate(document)
    assert len(document) == len(measured(made)), "each under a name of its own"
    for measures in document.values():
        for metric in measures.values():
            assert metric.get("lower_value", -math.inf) <= metric["value"] <= metric.get("upper_value", math.inf)


def test_bencher_has_latency_in_nanoseconds_and_sizes_in_bytes() -> None:
    found = json.loads(exports.bmf(demo().results))["local/int8-qdq"]
    cell = next(cell for cell in demo().results.cells if cell.variant == "int8-qdq")
    assert found["latency"]["value"] == pytest.approx((cell.latency_ms.p50.value or 0) * 1e6, rel=1e-5)
    assert found["file-size"] == {"value": 330_700.0}
    assert found["accuracy"]["value"] == 0.996
    assert "energy-mj" not in found, "there is no sensor"


@PAGE
def test_openmetrics_is_read_by_prometheus_and_by_its_textfile_collector(name: str) -> None:
    made = PAGES[name]()
    text = exports.openmetrics(made.results)
    found = {family.name: family for family in families(text)}
    assert sum(len(family.samples) for family in collected(text)) == sum(len(f.samples) for f in found.values())
    medians = found["farm_latency_seconds"].samples if measured(made) else []
    keys = [(s.labels["board"], s.labels["variant"], s.labels.get("pin"), s.labels["quantile"]) for s in medians]
    assert len(set(keys)) == len(keys), "points are told apart"
    assert sum(quantile == "0.5" for *_, quantile in keys) == len(measured(made))
    assert {sample.labels["board"] for sample in medians} <= {board.name for board in made.results.boards}


def test_openmetrics_has_the_figures_to_within_their_noise() -> None:
    made = grid(3, 6)
    (family,) = (f for f in families(exports.openmetrics(made.results)) if f.type == "summary")
    medians = {
        (s.labels["board"], s.labels["variant"]): s.value for s in family.samples if s.labels["quantile"] == "0.5"
    }
    for (board, variant, _), cell in measured(made).items():
        p50 = cell.latency_ms.p50
        assert p50.low is not None
        assert p50.high is not None
        assert p50.low * 0.99 <= medians[board, variant] * 1e3 <= p50.high * 1.01


def gitlab(text: str) -> dict[str, str]:
    """As GitLab reads it: what follows a # is a comment, the rest of a line are words of a shell."""
    lines = (shlex.split(re.sub(r"#.*", "", line)) for line in text.splitlines())
    return {words[0]: words[1] for words in lines if len(words) > 1}


def test_gitlab_sees_no_change_where_only_noise_moved_a_figure() -> None:
    made = grid(3, 6)
    before = gitlab(exports.openmetrics(made.results))
    assert len(before) > 100
    shaken = [moved(cell, 1 + 1e-4 * (-1) ** index) for index, cell in enumerate(made.results.cells)]
    after = gitlab(exports.openmetrics(changed(made, cells=shaken).results))
    assert before.keys() == after.keys()
    assert sum(before[name] != after[name] for name in before) <= len(before) // 10
    slower = gitlab(exports.openmetrics(changed(made, cells=[moved(c, 1.2) for c in made.results.cells]).results))
    medians = [name for name in before if "quantile=0.5" in name]
    assert all(before[name] != slower[name] for name in medians)


def moved(cell: Cell, factor: float) -> Cell:
    p50 = cell.latency_ms.p50
    scaled = {name: (getattr(p50, name) or 0) * factor for name in ("value", "low", "high")}
    latency = cell.latency_ms.model_copy(update={"p50": p50.model_copy(update=scaled)})
    return cell.model_copy(update={"latency_ms": latency})


@pytest.mark.parametrize(
    ("value", "floor", "text"),
    [
        (Value(value=4.12), 0.005, "4.1"),
        (Value(value=4.12, low=4.0, high=4.2), 0.005, "4.2"),
        (Value(value=0.0412), 0.005, "0.041"),
        (Value(value=41_234_567.0), 0.005, "41000000"),
        (Value(value=1.0, low=-9.0, high=11.0), 0.005, "1"),
        (Value(value=3.0), 0.0, "3"),
        (Value(value=0.0), 0.005, "0"),
    ],
)
def test_a_figure_is_told_no_finer_than_it_is_known(value: Value, floor: float, text: str) -> None:
    assert rounded(value, 1.0, floor) == text


def test_a_label_may_hold_anything() -> None:
    made = demo()
    name = 'a"b\\n\n#{}=,'
    cells = [cell.model_copy(update={"variant": name}) for cell in made.results.cells[:1]]
    (family,) = (
        f for f in families(exports.openmetrics(changed(made, cells=cells).results))
        if f.name == "farm_latency_seconds"
    )  # fmt: skip
    assert {sample.labels["variant"] for sample in family.samples} == {name}


@PAGE
def test_a_spreadsheet_has_a_row_for_each_cell_with_every_figure(name: str) -> None:
    made = PAGES[name]()
    text = exports.sheet(made.results)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    frame = pd.read_csv(io.StringIO(text, newline=""))
    assert len(rows) == len(frame) == len(made.results.cells)
    for row, cell in zip(rows, made.results.cells, strict=True):
        p50 = cell.latency_ms.p50.value
        assert row["state"] == cell.state
        assert row["p50_ms"] == ("" if p50 is None else repr(p50))
        assert None not in row
    assert text.replace("\r\n", "").count("\r") == 0


def test_a_text_is_never_calculated_by_a_spreadsheet() -> None:
    made = demo()
    reasons = ['=HYPERLINK("http://x")', "+1", "-2", "@x", "\tx", 'plain, with "quotes"\r\nand lines']
    cells = [not_run_cell(c, reason) for c, reason in zip(made.results.cells, reasons, strict=True)]
    text = exports.sheet(changed(made, cells=cells).results)
    found = [row["reason"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert found == [f"'{reason}" for reason in reasons[:5]] + reasons[5:]
    assert "-0.3" in exports.sheet(changed(made, cells=[minus(made.results.cells[0])]).results)


def minus(cell: Cell) -> Cell:
    return cell.model_copy(update={"accuracy": cell.accuracy.model_copy(update={"delta_pt": -0.3})})


@PAGE
def test_markdown_is_one_document_whose_only_markup_is_the_fold(name: str) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(exports.summary(PAGES[name]().results))
    rows = [index for index, token in enumerate(tokens) if token.type == "tr_open"]
    assert rows
    assert tokens[0].type == "heading_open"
    raw = "".join(token.content for token in tokens if token.type.startswith("html"))
    assert set(re.findall(r"<[^>]+>", raw)) <= {"<details>", "<summary>", "</summary>", "</details>"}


def annotated(made: Made, *place: str) -> list[tuple[str, dict[str, str], str]]:
    """As the runner reads them: every line a command, its properties and its text unescaped."""
    found = []
    for line in exports.annotated(made.results, *place).splitlines():
        match = COMMAND.fullmatch(line)
        assert match, line
        pairs = (pair.split("=", 1) for pair in match[2].split(","))
        found.append((match[1], {name: unescaped(value) for name, value in pairs}, unescaped(match[3])))
    return found


def unescaped(text: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_an_annotation_points_at_the_line_of_the_limit_that_was_missed() -> None:
    text = "int8-qdq on vim4: p50 19.6 ms (95 % CI 19.5 ms to 19.7 ms), limit 18ms"
    assert annotated(failed()) == [
        ("error", {"file": "variants.yaml", "line": "7", "title": "latency_p50 18ms missed"}, text)
    ]
    ((level, _, undecided),) = annotated(inconclusive())
    assert level == "warning"
    assert undecided.startswith("int8-qdq on vim4: p50")


@PAGE
def test_a_run_has_at_most_five_annotations_and_none_for_what_is_in_order(name: str) -> None:
    made = PAGES[name]()
    open_ = [gate for gate in made.results.gates if gate.verdict in {"failed", "inconclusive"}]
    assert len(annotated(made)) == min(5, len(open_))
    assert annotated(partial(5)) == []


def gates(made: Made, *gated: Gate) -> Made:
    return Made(made.results.model_copy(update={"gates": list(gated)}), made.samples)


def gate(verdict: Any, line: str | None = "models/variants.yaml:3", *, count: int = 1, reason: str = "slow") -> Gate:
    cells = [GateCell(board=f"b{i}", variant="v", value=None, verdict=verdict, reason=reason) for i in range(count)]
    return Gate(kind="limit", metric="size", bound="1MB", verdict=verdict, worst=None, cells=cells, line=line)


def test_a_budget_is_told_from_a_limit() -> None:
    made = gates(demo(), gate("failed").model_copy(update={"kind": "budget", "bound": "+5%"}))
    assert annotated(made)[0][1]["title"] == "budget size +5% missed"


def test_what_failed_comes_before_what_is_undecided_and_boards_are_counted() -> None:
    made = gates(demo(), *[gate("inconclusive")] * 4, gate("passed"), gate("failed", count=3), gate("failed"))
    found = annotated(made)
    assert [level for level, *_ in found] == ["error", "error", "warning", "warning", "warning"]
    assert found[0][2] == "v on b0: slow; and 2 more"


@pytest.mark.parametrize(
    ("line", "here", "root", "file"),
    [
        ("variants.yaml:3", "", "", "variants.yaml"),
        ("./models/variants.yaml:3", "/repo", "/repo", "models/variants.yaml"),
        ("variants.yaml:3", "/repo/sub", "/repo", "sub/variants.yaml"),
        ("/repo/a b/variants.yaml:3", "/elsewhere", "/repo/", "a b/variants.yaml"),
        ("/other/variants.yaml:3", "/repo", "/repo", None),
        ("../variants.yaml:3", "/repo", "/repo", None),
        (None, "/repo", "/repo", None),
    ],
)
def test_only_a_file_of_the_repository_is_named_and_from_its_root(
    line: str | None, here: str, root: str, file: str | None
) -> None:
    ((_, properties, _),) = annotated(gates(demo(), gate("failed", line)), here, root)
    assert properties.get("file") == file
    assert ("line" in properties) == (file is not None)


@pytest.mark.parametrize("text", [*HOSTILE, "two\r\n::error::lines", "100 %0A, a: b", "\x1b[31m red", "x" * 10_000])
def test_a_text_cannot_become_a_command_of_its_own(text: str) -> None:
    ((level, properties, told),) = annotated(gates(demo(), gate("failed", f"{text}:3", reason=text)))
    assert level == "error"
    assert set(properties) <= {"file", "line", "title"}
    assert "\x1b" not in told
    assert text[:200].replace("\x1b", "\ufffd") in told
