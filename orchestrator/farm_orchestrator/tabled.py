"""From the rows of the store to the tables that the reports take, of a whole run or of one board of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import calibration, plan
from farm_orchestrator import store as stored
from farm_orchestrator.model import Json, Kind, LaunchRow, Phase, State, Variant
from farm_reports.tables import PAST, Against, BoardRecord, CellRecord, LaunchRecord, Old, Tables, VariantRecord

if TYPE_CHECKING:
    from farm_orchestrator.store import CellRow, PartRow, RunRow, Store
    from farm_orchestrator.store.samples import Nanoseconds


@dataclass(frozen=True)
class Stored:
    """All that the store knows of a run, or of one board of it."""

    run: RunRow
    parts: Sequence[PartRow]
    cells: Sequence[CellRow]
    launches: Sequence[LaunchRow]

    @property
    def partial(self) -> bool:
        return self.run.state != "closed" or self.run.cancel


def read(store: Store, run: str) -> Stored:
    return replace(outline(store, run), launches=stored.launches(store, run))


def outline(store: Store, run: str) -> Stored:
    """All but the launches, which are most of it."""
    return Stored(stored.load_run(store, run), stored.part_rows(store, run), stored.cells(store, run), ())


def of_board(store: Store, run: Stored, board: str) -> Stored:
    """What an outline has of one board, and its launches."""
    return Stored(
        run.run,
        [row for row in run.parts if row.part.name == board],
        [cell for cell in run.cells if cell.board == board],
        stored.launches(store, run.run.id, board),
    )


def tables(found: Stored, scored: Mapping[tuple[str, str], Json], timed: Mapping[int, Nanoseconds]) -> Tables:
    """The run as farm_reports takes it."""
    facts, first = found.run.facts, found.parts[0].part
    limits = facts["limits"]
    return Tables(
        run=_run_facts(found),
        boards=_boards(found),
        variants=_variants(first.variants, facts),
        cells=tuple(CellRecord(c.board, c.variant, c.point, c.state, c.reason) for c in _known_cells(found.cells)),
        launches=tuple(launch_record(row) for row in found.launches),
        scores=scored,
        limits=limits["limits"],
        ship=tuple(limits["ship"]),
        lines=limits["lines"],
        baseline=first.baseline,
        compare=first.recipe.compare,
        planned=first.planned_blocks,
        max_blocks=first.max_blocks,
        min_boards=facts["min_boards"],
        partial=found.partial,
        seed=found.run.seed,
        samples=timed,
        confirms=first.confirms,
        unswept=facts.get("unswept", {}),
        against=_against(found),
    )


def _against(found: Stored) -> Against | None:
    """The past that the run was asked about, as far as it is of these boards."""
    told = found.run.facts.get("against")
    if told is None:
        return None
    here = {row.part.name for row in found.parts}
    old, without = ([each for each in told[name] if each["board"] in here] for name in ("old", "without"))
    return Against(
        about=told["about"],
        old={_key(each): Old(each["sha256"], each["bytes"], each["run"]) for each in old},
        without={_key(each): each["reason"] for each in without},
        budgets=_budgets(found.run.facts["limits"]),
    )


def _key(each: Json) -> tuple[str, str, str]:
    return each["board"], each["variant"], each["point"]


def _boards(found: Stored) -> tuple[BoardRecord, ...]:
    """Each with the calibration that was known when the run was planned, as far as it is of the board that answered."""
    return tuple(
        BoardRecord(
            row.part.name, row.part.board, row.facts, row.ended,
            calibration.of_part(row.part, row.facts), plan.promise(row.part),
        )
        for row in found.parts
    )  # fmt: skip


def scores(found: Stored, artefacts: stored.Artefacts, kept: Path) -> dict[tuple[str, str], Json]:
    """(board, variant) -> the accuracy object, from the outputs that the boards sent.

    Where a board ran only the first rows, all of them run here, once: their outputs lie in `kept`.
    """
    from farm_orchestrator.variants.score import score

    labels = found.run.facts["labels"]
    outputs: dict[str, dict[str, Path]] = defaultdict(dict)
    for row in found.launches:
        done = row.phase == Phase.EVALUATE and row.kind == Kind.EVALUATE and row.state == State.DONE
        if done and (sent := row.facts.get("outputs")):  # an agent may say that it is done and send nothing
            outputs[row.board][row.variant] = artefacts.get(sent["sha256"])
    if not labels:
        return {}
    truth = artefacts.get(labels["sha256"])
    baseline = found.parts[0].part.baseline
    scored = {
        (board, name): accuracy
        for board, files in outputs.items()
        for name, accuracy in score(files, baseline, truth, labels).items()
    }
    return scored | _first_rows(found, scored, outputs, artefacts, kept)


def _first_rows(
    found: Stored,
    scored: Mapping[tuple[str, str], Json],
    outputs: Mapping[str, Mapping[str, Path]],
    artefacts: stored.Artefacts,
    kept: Path,
) -> dict[tuple[str, str], Json]:
    """The accuracy objects of boards that ran fewer rows than there are, with why, and with all rows on this machine."""
    labels, part = found.run.facts["labels"], found.parts[0].part
    today = {key: each for key, each in scored.items() if not key[1].endswith(PAST)}
    cut = {key: each for key, each in today.items() if each.get("rows") and each["rows"] < labels["rows"]}
    if not cut:
        return {}
    from farm_orchestrator.variants.whole import compared, run_whole

    names = sorted({name for _, name in cut})
    every = [] if found.partial else [part.variant(name) for name in names]  # not beside launches that are timed
    whole = run_whole(every, artefacts.get, kept, part.recipe.rows_s)
    truth, reasons = artefacts.get(labels["sha256"]), _rows_reasons(found.launches)
    return {
        (board, name): {
            **each,
            "rows_asked": labels["rows"],
            "rows_reason": reasons.get((board, name), "the board did not say why"),
            "orchestrator": compared(outputs[board][name], whole[name], truth, labels["metric"])
            if name in whole
            else None,
        }
        for (board, name), each in cut.items()
    }


def _rows_reasons(rows: Iterable[LaunchRow]) -> dict[tuple[str, str], str]:
    return {
        (row.board, row.variant): str(row.facts["rows_reason"])[:200]
        for row in rows
        if row.phase == Phase.EVALUATE and row.state == State.DONE and row.facts.get("rows_reason")
    }


def _run_facts(found: Stored) -> Json:
    run, first = found.run, found.parts[0].part
    started = min((row.t0 for row in found.launches if row.t0 is not None), default=None)
    finished = max((row.t1 for row in found.launches if row.t1 is not None), default=None)
    return {
        "id": run.id,
        "name": run.name,
        "created": moment(run.created),
        "started": _moment(started),
        "finished": None if found.partial else _moment(finished),
        "status": "partial" if found.partial else "complete",
        "baseline": first.baseline,
        "preset": first.recipe.preset,
        "mode": first.points[0].mode,
        "memory_limit": first.memory_limit,
        "seed": run.seed,
        "against": None,
        "git": run.facts["git"],
        "farm_version": run.facts["farm_version"],
        "synthetic": any(row.facts.get("synthetic") for row in found.launches),
        "budgets": _budgets(run.facts["limits"]),
    }


def closing(facts: Json, started: float | None, finished: float | None, *, synthetic: bool) -> Json:
    """The facts of a run with those that its launches tell."""
    return {**facts, "started": _moment(started), "finished": _moment(finished), "synthetic": synthetic}


def _moment(at: float | None) -> str | None:
    return None if at is None else moment(at)


def _budgets(limits: Json) -> dict[str, Json]:
    """A run of an older farm has none."""
    lines = limits["lines"]
    return {
        metric: {"bound": bound, "line": lines.get(f"budgets.{metric}")}
        for metric, bound in limits.get("budgets", {}).items()
    }


def _known_cells(cells: Iterable[CellRow]) -> list[CellRow]:
    """States that a report wrote are its own conclusions; those of the store are facts."""
    own = {"measured", "invalid"}
    return [c if c.state not in own else stored.CellRow(c.board, c.variant, c.point, c.sha256) for c in cells]


def _variants(variants: Iterable[Variant], facts: Json) -> tuple[VariantRecord, ...]:
    good = tuple(
        VariantRecord(
            v.name,
            facts["files"].get(v.name, v.files[0].name),
            v.sha256,
            v.bytes,
            v.opset,
            v.parent,
            v.recipe,
            v.findings,
        )
        for v in variants
    )
    bad = tuple(VariantRecord(r["name"], r["file"], None, None, None, reason=r["reason"]) for r in facts["refused"])
    return good + bad


def launch_record(row: LaunchRow) -> LaunchRecord:
    return LaunchRecord(**{field.name: getattr(row, field.name) for field in fields(LaunchRecord)})


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
