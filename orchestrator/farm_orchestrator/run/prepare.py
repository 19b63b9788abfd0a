"""From flags to a plan: variants checked, boards chosen, files in place; no board is touched."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import FileRef, Json
from farm_orchestrator.plan import (
    NO_PAST,
    Costs,
    Plan,
    Steps,
    first_fitting,
    first_slots,
    make_plan,
    plan_document,
    plan_points,
)
from farm_orchestrator.run.against import check_held, check_left, choose
from farm_orchestrator.run.against import told as told_of
from farm_orchestrator.run.kept import told
from farm_orchestrator.store import CellRow, NewRun, insert_run, open_artefacts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.look import Asked
    from farm_orchestrator.run.request import Request
    from farm_orchestrator.store import Artefacts, Store
    from farm_orchestrator.variants import Checked, Refused


@dataclass(frozen=True)
class Prepared:
    """A run that can start. `files`: what goes into the artefacts, by digest; `facts`: what the report needs; `steps`: the
    clocks of each board, of a run that sweeps them; `past`: what a person is told of the one that it is asked about.
    """

    id: str
    created: float
    plan: Plan
    files: Mapping[str, Path]
    refused: tuple[Refused, ...]
    assumptions: tuple[str, ...]
    facts: Json
    steps: Mapping[str, Steps] = field(default_factory=dict)
    past: tuple[str, ...] = ()

    @property
    def boards(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.plan.parts)


def prepare(asked: Asked, scratch: Path, costs: Costs = NO_PAST, powered: Collection[str] = ()) -> Prepared:
    """Raises UsageError, with everything still untouched. `costs`: what launches took on these boards before.

    `powered`: those of them whose power was read then.
    """
    from farm_orchestrator import transport, variants

    request, boards = asked.request, [transport.resolve(board) for board in asked.boards]
    checked = variants.check(asked.found, scratch)
    _check_refused(request, checked)
    now = datetime.now(UTC)
    run = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    agent, agent_path = _agent(scratch)
    floor, floor_files = variants.floor_model(scratch)
    make = partial(
        make_plan, run=run, boards=boards, variants=checked.variants, seed=request.seed, baseline=checked.baseline,
        agent=agent, floor=floor, costs=costs, known=asked.known,
        powered=powered,
    )  # fmt: skip
    points = plan_points(asked.wishes[0], boards)
    chosen = choose(asked.past, points, checked.variants, checked.baseline, checked.refused)
    if request.schedule is None:
        check_held(chosen)
    plan = first_fitting(asked.wishes, lambda wish: make(wish=wish, pasts=chosen.pasts), now.timestamp())
    check_left(len(plan.cells), chosen)
    return Prepared(
        id=run,
        created=now.timestamp(),
        plan=plan,
        files={**checked.files, **floor_files, agent.sha256: agent_path},
        refused=checked.refused,
        assumptions=_assumptions(asked, checked),
        facts={**_facts(asked, checked, plan), **({"against": chosen.facts} if chosen.facts else {})},
        steps=asked.steps,
        past=tuple(told_of(chosen)),
    )


class AlreadyBegun(UsageError):
    """Somebody else has begun this night."""


def record(prepared: Prepared, request: Request, store: Store, settings: Settings) -> None:
    """Files first, then the run in one transaction; from here on every process may die. Raises AlreadyBegun."""
    artefacts = open_artefacts(store, settings.home / "cas")
    for path in prepared.files.values():
        artefacts.put(path)
    folder = settings.runs / prepared.id
    folder.mkdir(parents=True, exist_ok=True)
    plan = prepared.plan
    first = plan.parts[0]
    shared = _shared_plan(plan, artefacts) if store.shared else {}
    inserted = insert_run(
        store,
        NewRun(
            prepared.id,
            request.name,
            first.recipe,
            first.seed,
            prepared.created,
            {**prepared.facts, **shared},
            priority=request.priority,
            ends_by=request.until,
            schedule=request.schedule,
            due_at=request.due_at,
        ),
        plan.parts,
        _cells(prepared),
        tuple(slot for part in plan.parts for slot in first_slots(part)),
    )
    for path in prepared.files.values():
        artefacts.put(path)  # a prune may have come between; from here on the open run keeps them
    if store.shared:
        _shared_plan(plan, artefacts)
    if not inserted:
        folder.rmdir()
        raise AlreadyBegun(f"this night of {request.schedule} was begun by another process", mend="`farm nightly ls`")
    _write_json(folder / "plan.json", plan_document(plan))


def _shared_plan(plan: Plan, artefacts: Artefacts) -> Json:
    """Where it can be had by the machine that makes the report."""
    with tempfile.TemporaryDirectory(prefix="farm-plan-") as scratch:
        _write_json(Path(scratch) / "plan.json", plan_document(plan))
        return {"plan_sha256": artefacts.put(Path(scratch) / "plan.json").sha256}


def _cells(prepared: Prepared) -> tuple[CellRow, ...]:
    digests = {variant.name: variant.sha256 for variant in prepared.plan.parts[0].variants}
    skipped = prepared.plan.pasts.skipped
    open_cells = tuple(
        CellRow(*cell, digests[cell[1]], *(("not_run", skipped[cell]) if cell in skipped else ()))
        for cell in prepared.plan.cells
    )
    refused = tuple(
        CellRow(part.name, each.name, point.key, None, "not_run", each.text)
        for part in prepared.plan.parts
        for point in part.points
        for each in prepared.refused
    )
    return open_cells + refused


def _facts(asked: Asked, checked: Checked, plan: Plan) -> Json:
    request, working = asked.request, sum(bool(first_slots(part)) for part in plan.parts)
    return {
        "farm_version": version("benchfarm"),
        "git": _git(),
        "baseline": checked.baseline,
        "limits": plan.parts[0].limits.to_json(),
        "files": dict(checked.names),
        "labels": checked.labels.to_json() if checked.labels else None,
        "refused": [{"name": each.name, "file": each.file, "reason": each.text} for each in checked.refused],
        "assumptions": list(_assumptions(asked, checked)),
        "min_boards": min(request.min_boards or working, working),
        "on_inconclusive": request.on_inconclusive,
        "unswept": {board: steps.reason for board, steps in asked.steps.items() if steps.reason},
    }


def _assumptions(asked: Asked, checked: Checked) -> tuple[str, ...]:
    return (*asked.chosen, *told(asked.sustained), *checked.assumptions)


def _check_refused(request: Request, checked: Checked) -> None:
    if request.strict and checked.refused:
        raise UsageError("\n".join(str(each) for each in checked.refused), mend="leave --strict out to go on without")
    if not checked.variants:
        raise UsageError("no variant can run:\n" + "\n".join(str(each) for each in checked.refused))


def _agent(scratch: Path) -> tuple[FileRef, Path]:
    from farm_orchestrator import bundle, digest

    path = bundle.build(scratch)
    return FileRef("agent.pyz", digest.of(path), path.stat().st_size), path


def _git() -> Json | None:
    """Of the folder the command stands in; None outside a repository or without git."""
    try:
        sha = _git_says("rev-parse", "HEAD")
        return {"sha": sha, "dirty": bool(_git_says("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git_says(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _write_json(path: Path, body: Json) -> None:
    import json

    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
