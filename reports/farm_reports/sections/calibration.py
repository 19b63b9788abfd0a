"""What is known of each board's own bias, and which floor its intervals hold for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm_reports.clocks import mhz
from farm_reports.results import Board, Calibrated
from farm_reports.sections.words import counted, grouped, listed
from farm_reports.stats.power import BIAS
from farm_reports.tables import NEVER, STOCK

NAMED = 6


def statements(boards: Sequence[Board]) -> Iterator[str]:
    """One sentence for the calibrated boards with the same figures, one for each reason why others are not."""
    own = [board for board in boards if floor(board) is not None]
    alike = grouped((_figures(board.calibration), board.name) for board in own[:NAMED] if board.calibration)
    yield from (f"{listed(names)}: calibrated. {text}" for text, names in alike.items())
    if len(own) > NAMED:
        yield _others(own[NAMED:])
    for reason, names in grouped((_reason(board), board.name) for board in boards if floor(board) is None).items():
        where = "" if len(names) == len(boards) else f" on {listed(names)}"
        yield (
            f"Not calibrated: every interval{where} holds a floor of {_percent(BIAS, 1)}, or of half the noise between "
            f"pairs where that is more; {reason}. `farm boards calibrate` measures what it is."
        )


def floor(board: Board) -> float | None:
    """The board's own, None where the default holds."""
    return board.calibration.floor if board.calibration else None


def _figures(known: Calibrated) -> str:
    """Bias, floor and noise of a board that has them."""
    bias, held, launch_sd = (value or 0.0 for value in (known.bias, known.floor, known.launch_sd))
    return (
        f"Every interval holds a floor of {_percent(held)}: {known.runs} runs of a variant against itself share a bias "
        f"of {_percent(bias)}. Launches vary by {_percent(launch_sd, 1)} ({known.noise}).{_clock(known)}"
    )


def _clock(known: Calibrated) -> str:
    """What the board's own clock was where one was asked for."""
    return "" if known.pin == STOCK or known.eff_khz is None else f" At pin {known.pin} it ran at {mhz(known.eff_khz)}."


def _others(boards: Sequence[Board]) -> str:
    floors = [held for board in boards if (held := floor(board)) is not None]
    more = counted(len(boards), "more board is", "more boards are")
    return f"{more} calibrated, with floors from {_percent(min(floors))} to {_percent(max(floors))}."


def _reason(board: Board) -> str:
    return (board.calibration.reason if board.calibration else None) or NEVER


def _percent(share: float, digits: int = 2) -> str:
    return f"{share * 100:.{digits}f}\u00a0%"
