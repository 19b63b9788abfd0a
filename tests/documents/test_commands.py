"""Every command in the documents is one that exists; those that can be run here are run, word for word."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import suppress
from pathlib import Path

import click
import pytest

from documents_support import FIRST_HOUR, INLINE, Block, documents, prose, shell, shown
from farm_orchestrator.cli import farm
from run_support import Desk

SHELL = [block for path in documents() for block in shell(path)]
BLOCKS = [(shown(path), line) for path in documents() for block in shell(path) for line in block.commands]
PROSE = [(shown(path), line) for path in documents() for line in INLINE.findall(prose(path))]
ABRIDGED = ("|", "...", "…")  # several commands in one, or a part left out
RUN = {path: [b for b in shell(path) if b.reason is None and b.section != FIRST_HOUR] for path in documents()}
PATIENCE_S = 900.0


@pytest.mark.parametrize("block", SHELL, ids=lambda block: f"{block.document}:{block.line}")
def test_every_block_is_something_a_shell_can_read(block: Block) -> None:
    read = subprocess.run(["sh", "-n"], input=block.text, text=True, capture_output=True, timeout=60, check=False)
    assert read.returncode == 0, read.stderr


def _complete(line: str) -> bool:
    return not any(mark in line for mark in ABRIDGED)


@pytest.mark.parametrize(("document", "line"), [pair for pair in BLOCKS if pair[1].startswith("farm ")])
def test_every_farm_command_has_its_options_and_arguments(
    document: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)[1:]
    for flag, make in (("--wheelhouse", Path.mkdir), ("--python-archive", Path.touch)):
        if flag in words:  # click looks whether these are there
            make(Path(words[words.index(flag) + 1]))
    _parse(farm, words)


@pytest.mark.parametrize(("document", "line"), PROSE)
def test_a_command_that_a_sentence_names_exists(document: str, line: str) -> None:
    """A sentence may leave arguments out, but it may not invent any."""
    if not any(mark in line for mark in ABRIDGED):
        with suppress(click.MissingParameter, click.exceptions.Exit):
            _parse(farm, shlex.split(line)[1:])


def _parse(command: click.Command, words: list[str]) -> None:
    """Raises click.ClickException at what the command would refuse."""
    context = click.Context(command, info_name="farm")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    if words or not isinstance(command, click.Group):
        command.make_context("farm", words)


def test_a_command_that_does_not_exist_would_be_found() -> None:
    for words in (["boards", "frobnicate"], ["run", "--fast"], ["lab", "up", "-n", "many"]):
        with pytest.raises((click.ClickException, AssertionError)):
            _parse(farm, words)


@pytest.mark.parametrize("path", [path for path, found in RUN.items() if found], ids=shown)
def test_each_line_does_what_the_document_says(path: Path, desk: Desk) -> None:
    (desk.folder / "home").mkdir(exist_ok=True)
    for line in (line for block in RUN[path] for line in block.commands):
        done = subprocess.run(
            ["sh", "-c", line], cwd=desk.folder, env=desk.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_what_is_not_run_says_why_and_is_little() -> None:
    """Administrators' lines on boards, and what needs hardware or a password; everything else must be run."""
    exempt = [block for block in SHELL if block.reason is not None]
    assert all(len(str(block.reason)) > 10 for block in exempt)
    runs = [line for block in exempt for line in block.commands if line.startswith("farm run")]
    assert len(runs) <= 3, runs
