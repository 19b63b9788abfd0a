"""What the farm knows, kept so that every process may die at any moment: runs, leases, launches, files.

The functions take the Store first. Files: Artefacts, Transcript, `write_launch`, `compact`.
"""

from farm_orchestrator.store.acceptance import Accepted, accept_night, forget_good
from farm_orchestrator.store.artefacts import Artefacts
from farm_orchestrator.store.bringing import bring_files
from farm_orchestrator.store.calibrations import add_calibration, calibrations, read_calibration
from farm_orchestrator.store.claims import commit, commit_and_claim, lose, sweep
from farm_orchestrator.store.compacted import board_samples, holds
from farm_orchestrator.store.compaction import compact, is_valid, reason
from farm_orchestrator.store.costs import launch_costs, powered
from farm_orchestrator.store.counts import Counts, counts
from farm_orchestrator.store.database import database_path
from farm_orchestrator.store.due import abandoned, claim_report, close_finished, due_boards, left_unreported, unkick
from farm_orchestrator.store.due_nights import due_nights
from farm_orchestrator.store.events import note_event
from farm_orchestrator.store.finding import Finding
from farm_orchestrator.store.fleet import Fleet, FleetBoard, FleetRun, FleetSight, FleetWorker, fleet
from farm_orchestrator.store.health import Health, drain_board, healths, held_reason, quarantine, release_boards
from farm_orchestrator.store.histories import CellRun, cell_runs
from farm_orchestrator.store.holdings import holdings, still_held
from farm_orchestrator.store.interruption import NOT_YET, cancel, cancelled_runs, resume
from farm_orchestrator.store.last_good import LastGood, last_good, move_last_good
from farm_orchestrator.store.leases import BEAT_S, TTL_S, Lease, Leases, acquire, release
from farm_orchestrator.store.live import BoardView, Other, Sight, Snapshot, snapshot
from farm_orchestrator.store.losses import board_busy, board_loss
from farm_orchestrator.store.marks import Mark, marks, span
from farm_orchestrator.store.next_launch import Claim, block_launches, claim, has_pending, next_part
from farm_orchestrator.store.nights import (
    Night,
    begun_nights,
    earlier_nights,
    note_held,
    tell_once,
    tell_unbegun,
    unbegun_nights,
    untell,
    untell_unbegun,
)
from farm_orchestrator.store.postgres import upgrade_store
from farm_orchestrator.store.queue import CHOSEN_S, Queued, begun, finish, free_in_s, queue
from farm_orchestrator.store.refusals import give_up
from farm_orchestrator.store.revisions import HEAD
from farm_orchestrator.store.rows import BlockId, CellRow, NewRun, PartRow, RunRow
from farm_orchestrator.store.runs import (
    attach,
    bare_launches,
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
from farm_orchestrator.store.samples import Timed, integers, read_launch, write_launch
from farm_orchestrator.store.schedules import (
    add_schedule,
    find_schedule,
    remove_schedule,
    schedule_names,
    schedules,
    take_turn,
)
from farm_orchestrator.store.shared_artefacts import open_artefacts
from farm_orchestrator.store.sharing import CHOSEN
from farm_orchestrator.store.store import Store
from farm_orchestrator.store.sustained import read_sustained, write_sustained
from farm_orchestrator.store.switching import note_switched
from farm_orchestrator.store.tallies import Median, Running
from farm_orchestrator.store.transcript import Transcript
from farm_orchestrator.store.workers import Crew, check_version, greet, living, part_with, set_version

__all__ = [
    "BEAT_S",
    "CHOSEN",
    "CHOSEN_S",
    "HEAD",
    "NOT_YET",
    "TTL_S",
    "Accepted",
    "Artefacts",
    "BlockId",
    "BoardView",
    "CellRow",
    "CellRun",
    "Claim",
    "Counts",
    "Crew",
    "Finding",
    "Fleet",
    "FleetBoard",
    "FleetRun",
    "FleetSight",
    "FleetWorker",
    "Health",
    "LastGood",
    "Lease",
    "Leases",
    "Mark",
    "Median",
    "NewRun",
    "Night",
    "Other",
    "PartRow",
    "Queued",
    "RunRow",
    "Running",
    "Sight",
    "Snapshot",
    "Store",
    "Timed",
    "Transcript",
    "abandoned",
    "accept_night",
    "acquire",
    "add_calibration",
    "add_schedule",
    "attach",
    "bare_launches",
    "begun",
    "begun_nights",
    "block_launches",
    "board_busy",
    "board_loss",
    "board_samples",
    "bring_files",
    "calibrations",
    "cancel",
    "cancelled_runs",
    "cell_runs",
    "cells",
    "check_version",
    "claim",
    "claim_report",
    "close_finished",
    "commit",
    "commit_and_claim",
    "compact",
    "counts",
    "database_path",
    "detach",
    "drain_board",
    "due_boards",
    "due_nights",
    "earlier_nights",
    "find_run",
    "find_schedule",
    "finish",
    "fleet",
    "forget_good",
    "free_in_s",
    "give_up",
    "greet",
    "has_pending",
    "healths",
    "held_reason",
    "holdings",
    "holds",
    "insert_run",
    "integers",
    "is_valid",
    "last_good",
    "launch_costs",
    "launches",
    "left_unreported",
    "list_runs",
    "living",
    "load_run",
    "lose",
    "marks",
    "move_last_good",
    "next_part",
    "note_event",
    "note_held",
    "note_hello",
    "note_switched",
    "open_artefacts",
    "part_rows",
    "part_with",
    "parts",
    "powered",
    "quarantine",
    "queue",
    "read_calibration",
    "read_launch",
    "read_sustained",
    "reason",
    "release",
    "release_boards",
    "remove_schedule",
    "resume",
    "schedule_names",
    "schedules",
    "set_cells",
    "set_version",
    "set_word",
    "snapshot",
    "span",
    "still_held",
    "sweep",
    "take_turn",
    "tell_once",
    "tell_unbegun",
    "unbegun_nights",
    "unkick",
    "untell",
    "untell_unbegun",
    "upgrade_store",
    "write_launch",
    "write_sustained",
]
