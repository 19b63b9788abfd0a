"""What the documents list is what there is: findings, words, fields, packages, versions, messages, links."""

from __future__ import annotations

import ast
import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from packaging.requirements import Requirement

from documents_support import LINK, anchors, blocks, documents, prose, shown, table
from farm_inventory import load, parse_document
from farm_inventory.fields import Fields
from farm_orchestrator import config
from farm_orchestrator.bootstrap import table as released
from farm_orchestrator.farm_yaml import FarmFile
from farm_orchestrator.variants.document import VariantsFile
from farm_reports import findings, meanings, verdict
from farm_reports.past import PastWord
from farm_reports.results import BaselineWord, CellState, GateWord
from run_support import ROOT

REPORT, BOARDS, INVENTORY = (ROOT / room / "README.md" for room in ("reports", "agents", "inventory"))
ORCHESTRATOR, TROUBLE = ROOT / "orchestrator" / "README.md", ROOT / "orchestrator" / "TROUBLESHOOTING.md"
GATES: tuple[GateWord, ...] = get_args(GateWord)
INCONCLUSIVE = ("warn", "fail")


@pytest.mark.parametrize("path", documents(), ids=shown)
def test_every_link_leads_to_a_file_and_a_heading_of_it(path: Path) -> None:
    for link in LINK.findall(prose(path)):
        if not re.match(r"https?://", link):
            place, _, heading = link.partition("#")
            target = (path.parent / place).resolve() if place else path
            assert target.is_file(), link
            assert not heading or heading in anchors(target), link


def test_every_finding_stands_in_the_report_s_document_with_its_own_words() -> None:
    rows = {name.strip("`"): (means, do) for name, means, do in table(REPORT, "finding")}
    assert rows == {name.value: (findings.TEXTS[name], findings.DO[name]) for name in findings.Name}


def test_the_words_of_comparisons_and_cells_are_explained() -> None:
    assert set(_words(REPORT, "against the baseline")) == set(get_args(BaselineWord))
    assert set(_words(REPORT, "against the past")) == set(get_args(PastWord))
    assert set(_words(REPORT, "a cell")) == set(get_args(CellState))


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("term", meanings.TERMS),
        ("where the time goes", meanings.PROFILED),
        ("against the baseline", meanings.COMPARED),
        ("against the past", {**meanings.PAST, **meanings.SINCE}),
        ("the run", meanings.RUN),
        ("over all boards", meanings.FLEET),
    ],
)
def test_a_word_means_the_same_in_the_document_and_on_the_page(head: str, told: dict[str, str]) -> None:
    assert {row[0].replace("`", ""): row[1] for row in table(REPORT, head)} == told


def test_a_cell_means_the_same_in_the_document_and_on_the_page() -> None:
    rows = {row[0].strip("`"): row[1] for row in table(REPORT, "a cell")}
    assert rows == {word: meanings.CELL[word] for word in rows}
    assert set(meanings.CELL) == set(get_args(CellState))


def test_every_word_of_a_run_has_its_exit_code() -> None:
    """All that any gates, any number of boards and any choice about inconclusive runs can lead to."""
    gates = [chosen for size in range(len(GATES) + 1) for chosen in itertools.combinations(GATES, size)]
    words = {verdict.run(chosen, boards, 1) for chosen in gates for boards in (0, 1)}
    words |= {verdict.run((), 1, 1, chosen) for chosen in gates}
    assert {word for (word,) in ([row[0].strip("`")] for row in table(REPORT, "the run"))} == words
    pairs = {(verdict.exit_code(word, choice), word) for word in words for choice in INCONCLUSIVE}
    documented = {(int(row[0]), word) for row in table(TROUBLE, "code") for word in re.findall(r"`(\w+)`", row[1])}
    assert documented == pairs
    for word, _, codes in table(REPORT, "the run"):
        assert {int(code) for code in re.findall(r"\b\d+\b", codes)} == {c for c, w in pairs if w == word.strip("`")}
    readme = [int(row[0]) for row in table(ROOT / "README.md", "exit code")]
    assert readme == [int(row[0]) for row in table(TROUBLE, "code")] == [0, 1, 2, 3, 4, 130]


