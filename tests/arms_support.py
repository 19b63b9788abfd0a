"""Runs whose old artefacts ran in their own blocks, for the tests of the plan and of the judgement."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from farm_orchestrator.model import FLOOR, PRESETS, Limits
from farm_orchestrator.plan import Old as OldFile
from farm_orchestrator.plan import Pasts, Plan, Wish, make_plan, plan_points
from farm_reports import judge
from farm_reports.results import Results
from farm_reports.tables import PAST, Against, BoardRecord, LaunchRecord, Old, Tables
from plan_support import AGENT, variant
from tables_support import NAMES, POINT, TIMES, launch, tables

THEN = "20260101-000000-0000"
ABOUT = {"id": THEN, "name": None, "created": "2026-01-01T00:00:00Z", "sha": None}


def planned(
    names: Sequence[str] = ("fp32", "int8"),
    olds: Sequence[str] = ("fp32", "int8"),
    *,
    boards: Sequence[str] = ("b0",),
    limits: Limits | None = None,
    preset: str = "ci",
    threads: Sequence[int] = (),
    skipped: Mapping[tuple[str, str, str], str] | None = None,
    **options: Any,
) -> Plan:
    """A plan in which `olds` have an old artefact on every board at every point."""
    wish = Wish(PRESETS[preset], limits or Limits(), threads=threads, **options)
    given = [{"name": name} for name in boards]
    points = plan_points(wish, given)
    old = {
        (board, name, point): OldFile(dataclasses.replace(variant(name), name=name + PAST, sha256="f" * 64), THEN)
        for board in boards for point in points[board] for name in olds
    }  # fmt: skip
    return make_plan(
        run="20260102-000000-abcd", boards=given, variants=[variant(name) for name in names], baseline=names[0], seed=1,
        agent=AGENT, floor=variant(FLOOR), wish=wish, pasts=Pasts(old, skipped=skipped or {}),
    )  # fmt: skip


def records(
    changes: Mapping[str, float],
    *,
    boards: Sequence[str] = ("rpi5",),
    blocks: int = 12,
    sd: float = 0.002,
    seed: int = 1,
    drift: float = 0.0,
    memory: Mapping[str, float] | None = None,
) -> list[LaunchRecord]:
    """Launches of every variant, and of what those in `changes` were: 0.1 means that they got 10 % slower since then.

    `drift`: what a block does to all of its launches, as a standard deviation of logs.
    """
    rng = np.random.default_rng(seed)
    made: list[LaunchRecord] = []
    for board in boards:
        for block in range(blocks):
            shared = rng.normal(0, drift)
            for name in (*NAMES, *(each + PAST for each in changes)):
                own = name.removesuffix(PAST)
                base = TIMES[own] / (1 + changes.get(own, 0.0) if name.endswith(PAST) else 1.0)
                took = base * float(np.exp(shared + rng.normal(0, sd)))
                more = (memory or {}).get(own, 0.0) if not name.endswith(PAST) else 0.0
                facts = {"peak_memory": round(60_000_000 * (1 + more) * float(np.exp(rng.normal(0, 0.001))))}
                made.append(launch(len(made) + 1, board, name, block + 10, took, facts=facts))
    return made


def against(
    olds: Sequence[str] = ("int8",),
    *,
    boards: Sequence[str] = ("rpi5",),
    same: Sequence[str] = (),
    without: Mapping[tuple[str, str, str], str] | None = None,
    bytes_: Mapping[str, int] | None = None,
    **budgets: str,
) -> Against:
    """`same`: variants whose file is the one of then."""
    old = {
        (board, name, POINT): Old(f"{name:0>64}"[:64] if name in same else "f" * 64, (bytes_ or {}).get(name, 300_000), THEN)
        for board in boards for name in (*olds, *same)
    }  # fmt: skip
    return Against(
        ABOUT, old, without or {}, {metric: {"bound": text, "line": None} for metric, text in budgets.items()}
    )


def held(changes: Mapping[str, float], past: Against | None = None, **more: Any) -> Tables:
    """The tables of such a run."""
    own = {name: more.pop(name) for name in ("blocks", "sd", "seed", "drift", "memory") if name in more}
    boards = tuple(more.get("boards", ("rpi5",)))
    found = past or against(tuple(changes), boards=boards)
    return tables(more.pop("records", None) or records(changes, boards=boards, **own), against=found, **more)


def judged(changes: Mapping[str, float], past: Against | None = None, **more: Any) -> Results:
    return judge.results(held(changes, past, **more))


def by_board(whole: Tables) -> Results:
    """The same judged board by board, as the farm does it."""
    gated = judge.comparisons(whole)
    parts = [judge.results(_of_board(whole, board, gated)) for board in whole.boards]
    return judge.merged(dataclasses.replace(whole, launches=()), parts)


def _of_board(whole: Tables, board: BoardRecord, gated: int) -> Tables:
    of, name = whole.against, board.name
    old = {key: each for key, each in of.old.items() if key[0] == name} if of else {}
    return dataclasses.replace(
        whole, boards=(board,), cells=tuple(each for each in whole.cells if each.board == name),
        launches=tuple(each for each in whole.launches if each.board == name), gated=gated, min_boards=1,
        against=None if of is None else dataclasses.replace(of, old=old),
    )  # fmt: skip
