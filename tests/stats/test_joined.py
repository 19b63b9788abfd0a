"""A run judged board by board says what it says judged as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from farm_reports import judge
from farm_reports.results import Results
from farm_reports.tables import BoardRecord, LaunchRecord, Tables
from tables_support import POINT, TIMES, launch, launches, tables

BOARDS = ("a", "b", "c", "d")
SLOW = {("b", "int8"): 1.5, ("c", "int8"): 1.9, ("c", "struct50"): 4.0, ("d", "int8"): 0.8}
PINS = tuple(POINT.replace("/stock/", f"/{khz}/") for khz in (1_000_000, 2_000_000))
LIMITS = {"latency_p50": "0.5x", "latency_p99": "9ms", "size": "400kB", "accuracy": "-0.3pt", "peak_memory": "+5%"}


def timed(names: Sequence[str] = BOARDS, point: str = POINT, **facts: Any) -> list[LaunchRecord]:
    rng = np.random.default_rng(7)
    found = launches(
        names,
        blocks=12,
        point=point,
        time_ns=lambda board, name, _: TIMES[name] * SLOW.get((board, name), 1.0) * float(np.exp(rng.normal(0, 0.004))),
    )
    return [replace(each, facts={**each.facts, **facts}) for each in found]


def whole_and_joined(made: Tables) -> tuple[Results, Results]:
    bare = replace(made, launches=(), samples={})
    gated = judge.comparisons(bare)
    parts = [judge.results(_of(made, each, gated)) for each in made.boards]
    return judge.results(made), judge.merged(bare, parts)


def _of(made: Tables, board: BoardRecord, gated: int) -> Tables:
    return replace(
        made,
        boards=(board,),
        launches=tuple(each for each in made.launches if each.board == board.name),
        cells=tuple(each for each in made.cells if each.board == board.name),
        gated=gated,
    )


def full(**more: Any) -> Tables:
    """Boards of two types, one that was lost, one on which a variant crashes."""
    records = [each for each in timed(BOARDS[:3]) if (each.board, each.variant) != ("b", "struct50")]
    records.append(launch(900, "b", "struct50", 2, 0, state="failed", outcome="CRASH(11)", phase=0))
    records = [replace(each, id=number) for number, each in enumerate(records)]
    rng = np.random.default_rng(8)
    samples = {
        each.id: np.asarray(each.p50_ns * np.exp(rng.normal(0, 0.01, 500)), dtype=np.int64)
        for each in records
        if each.p50_ns
    }
    boards = tuple(
        BoardRecord(name, {"type": "pi" if name < "c" else "nano"}, reason="link lost" if name == "d" else None)
        for name in BOARDS
    )
    given = {"limits": LIMITS, "ship": ("int8", "struct*"), "lines": {"size": "variants.yaml:3"}, "min_boards": 3}
    return tables(records, boards=boards, samples=samples, **{**given, **more})


@pytest.mark.parametrize(
    "made",
    [
        full(),
        full(limits={}),
        full(limits={"latency_p50": "+900%"}),
        full(ship=()),
        full(min_boards=4),
        full(partial=True),
        full(compare=False, limits={"latency_p50": "2ms"}),
        tables(timed(), boards=BOARDS),
        tables([], boards=BOARDS),
        tables(
            [*timed(point=PINS[0], pin={"held": True}), *timed(point=PINS[1], pin={"held": False, "reason": "hot"})],
            boards=BOARDS,
            points=PINS,
            limits=LIMITS,
            ship=("int8",),
        ),
    ],
    ids=["full", "no limits", "wide", "nothing to ship", "too few", "partial", "alone", "plain", "nothing", "swept"],
)
def test_board_by_board_is_the_whole(made: Tables) -> None:
    whole, joined = whole_and_joined(made)
    assert joined.document() == whole.document()
