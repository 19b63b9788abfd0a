"""What the farm knows, kept so that every process may die at any moment: runs, leases, launches, files.

The functions take the Store first. Files: Artefacts, Transcript, `write_launch`, `compact`.
"""

from farm_orchestrator.store.artefacts import Artefacts
from farm_orchestrator.store.calibrations import add_calibration, calibrations, read_calibration
from farm_orchestrator.store.claims import commit, commit_and_claim, lose, sweep
from farm_orchestrator.store.compaction import compact, is_valid, reason
from farm_orchestrator.store.costs import launch_costs, powered
from farm_orchestrator.store.database import database_path
from farm_orchestrator.store.due import claim_report, close_finished, due_boards, left_unreported, unkick
from farm_orchestrator.store.interruption import NOT_YET, cancel, cancelled_runs, resume
from farm_orchestrator.store.leases import BEAT_S, TTL_S, Lease, Leases, acquire, release
from farm_orchestrator.store.live import BoardView, Median, Running, Snapshot, snapshot
from farm_orchestrator.store.losses import board_loss
from farm_orchestrator.store.next_launch import Claim, block_launches, claim, has_pending, next_part
from farm_orchestrator.store.rows import BlockId, CellRow, NewRun, PartRow, RunRow
from farm_orchestrator.store.runs import (
    attach,
    cells,
    detach,
    find_run,
    insert_run,
    launches,
    list_runs,
    load_run,
    note_hello,
    part_rows,
    parts,
    set_cells,
    set_word,
)
from farm_orchestrator.store.samples import Timed, read_launch, write_launch
from farm_orchestrator.store.store import Store
from farm_orchestrator.store.sustained import read_sustained, write_sustained
from farm_orchestrator.store.transcript import Transcript

__all__ = [
    "BEAT_S",
    "NOT_YET",
    "TTL_S",
    "Artefacts",
    "BlockId",
    "BoardView",
    "CellRow",
    "Claim",
    "Lease",
    "Leases",
    "Median",
    "NewRun",
    "PartRow",
    "RunRow",
    "Running",
    "Snapshot",
    "Store",
    "Timed",
    "Transcript",
    "acquire",
    "add_calibration",
    "attach",
    "block_launches",
    "board_loss",
    "calibrations",
    "cancel",
    "cancelled_runs",
    "cells",
    "claim",
    "claim_report",
    "close_finished",
    "commit",
    "commit_and_claim",
    "compact",
    "database_path",
    "detach",
    "due_boards",
    "find_run",
    "has_pending",
    "insert_run",
    "is_valid",
    "launch_costs",
    "launches",
    "left_unreported",
    "list_runs",
    "load_run",
    "lose",
    "next_part",
    "note_hello",
    "part_rows",
    "parts",
    "powered",
    "read_calibration",
    "read_launch",
    "read_sustained",
    "reason",
    "release",
    "resume",
    "set_cells",
    "set_word",
    "snapshot",
    "sweep",
    "unkick",
    "write_launch",
    "write_sustained",
]