def test_every_field_of_a_board_is_explained_with_an_example_that_is_accepted(tmp_path: Path) -> None:
    rows = {row[0].strip("`"): row[1].strip("`") for row in table(INVENTORY, "field")}
    assert set(rows) == set(Fields.model_fields)
    for field, example in rows.items():
        file = tmp_path / f"{field}.yaml"
        file.write_text(f"boards:\n  b:\n    {example}\n")
        board = load(file, tmp_path)[0]
        assert example.startswith(f"{field}: ")
        assert getattr(board, field) is not None


def test_every_yaml_block_is_accepted(tmp_path: Path) -> None:
    found = [block for path in documents() for block in blocks(path) if block.language == "yaml"]
    assert len(found) >= 4
    for number, block in enumerate(found):
        if block.text.startswith(("boards:", "all:")):
            file = tmp_path / f"{number}.yaml"
            file.write_text(block.text)
            assert load(file, tmp_path)
        else:
            form = FarmFile if block.text.startswith(("notify:", "store:", "nightly:")) else VariantsFile
            assert parse_document(block.text, f"{block.document}:{block.line}", form)


def test_every_package_that_is_installed_is_listed() -> None:
    listed = {name for row in table(ORCHESTRATOR, "package") for name in re.findall(r"`([^`]+)`", row[0])}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert listed == {Requirement(text).name for text in project["dependencies"]}
    extras = re.findall(
        r"`([\w-]+)`", prose(ORCHESTRATOR).partition("## What an installation brings")[2].partition("## ")[0]
    )
    assert set(project["optional-dependencies"]) <= set(extras)


def test_the_newest_runtime_of_each_system_is_that_of_the_table() -> None:
    rows = table(BOARDS, "system")
    assert len(rows) == 7
    for _, glibc, python, own, brought in rows:
        told = _release(glibc), _release(python)
        assert str(released.newest("aarch64", *told)).lower() == own
        assert released.newest("aarch64", told[0], (3, 11)) == brought


def _release(text: str) -> released.Release:
    major, minor = text.split(".")
    return int(major), int(minor)


MESSAGES = [(row[0].strip("`"), row) for row in table(TROUBLE, "message")]


@pytest.mark.parametrize("message", [text for text, _ in MESSAGES])
def test_every_message_is_one_that_the_source_can_say(message: str) -> None:
    """`…` stands for whatever is put in; what is left must stand in one text, in this order."""
    shape = re.compile(".*".join(map(re.escape, message.split("…"))), re.DOTALL)
    assert any(shape.search(text) for text in _texts()), message


def test_every_message_comes_with_a_remedy() -> None:
    assert len(MESSAGES) > 50
    assert all(len(row) == 3 and all(row) for _, row in MESSAGES)


def test_a_message_that_nobody_says_would_be_found() -> None:
    assert not any("the board is on fire" in text for text in _texts())


_FOUND: list[str] = []


def _texts() -> list[str]:
    """Every string of the source; what an f-string puts in is left as a gap."""
    if not _FOUND:
        rooms = [ROOT / room for room in ("orchestrator", "inventory", "agents")]
        _FOUND.extend(text for room in rooms for file in room.rglob("*.py") for text in _strings(file))
    return _FOUND


def _strings(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_folders_and_settings_that_are_named_are_those_that_are_made(tmp_path: Path) -> None:
    settings = config.load(cwd=tmp_path, env={})
    assert (settings.home, settings.runs) == (tmp_path / ".farm", tmp_path / "runs")
    assert "`.farm/`" in ORCHESTRATOR.read_text("utf-8")


def test_the_rooms_of_the_orchestrator_are_all_there() -> None:
    named = {name for row in table(ORCHESTRATOR, "room") for name in re.findall(r"`([^`]+)`", row[0])}
    package = ROOT / "orchestrator" / "farm_orchestrator"
    assert all((package / name).exists() for name in named)
    rooms = {f"{path.name}/" for path in package.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms <= named


def _words(path: Path, first: str) -> list[str]:
    return [word for row in table(path, first) for word in re.findall(r"`(\w+)`", row[0])]
