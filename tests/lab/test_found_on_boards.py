"""Real boards' trees, one slot after another: whatever holds a processor back or changes its clock is found and named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest

from clocks_support import KNOWN, PINNED
from farm_lab import profiles
from farm_orchestrator.model import Phase
from farm_orchestrator.plan import Cause, block_cause, first_slots
from farm_reports.judge.conditions import notes, throttle
from farm_reports.judge.evidence import Evidence, gather
from farm_reports.tables import Calibration
from noise import Rng, generator
from noise_readings import quiet
from plan_support import part_of, row
from slots_support import CANARY_NS, FAULTS, Board, Facts, Scripted, at_once, history, replayed, silent, slot, wander
from tables_support import launch, tables

BOARDS = sorted(set(profiles.names()) - set(profiles.SIMULATED))
USUAL = ("n100", "orin-nano", "pi5", "rock5b", "vim3")
FAULTY, CLEAN, CELL = 50, 500, 10
STOCK = PINNED.replace("/max/", "/stock/")
SLOTS = [one for one in first_slots(part_of(2)) if one.phase == Phase.MEASURE][:2]
Boards = Callable[[str], Board]


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boards]:
    """Each laid out once."""
    laid: dict[str, Board] = {}

    def board(name: str) -> Board:
        if name not in laid:
            laid[name] = replayed(tmp_path_factory.mktemp(name) / "tree", name)
        return laid[name]

    with at_once():
        yield board


def known(board: Board) -> Calibration:
    """What this board had shown at its highest clock, had it been calibrated."""
    return dataclasses.replace(KNOWN, eff_khz=board.strength * board.planned_khz)


def cause(rng: Rng, pair: Sequence[Facts], calibration: Calibration | None, point: str = PINNED) -> Cause | None:
    """What is said of a block of these two slots, their launches in an order of chance."""
    told = [{**own, "temp_mc_launch": 45_000, **facts} for own, facts in zip(quiet(rng, 2), pair, strict=True)]
    order = [int(which) for which in rng.permutation(2)]
    rows = [row(dataclasses.replace(SLOTS[at], point=point), at, facts=told[which]) for at, which in enumerate(order)]
    return block_cause(rows, "drop", cooled=True, calibration=calibration)


def named(found: Cause | None) -> tuple[str, bool] | None:
    return None if found is None else (found.name.value, found.drops)


def cell(slots: Sequence[Facts], point: str = PINNED) -> Evidence:
    """One whose launches had these slots."""
    made = [launch(at, "rpi5", "int8", at, 4e6, facts=facts, point=point) for at, facts in enumerate(slots)]
    return gather(tables(made, names=("int8",), points=(point,)))["rpi5", "int8", point]


def accused(rng: Rng, board: Board, count: int) -> list[object]:
    """Whatever is said of so many slots in which nothing happened, pinned and not, fresh from the boot and not."""
    half = count // 2
    pinned = [peaceful(rng, board) for _ in range(half)]
    loose = [peaceful(rng, board, "stock") for _ in range(count - half)]
    lost = [facts["pin"] for facts in pinned if board.policies and not held(facts)]
    reported = [each for facts in (*pinned, *loose) for each in facts["findings"]]
    return [*judged(rng, board, pinned, PINNED), *judged(rng, board, loose, STOCK), *lost, *reported]


def peaceful(rng: Rng, board: Board, wanted: str = "max") -> Facts:
    if rng.random() < 0.5:
        history(rng, board)
    if wanted == "stock":
        wander(rng, board)
    return slot(rng, board, wanted=wanted)


def judged(rng: Rng, board: Board, slots: Sequence[Facts], point: str) -> list[object]:
    """What is said of blocks of two of these slots, and of cells of them."""
    pairs = list(pairwise(slots))[::2]
    blocks = [cause(rng, pair, each, point) for pair in pairs for each in (known(board), None)]
    whole = [cell(slots[i : i + CELL], point) for i in range(0, len(slots), CELL)]
    words = [word for each in whole if (word := throttle(each, known(board))) in {"suspected", "confirmed"}]
    return [*filter(None, blocks), *(note for each in whole for note in notes(each, known(board))), *words]


def held(facts: Facts) -> bool:
    """As the kernel tells; a board whose cycles are counted at another clock than the told one is no liar for it."""
    return facts["pin"]["strategy"] == "minmax" and not facts["pin"]["foreign"]


def wronged(rng: Rng, board: Board, scripted: Scripted, clean: Facts) -> list[object]:
    """Where such a fault is not found, or under another name: in one slot of a block, in both, in the cell."""
    faulty = slot(rng, board, scripted.fault)
    missed: list[object] = []
    wanted, calibration = (scripted.name, True), known(board)
    if (one := named(cause(rng, (clean, faulty), calibration))) != wanted:
        missed.append(("in one slot", one))
    if board.policies and (both := named(cause(rng, (faulty, faulty), calibration))) != wanted:
        missed.append(("in both slots", both))  # a board whose clock nobody can set has no calibration
    if not told(cell([faulty]), scripted, calibration):
        missed.append(("in the cell", faulty["throttle"]))
    return missed


def told(evidence: Evidence, scripted: Scripted, calibration: Calibration) -> bool:
    """Whether the report says so; a weak supply ends blocks, and what others set the agent tells, where it differs."""
    found = {str(note["name"]) for note in notes(evidence, calibration)}
    if scripted.name == "THROTTLED":
        return "THROTTLED" in found and throttle(evidence, calibration) == "confirmed"
    of_agent = {each["name"] for each in evidence.used[0].facts["findings"]}
    return scripted.name == "UNDERVOLT" or bool({"CLOCK_CHANGED", "FOREIGN_CHANGE"} & (found | of_agent))


def scripts(board: Board) -> list[Scripted]:
    return [each for each in FAULTS if each.fits(board)]


@pytest.mark.parametrize("name", USUAL)
def test_every_fault_that_a_board_can_have_is_found_under_its_name(boards: Boards, name: str) -> None:
    board, rng = boards(name), generator(71)
    clean = slot(rng, board)
    assert {each.fault.__name__: why for each in scripts(board) if (why := wronged(rng, board, each, clean))} == {}


@pytest.mark.parametrize("name", USUAL)
def test_nothing_is_said_of_slots_in_which_nothing_happened(boards: Boards, name: str) -> None:
    assert accused(generator(72), boards(name), 4) == []


@pytest.mark.parametrize("name", ["pi5", "vim3"])
def test_where_cycles_may_not_be_counted_the_canary_finds_what_nothing_tells(boards: Boards, name: str) -> None:
    board, rng = boards(name), generator(75)
    calibration = dataclasses.replace(known(board), canary_ns=float(CANARY_NS))
    clean, slow = slot(rng, board, counted=False), slot(rng, board, silent, counted=False)
    assert named(cause(rng, (slow, slow), calibration)) == ("THROTTLED", True)
    assert cause(rng, (clean, clean), calibration) is None


@pytest.mark.long
@pytest.mark.parametrize("name", ["THROTTLED", "UNDERVOLT", "CLOCK_CHANGED"])
def test_fifty_faults_of_a_kind_over_all_boards_are_all_found(boards: Boards, name: str) -> None:
    rng = generator(73)
    there = [(board, each) for board in map(boards, BOARDS) for each in scripts(board) if each.name == name]
    drawn = [there[int(rng.integers(len(there)))] for _ in range(FAULTY)]
    missed = [(board.root, each.fault.__name__, wronged(rng, board, each, slot(rng, board))) for board, each in drawn]
    assert [each for each in missed if each[2]] == []


@pytest.mark.long
def test_none_of_five_hundred_slots_in_which_nothing_happened_is_accused(boards: Boards) -> None:
    rng = generator(74)
    share = -(-CLEAN // len(BOARDS) // 4) * 4
    assert {name: said for name in BOARDS if (said := accused(rng, boards(name), share))} == {}
