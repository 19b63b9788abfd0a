"""The files of a run that was measured on other machines, brought to where its report is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from farm_orchestrator.model import Kind
from farm_orchestrator.store.runs import load_run
from farm_orchestrator.store.schema import launch
from farm_orchestrator.store.shared_artefacts import open_artefacts
from farm_orchestrator.store.store import Store

TRACES = "traces"
COLUMNS = (launch.c.id, launch.c.fence, launch.c.kind, launch.c.file_sha256, launch.c.transcript_sha256)


def bring_files(store: Store, run: str, folder: Path, cas: Path, board: str | None = None) -> None:
    """Samples, transcripts and traces of every committed launch, where they are missing; of one board, or of all, with
    the plan.

    Where the store is a file they lie in the run's folder already. Raises StoreError.
    """
    if not store.shared:
        return
    where = [launch.c.run == run, launch.c.transcript_sha256.is_not(None)]
    where += [] if board is None else [launch.c.board == board]
    rows = store.read(lambda c: c.execute(select(*COLUMNS).where(*where).order_by(launch.c.id)).all())
    traced = select(launch.c.facts).where(*where, launch.c.kind == Kind.PROFILE)
    facts = store.read(lambda c: c.execute(traced).scalars().all())
    artefacts = open_artefacts(store, cas)
    artefacts.bring({folder / name: sha256 for row in rows for name, sha256 in _named(row)})
    for each in facts:  # one by one: they may be large
        artefacts.bring({folder / name: sha256 for name, sha256 in _trace(each or {})})
    if board is None and (plan := load_run(store, run).facts.get("plan_sha256")):
        artefacts.bring({folder / "plan.json": plan})


def _named(row: Any) -> Iterator[tuple[str, str]]:
    """By the names that they have on every machine: what a row says of paths is not asked."""
    yield f"transcripts/{row.id}.{row.fence}.jsonl", row.transcript_sha256
    if row.file_sha256 is not None:
        yield f"launches/{row.id}.{row.fence}.parquet", row.file_sha256


def _trace(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    sent = facts.get("outputs") or {}
    if "file" in sent:
        yield f"{TRACES}/{Path(sent['file']).name}", sent["sha256"]
