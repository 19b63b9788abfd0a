"""From stored data to the files of a report: tables, results, page, exports. Idempotent: the same rows, the same files."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import calibration, plan
from farm_orchestrator import store as stored
from farm_orchestrator.model import Json, Kind, LaunchRow, Phase, State, Variant
from farm_reports.tables import BoardRecord, CellRecord, LaunchRecord, Tables, VariantRecord

if TYPE_CHECKING:
    from farm_orchestrator.store import CellRow, PartRow, RunRow, Store
    from farm_orchestrator.store.samples import Nanoseconds
    from farm_reports.results import Results

CellKey = tuple[str, str, str]
COPIED = (
    "report.html", "report.css", "results.json", "junit.xml", "summary.md", "samples.parquet", "launches.parquet",
    "readings.parquet", "plan.json",
)  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """All that the store knows of a run."""

    run: RunRow
    parts: Sequence[PartRow]
    cells: Sequence[CellRow]
    launches: Sequence[LaunchRow]

    @property
    def partial(self) -> bool:
        return self.run.state != "closed" or self.run.cancel


def build(store: Store, run: str, runs: Path, cas: Path, out: Path | None = None) -> Results:
    """Judges what is committed and writes the files of the run's folder; copies of them go to `out`."""
    from farm_reports.judge import results as judge

    found = read(store, run)
    folder = runs / run
    stored.compact(folder, found.launches)
    timed = samples(folder, found.launches)
    results = judge(tables(found, scores(found, stored.Artefacts(cas), folder / "all_rows"), timed))
    write(folder, results, pooled(found.launches, timed))
    _remember(store, found, results)
    if out is not None:
        _copy(folder, out)
    return results


def written(folder: Path, out: Path | None = None) -> Results:
    """The results that are in the run's folder; copies of its files go to `out`."""
    from farm_reports.results import Results

    results = Results.model_validate_json((folder / "results.json").read_text(encoding="utf-8"))
    if out is not None:
        _copy(folder, out)
    return results


def read(store: Store, run: str) -> Stored:
    return Stored(
        stored.load_run(store, run), stored.part_rows(store, run), stored.cells(store, run), stored.launches(store, run)
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
        launches=tuple(_launch(row) for row in found.launches),
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
    )


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
        if row.phase == Phase.EVALUATE and row.kind == Kind.EVALUATE and row.state == State.DONE:
            outputs[row.board][row.variant] = artefacts.get(row.facts["outputs"]["sha256"])
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
    cut = {key: each for key, each in scored.items() if each.get("rows") and each["rows"] < labels["rows"]}
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


def write(folder: Path, results: Results, timed: Mapping[CellKey, Nanoseconds]) -> None:
    """Every file of the report, each whole or as it was."""
    from farm_reports import exports, page

    _replace(folder / "results.json", json.dumps(results.document(), indent=2) + "\n")
    _replace(folder / "report.css", page.stylesheet())
    _replace(folder / "report.html", page.render(results, timed))
    _replace(folder / "junit.xml", exports.junit(results))
    _replace(folder / "summary.md", exports.summary(results))


def samples(folder: Path, rows: Iterable[LaunchRow]) -> dict[int, Nanoseconds]:
    """Latencies in ns of every valid launch, by its id."""
    return {
        row.id: stored.read_launch(folder / row.file)[0]["latency_ns"].to_numpy()
        for row in rows
        if row.phase == Phase.MEASURE and stored.is_valid(row) and row.file is not None
    }


def pooled(rows: Iterable[LaunchRow], timed: Mapping[int, Nanoseconds]) -> dict[CellKey, Nanoseconds]:
    """The same by (board, variant, point)."""
    import numpy as np

    chunks: dict[CellKey, list[Nanoseconds]] = defaultdict(list)
    for row in rows:
        if row.id in timed:
            chunks[row.board, row.variant, row.point].append(timed[row.id])
    return {key: np.concatenate(parts) for key, parts in chunks.items()}


def _run_facts(found: Stored) -> Json:
    run, first = found.run, found.parts[0].part
    finished = max((row.t1 for row in found.launches if row.t1 is not None), default=None)
    return {
        "id": run.id,
        "name": run.name,
        "created": _moment(run.created),
        "finished": None if found.partial or finished is None else _moment(finished),
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


def _launch(row: LaunchRow) -> LaunchRecord:
    return LaunchRecord(**{field.name: getattr(row, field.name) for field in fields(LaunchRecord)})


def _remember(store: Store, found: Stored, results: Results) -> None:
    """The run's word and the cells' states go back to the store once nothing is owed."""
    if found.partial:
        return
    stored.set_word(store, found.run.id, results.verdict)
    stored.set_cells(
        store,
        found.run.id,
        [
            stored.CellRow(
                cell.board, cell.variant, cell.point_key, None, cell.state, cell.reason,
                cell.versus_baseline.verdict if cell.versus_baseline else None,
            )
            for cell in results.cells
        ],
    )  # fmt: skip


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _copy(folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        if (folder / name).exists():
            shutil.copyfile(folder / name, out / name)
