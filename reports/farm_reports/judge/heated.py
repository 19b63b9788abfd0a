"""How hot each board got, and the cell that heat held back most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from farm_reports import throttling
from farm_reports.heated import Heat
from farm_reports.judge.case import Case
from farm_reports.judge.evidence import Evidence, Key
from farm_reports.parts import Value
from farm_reports.readings import Readings, governors
from farm_reports.results import Cell, Ship
from farm_reports.tables import Calibration, LaunchRecord

TEMPERATURES = ("temp_mc_launch", "temp_mc_start", "temp_mc_end")
NO_TEMPERATURE = "nobody saw the temperature"
UNWATCHED = "nothing on this board tells when its processor is held back"
TIMED = {"done", "rejected"}  # a launch of a dropped block has heated its board all the same


@dataclass(frozen=True)
class Told:
    """What one timed launch says: the evidence that it was held back, or may have been; its length."""

    held: str | None
    suspected: str | None
    watched: bool
    wall_s: float | None


def heat(case: Case, cells: Iterable[Cell], ships: Sequence[Ship]) -> list[Heat]:
    """Of each board on which a launch was timed."""
    told = {key: told for key, one in case.evidence.items() if (told := _told(one, case.calibration(key[0])))}
    known = {cell.key: cell for cell in cells}
    shipped = {ship.board: (ship.variant, ship.point_key) for ship in ships}
    found = [_subject(case, board, told, known, shipped) for board in dict.fromkeys(key[0] for key in told)]
    ran = by_board(case.tables.launches)
    return [_heat(key, told[key], ran[key[0]]) for key in found]


def hottest(launches: Iterable[LaunchRecord]) -> Value:
    """In °C, as far as anybody read it."""
    said = [Readings(launch.facts, launch.point) for launch in launches]
    seen = [mc for one in said for name in TEMPERATURES if (mc := one.number(name)) is not None]
    if seen:
        return Value(value=max(seen) / 1000)
    reasons = (one.facts.get(f"{TEMPERATURES[-1]}_reason") for one in said)
    return Value(value=None, reason=next((each for each in reasons if isinstance(each, str) and each), NO_TEMPERATURE))


def timed(launches: Iterable[LaunchRecord]) -> Iterator[LaunchRecord]:
    """Those that ran to their end, whatever became of their block."""
    return (launch for launch in launches if launch.kind == "measure" and launch.state in TIMED)


def by_board(launches: Iterable[LaunchRecord]) -> dict[str, list[LaunchRecord]]:
    """The timed launches of each board."""
    found: dict[str, list[LaunchRecord]] = {}
    for launch in timed(launches):
        found.setdefault(launch.board, []).append(launch)
    return found


def governor(launches: Iterable[LaunchRecord]) -> str | None:
    """The one that set the clocks, or several; None where none was told."""
    words = {word for launch in launches for word in governors(Readings(launch.facts, launch.point))}
    return ", ".join(sorted(words)) or None


def _told(evidence: Evidence, known: Calibration) -> list[Told]:
    fresh = evidence.fresh.launches if evidence.fresh is not None else ()
    return [_launch(launch, known) for launch in timed((*evidence.launches, *fresh))]


def _launch(launch: LaunchRecord, known: Calibration) -> Told:
    said = Readings(launch.facts, launch.point)
    held = throttling.throttled(said, known)
    perhaps = None if held else throttling.suspected(said, known)
    return Told(held, perhaps, throttling.watched(said), said.wall_s)


def _subject(
    case: Case,
    board: str,
    told: Mapping[Key, Sequence[Told]],
    cells: Mapping[Key, Cell],
    shipped: Mapping[str, tuple[str | None, str | None]],
) -> Key:
    """The cell that says most of its board; where nothing tells two apart, the first."""

    def weight(key: Key) -> tuple[float, ...]:
        launches, soak = told[key], cells[key].soak
        ships = (key[1], key[2]) == shipped.get(board)
        return (
            _share(launches),
            sum(one.suspected is not None for one in launches) / len(launches),
            0.0 if soak is None else 2.0 - (soak.speed_kept.value or 0.0),
            2.0 if ships else float(key[1] == case.baseline),
        )

    return max((key for key in told if key[0] == board), key=weight)


def _share(launches: Sequence[Told]) -> float:
    """Of the time that was measured; of the launches where somebody did not say how long it took."""
    known = [one.wall_s for one in launches if one.wall_s is not None]
    weights = known if len(known) == len(launches) else [1.0] * len(launches)
    return sum(w for w, one in zip(weights, launches, strict=True) if one.held) / sum(weights)


def _heat(key: Key, launches: Sequence[Told], ran: Sequence[LaunchRecord]) -> Heat:
    board, variant, point = key
    watched = any(one.watched or one.held for one in launches)
    return Heat(
        board=board,
        variant=variant,
        point_key=point,
        hottest_c=hottest(ran),
        launches=len(launches),
        held_back=sum(one.held is not None for one in launches),
        suspected=sum(one.suspected is not None for one in launches),
        share=Value(value=_share(launches)) if watched else Value(value=None, reason=UNWATCHED),
        evidence=next((text for one in launches if (text := one.held or one.suspected)), None),
    )
