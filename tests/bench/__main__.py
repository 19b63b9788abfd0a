"""What is measured, in the order of the table, and what becomes of it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import (
    bias,
    command,
    connections,
    cost,
    fleets,
    install,
    interrupt,
    lab,
    lanes,
    machine,
    output,
    pages,
    physics,
    push,
    reports,
    runner,
    sampler,
    sharing,
    trust,
    verdicts,
    writer,
)
from bench.output import Json
from bench.rows import Row, not_measured
from farm_lab.places import LabError
from farm_orchestrator.errors import FarmError

ROUNDS = 5
TROUBLE = (AssertionError, FarmError, LabError, ImportError, LookupError, OSError, ValueError, RuntimeError,
           subprocess.SubprocessError)  # fmt: skip


class Bench(NamedTuple):
    """`rows(folder, rounds)` measures in a folder of its own; `title` stands for them where they cannot be had."""

    name: str
    title: str
    rows: Callable[[Path, int], Sequence[Row]]


BENCHES = (
    Bench("floor", "floor of the runner", runner.floor),
    Bench("loadgen", "runner against MLPerf LoadGen", runner.against_loadgen),
    Bench("loop", "runner against a loop in C", runner.against_loop),
    Bench("lanes", "8 boards x 16 launches", lanes.eight_boards),
    Bench("fleets", "1, 10, 100, 500 boards on one worker", fleets.sizes),
    Bench("push", "push of 100 MB", push.hundred_megabytes),
    Bench("connections", "200 SSH connections", connections.two_hundred),
    Bench("start", "`farm run` to the first job", command.first_job),
    Bench("help", "`farm --help`", command.help_text),
    Bench("memory", "memory of `farm run`", command.memory),
    Bench("recovery", "recovery from kill -9 of the worker", command.recovery),
    Bench("interrupt", "Ctrl-C", interrupt.once_and_twice),
    Bench("cancel", "`farm runs cancel`", sharing.cancelled),
    Bench("finish", "finish of a run, told at half time", sharing.finish),
    Bench("lab", "`farm lab up` and `down`", lab.three_boards),
    Bench("slow-down", "slow-down of virtual boards", physics.slow_down),
    Bench("physics-cost", "cost of the physics", physics.cost),
    Bench("writer", "SQLite writer", writer.sixteen_threads),
    Bench("page", "rendering of the page", pages.two_sizes),
    Bench("report-100x50", "report of 100 boards x 50 variants", reports.large),
    Bench("report-8x12", "report of 8 boards x 12 variants", reports.small),
    Bench("demo", "`make demo`", install.demo),
    Bench("first-hour", "README to the first verdict", install.first_hour),
    Bench("footprint", "installed footprint", install.footprint),
    Bench("cost", "cost of the statistics", cost.statistics),
    Bench("sampler-cost", "cost of the sampler", sampler.cost),
    Bench("trust", "A/A and A/B on this machine", trust.quiet),
    Bench("trust-virtual", "A/A and A/B on virtual boards", trust.virtual),
    Bench("trust-load", "A/A and A/B under load", trust.loaded),
    Bench("bias", "bias on a heating board", bias.heating),
    Bench("verdict-time", "12 variants to a verdict", verdicts.three_presets),
)


def main() -> int:
    asked = _arguments()
    described = machine.describe()
    found = list(_documents(asked.names, asked.rounds, described))
    documents = (
        output.merged(output.saved(described), found, [bench.name for bench in BENCHES]) if asked.keep else found
    )
    output.save(documents)
    table = output.table(documents, described)
    print(table)  # noqa: T201  # a table on stdout is what this command is for
    if asked.readme:
        output.into_readme(table)
    return 1 if any(document["ok"] is None for document in found) else 0


def _arguments() -> argparse.Namespace:
    """`names`: of the benches that are wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [bench.name for bench in BENCHES]
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    some.add_argument("--skip", nargs="+", choices=names, metavar="NAME", default=[], help="all but these")
    parser.add_argument("--keep", action="store_true", help="the rows of the others as this machine had them last")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="rounds of each row  [%(default)s]")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    asked = parser.parse_args()
    asked.names = asked.only or [name for name in names if name not in asked.skip]
    if asked.rounds < 1:
        parser.error("--rounds: at least one")
    if asked.readme and not asked.keep and asked.names != names:
        parser.error("--readme takes the whole table: with --only or --skip it needs --keep")
    return asked


def _documents(names: Sequence[str], rounds: int, described: str) -> Iterator[Json]:
    """One broken bench costs its own rows."""
    for bench in BENCHES:
        if bench.name in names:
            sys.stderr.write(f"{bench.title} ...\n")
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                for row in _measured(bench, Path(folder), rounds):
                    yield output.document(row, described, bench.name)


def _measured(bench: Bench, folder: Path, rounds: int) -> Sequence[Row]:
    try:
        return bench.rows(folder, rounds)
    except TROUBLE as error:
        return [not_measured(bench.title, f"{type(error).__name__}: {error}")]


if __name__ == "__main__":
    sys.exit(main())
