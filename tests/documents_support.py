"""The project's documents taken apart: their commands, their links, their tables; and the first hour, walked."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from run_support import ROOT
from setup_support import Terminal

FENCE = re.compile(r"^```(\w*)$")
MARK = re.compile(r"<!-- not run: (.+) -->")
HEADING = re.compile(r"^#{1,6} (.+)$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`(farm [^`]*)`")
FIRST_HOUR = "The first hour"
ANSWERS = (("Do that now [Y/n]: ", "y\n"),)
PATIENCE_S = 1200.0
TAKEN = ("LANG", "LC_ALL", "TMPDIR")  # of the tester's variables; and whatever says how pip reaches its index
REACHES = re.compile(r"PIP_.*|SSL_CERT_.*|(https?|no|all)_proxy", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """A fenced block. `reason`: why its commands cannot be run by a test; None where they are."""

    document: str
    line: int
    section: str
    language: str
    reason: str | None
    text: str

    @property
    def commands(self) -> list[str]:
        """One for each line, continued ones joined."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]


def documents() -> list[Path]:
    patterns = ("*.md", ".github/*.md", "[a-z]*/*.md", "examples/*/*.md")
    return sorted({path for pattern in patterns for path in ROOT.glob(pattern)})


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path) -> Iterator[Block]:
    section, reason, begun = "", None, None
    inside: list[str] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if begun is not None and line == "```":
            yield Block(shown(path), begun[0], section, begun[1], reason, "\n".join(inside))
            begun, reason, inside = None, None, []
        elif begun is not None:
            inside.append(line)
        elif fence:
            begun = number, fence[1]
        elif line.strip():
            section = found[1] if (found := HEADING.match(line)) else section
            reason = mark[1] if (mark := MARK.fullmatch(line)) else None


def shell(path: Path) -> list[Block]:
    return [block for block in blocks(path) if block.language == "sh"]


def prose(path: Path) -> str:
    """The document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """Of its headings, as they are made where documents are shown."""
    found = [match[1] for line in prose(path).splitlines() if (match := HEADING.match(line))]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}


def table(path: Path, first: str) -> list[list[str]]:
    """The rows of the tables whose first column has this head."""
    rows: list[list[str]] = []
    wanted = False
    for line in path.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")] if line.startswith("|") else []
        if cells and not wanted:
            wanted = cells[0] == first
        elif not cells:
            wanted = False
        elif not set(line) <= set("|-: "):
            rows.append(cells)
    return rows


class Shell(Terminal):
    """A person at a shell, who types the lines of a file and sees each one's exit code."""

    program: Sequence[str] = ("/bin/sh",)
    patience_s = PATIENCE_S


@dataclass(frozen=True)
class Walked:
    """What came of it. `codes`: (command, exit code) in order."""

    took_s: float
    codes: tuple[tuple[str, int], ...]
    said: str
    farm: Path


def walk(folder: Path) -> Walked:
    """The first hour of README.md word for word, from a copy of the sources, in an empty home folder."""
    farm, home = folder / "benchfarm", folder / "home"
    home.mkdir()
    shutil.copytree(ROOT, farm, ignore=_not_sources)
    commands = [line for block in shell(ROOT / "README.md") if block.section == FIRST_HOUR for line in block.commands]
    script = folder / "first-hour.sh"
    script.write_text("".join(f"{line}\necho line {number} ended with $?\n" for number, line in enumerate(commands)))
    begin = time.monotonic()
    shell_ = Shell(farm, _plain_env(home), str(script))
    for question, answer in ANSWERS:
        shell_.until(question)
        shell_.type(answer)
    shell_.end()
    took_s = time.monotonic() - begin
    codes = dict(re.findall(r"line (\d+) ended with (\d+)", shell_.said))
    pairs = tuple((line, int(codes.get(str(number), -1))) for number, line in enumerate(commands))
    return Walked(took_s, pairs, "\n".join(shell_.lines), farm)


def _plain_env(home: Path) -> dict[str, str]:
    """`python3` is the one the tests were made with, without its packages."""
    kept = {name: value for name, value in os.environ.items() if name in TAKEN or REACHES.fullmatch(name)}
    return {**kept, "HOME": str(home), "PATH": f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}


def _not_sources(folder: str, names: list[str]) -> set[str]:
    """State, caches, environments."""
    at_top = Path(folder) == ROOT
    return {
        name
        for name in names
        if name == "__pycache__" or (at_top and (name.startswith(".") or name in {"runs", "dist"}))
    }
