"""What a newcomer pays: the time of the demo, the room on the disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import farm_agents
import farm_inventory
import farm_lab
import farm_orchestrator
import farm_reports
from bench.desks import DEMO, new_desk
from bench.figures import exactly
from bench.rows import Row, at_most, measured
from documents_support import walk
from run_support import DIGITS

PROJECT = "benchfarm"
OWN = (farm_agents, farm_inventory, farm_lab, farm_orchestrator, farm_reports)


def demo(folder: Path, rounds: int) -> list[Row]:
    """The command that `make demo` runs, once: it is long, and its bound is far."""
    del rounds
    begin = time.monotonic()
    said = new_desk(folder / "desk").farm(*DEMO)
    took_s = time.monotonic() - begin
    if said.code != 0:
        raise RuntimeError(f"the demo ended with {said.code}: {said.err[-500:]}")
    return [measured("`make demo` after set-up", exactly(took_s, "1 run"), "s", at_most(120))]


def first_hour(folder: Path, rounds: int) -> list[Row]:
    """From the sources in an empty home to the end of the README's first run, once."""
    del rounds
    walked = walk(folder)
    wrong = [f"{line}: {code}" for line, code in walked.codes if code != 0]
    if wrong:
        raise RuntimeError("; ".join(wrong))
    how = "its first hour typed word for word: install, two virtual boards, init, bootstrap, doctor, run"
    return [measured("README to the first verdict", exactly(walked.took_s, "1 run"), "s", at_most(300), versus=how)]


def footprint(folder: Path, rounds: int) -> list[Row]:
    del folder, rounds
    found = {canonicalize_name(each.name): each for each in _with_dependencies(PROJECT, set())}
    own = _own_bytes() / 1e6
    others = sum(_bytes(each) for name, each in found.items() if name != PROJECT) / 1e6
    of = f"{own:.1f} MB of them its own, with its example"
    return [
        measured("installed, with all dependencies", exactly(own + others, of), "MB"),
        measured("packages it takes", exactly(len(found) - 1, "itself not counted"), "packages"),
    ]


def _with_dependencies(name: str, seen: set[str]) -> Iterator[Distribution]:
    """Without extras; markers are those of this machine."""
    key = canonicalize_name(name)
    if key in seen:
        return
    seen.add(key)
    found = distribution(name)
    yield found
    for text in found.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield from _with_dependencies(needed.name, seen)


def _bytes(package: Distribution) -> int:
    """What its installer wrote, compiled files included."""
    if package.files is None:
        raise PackageNotFoundError(f"{package.name} has no record of its files")
    paths = [Path(str(package.locate_file(file))) for file in package.files]
    return sum(path.stat().st_size for path in paths if path.exists())


def _own_bytes() -> int:
    """An editable installation lists no files, so ours are counted where they lie."""
    roots = [Path(package.__path__[0]) for package in OWN]
    return sum(_below(root) for root in (*roots, DIGITS))


def _below(root: Path) -> int:
    """`make` is left out of the wheel's example."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
