"""Folders in which `farm` is started, and the journal of the board that is this machine."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from run_support import DIGITS, QUICK, Desk, Said, heard, nothing_left, wait_for

DEMO = ("run", "--variants", DIGITS, *QUICK)


def new_desk(folder: Path) -> Desk:
    folder.mkdir(parents=True)
    return Desk(folder)


def results(desk: Desk, within_s: float, *arguments: str | Path, codes: frozenset[int] = frozenset({0})) -> Any:
    """results.json of a run that may take its time. Raises RuntimeError where it ended with another code."""
    command = desk.start("run", *arguments, "--json", "-q")
    try:
        said = Said(0, *command.communicate(timeout=within_s))
    except subprocess.TimeoutExpired:
        leave(desk, command)
        raise
    if command.returncode not in codes:
        raise RuntimeError(f"farm run ended with {command.returncode}: {said.err[-500:]}")
    return said.results


def starts(desk: Desk) -> list[dict[str, Any]]:
    """Start lines of the local board's journal; a line that is being written is left out."""
    journal = desk.state / "boards" / "local" / "journal.jsonl"
    text = journal.read_text() if journal.exists() else ""
    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in lines if line["event"] == "start"]


def leave(desk: Desk, command: subprocess.Popen[str]) -> None:
    """Ends a command that has shown what it was started for, and waits for all that it started."""
    command.send_signal(signal.SIGINT)
    command.send_signal(signal.SIGTERM)
    heard(command)
    wait_for(lambda: nothing_left(desk), "all processes to end")
