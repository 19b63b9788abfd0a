"""Pages with heat lanes, with a history, and of boards that were measured against themselves; seeded."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import numpy as np

from farm_reports.beside import Beside, Floats, Key, Lane
from farm_reports.charts import history as history_chart
from farm_reports.charts import kept, trials
from farm_reports.charts import lanes as lanes_chart
from farm_reports.heated import Heat
from farm_reports.history import Earlier
from farm_reports.judge.histories import histories, subjects
from farm_reports.parts import Soak as Lasted
from farm_reports.parts import SpeedKept, ToThrottle, Value
from farm_reports.results import Calibrated, Cell, Results, Sight
from reports_support import POINT_KEY, Made, changed, grid, run, value

NIGHTS = 40
LARGEST = 60_000  # bytes of a drawing
NO_COORDINATE = re.compile(r"\b(nan|inf)\b", re.IGNORECASE)
EVIDENCE = "cooling.cpufreq-cpu0 took clock away, up to state 2"


def nothing() -> tuple[Floats, Floats]:
    return np.empty(0), np.empty(0)


def lane(launches: int = 6, length_s: float = 20.0, pause_s: float = 60.0, *, hot: bool = True) -> Lane:
    """A board that warms up; from the third launch on it is held back in the second half of each."""
    spans = [(place * (length_s + pause_s), place * (length_s + pause_s) + length_s) for place in range(launches)]
    held = [((a + b) / 2, b) for a, b in spans[2:]] if hot else []
    t_s = np.concatenate([np.append(np.linspace(a, b, 30), np.nan) for a, b in spans])[:-1]
    slow = sum(((t_s >= a) & (t_s <= b)).astype(float) for a, b in held) if held else np.zeros(t_s.size)
    p50 = np.where(np.isnan(t_s), np.nan, 12.0 * (1 + 0.35 * slow) + 0.2 * np.sin(t_s))
    heat = np.where(np.isnan(t_s), np.nan, 45 + 36 * (1 - np.exp(-np.nan_to_num(t_s) / 120)))
    clock = np.where(np.isnan(t_s), np.nan, np.where(np.asarray(slow) > 0, 1.0, 1.8))
    return Lane(t_s, p50, p50 * 1.12, (t_s, heat), (t_s, clock), tuple(held), tuple(spans))


def warm(name: str, variant: str, held: int, share: float | None, hottest_c: float | None = 81.2) -> Heat:
    reason = "nothing on this board tells when its processor is held back"
    return Heat(
        board=name, variant=variant, point_key=POINT_KEY,
        hottest_c=Value(value=hottest_c, reason=None if hottest_c else "no thermal zone of the processor answers"),
        launches=8, held_back=held, suspected=0, share=Value(value=share, reason=reason if share is None else None),
        evidence=EVIDENCE if held else None,
    )  # fmt: skip


def heated() -> Made:
    """A sustained run of three boards: one held back, one that was not, one of which nobody reads anything."""
    made = grid(3, 6)
    names = [board.name for board in made.results.boards]
    heat = [
        warm(names[0], "int8-qdq", 5, 0.312),
        warm(names[1], "distilled", 0, 0.0, 61.4),
        warm(names[2], "fp32", 0, None, None),
    ]
    cells = [cell.model_copy(update={"soak": lasted(cell, names)}) for cell in made.results.cells]
    made = changed(made, cells=cells, heat=heat, run=run(mode="sustained"))
    lanes: dict[Key, Lane] = {
        (names[0], "int8-qdq", POINT_KEY): lane(),
        (names[1], "distilled", POINT_KEY): lane(3, 600, 5, hot=False),
    }
    return replace(made, beside=Beside(lanes=lanes))


def lasted(cell: Cell, names: list[str]) -> Lasted:
    """The first board keeps 68 to 90 %, the others nearly all."""
    share = 0.68 + 0.03 * (len(cell.variant) % 8) if cell.board == names[0] else 0.985
    hot = cell.board == names[0]
    return Lasted(
        launches=8, disturbed=0, cool_ms=value(20.0, 0.01), warm_ms=value(20.0 / share, 0.01),
        speed_kept=SpeedKept(value=share, low=share - 0.012, high=share + 0.008, after_s=600.0),
        time_to_throttle_s=ToThrottle(value=135.0, low=100.0, high=170.0, by=EVIDENCE) if hot
        else ToThrottle(value=None, reason="not within 15 min"),
    )  # fmt: skip


def night(number: int, p50_ms: float, **facts: str | None) -> Earlier:
    created = datetime(2026, 9, 22, 2, 14, tzinfo=UTC) + timedelta(days=number)
    return Earlier(
        run=f"{created:%Y%m%d-%H%M%S}-9f3c", created=f"{created:%Y-%m-%dT%H:%M:%SZ}",
        p50_ms=Value(value=p50_ms, low=p50_ms * 0.992, high=p50_ms * 1.009), launches=8, **facts,
    )  # fmt: skip


def nights(now: Results, cell: Cell, count: int = NIGHTS) -> list[Earlier]:
    """Two months: a faster runtime, a week without a run, a slower kernel, and this run's artefact."""
    rng, board = np.random.default_rng(7), next(each for each in now.boards if each.name == cell.board)
    file = next(each.sha256 for each in now.variants if each.name == cell.variant)
    base = cell.latency_ms.p50.value or 1.0
    found = []
    for number in (each for each in range(count) if not 24 <= each <= 31):
        runtime, kernel = ("1.21.0" if number < 15 else board.onnxruntime), ("6.6.20" if number < 32 else board.kernel)
        level = base * (1.05 if number < 15 else 0.975 if number < 32 else 0.99) * float(np.exp(rng.normal(0, 0.004)))
        sha = "0f" * 32 if number < count - 2 else file
        found.append(night(number, level, sha256=sha, onnxruntime=runtime, kernel=kernel, git=f"{number:040x}"))
    return found


def historic() -> Made:
    made = grid(2, 6)
    cells = subjects(made.results, [board.name for board in made.results.boards])
    earlier = {cell.key: nights(made.results, cell) for cell in cells}
    return changed(made, history=histories(made.results, cells, earlier))


def calibrated() -> Made:
    """Three boards with all their runs against themselves, one with two of twenty, the rest with none."""
    made, rng = grid(8, 6), np.random.default_rng(11)
    spreads = (0.002, 0.004, 0.009)
    boards = []
    for place, board in enumerate(made.results.boards):
        shown = [
            float(each) for each in rng.normal(0, spreads[min(place, 2)], 20 if place < 3 else 2 if place == 3 else 0)
        ]
        own = place < 3
        known = Calibrated(
            runs=len(shown), bias=0.001 if own else None, floor=0.002 if own else None, launch_sd=0.004 if shown else None,
            noise="quiet" if shown else None, trials=shown,
            reason=None if own else "2 of 20 A/A runs are there" if shown else "never measured against itself",
        )  # fmt: skip
        had = 0.006 + 0.004 * min(place, 4)
        sight = Sight(
            promised=0.008, expected_sd=0.004, own=own, planned=8, had=had, variant="int8-qdq", point_key=POINT_KEY
        )
        governor = "performance" if place != 4 else "schedutil"
        boards.append(board.model_copy(update={"calibration": known, "sight": sight, "governor": governor}))
    return changed(made, boards=boards)


def drawings() -> dict[str, str]:
    """Golden ones, at every width they have."""
    told = lanes_chart.Told("ms", 1.0, "int8 was held back")
    frames = {"half": lanes_chart.HALF, "full": lanes_chart.FULL, "narrow": lanes_chart.NARROW}
    calm = lane(3, 600, 5, hot=False)
    clocked = replace(lane(1, 300, 0, hot=False), temperature_c=nothing())
    left = [
        kept.Kept("fp32", 0.8, 0.78, 0.82, held=True, finding="fp32: 80 %"),
        kept.Kept("int8", 0.997, 0.99, 1.004, held=False, finding="int8: 99.7 %"),
        kept.Kept(
            "hot",
            None,
            None,
            None,
            held=True,
            finding="hot: unknown",
            why="heat held it back from the first seconds on",
        ),
    ]
    made = historic().results.history[0]
    spots = [history_chart.Spot(float(place * 86400), each.p50_ms.value or 1.0, each.p50_ms.low, each.p50_ms.high, each.run)
             for place, each in enumerate(made.runs)]  # fmt: skip
    stretches = [history_chart.Stretch(each.first, each.last, each.mean_ms, each.band, "; ".join(each.changed), "mean")
                 for each in made.segments]  # fmt: skip
    boards = [
        trials.Board("rpi5", (-0.004, -0.001, 0.0, 0.0001, 0.0002, 0.003), 0.006, "rpi5: 6 runs"),
        trials.Board("rpi4", (0.012, -0.02), None, "rpi4: 2 runs"),
    ]
    found = {
        **{f"lanes-{name}": lanes_chart.lanes(lane(), told, frame) for name, frame in frames.items()},
        "lanes-calm": lanes_chart.lanes(calm, told),
        "lanes-clock": lanes_chart.lanes(clocked, told),
        "kept-wide": kept.kept(left, "fp32 keeps least", kept.WIDE),
        "kept-narrow": kept.kept(left, "fp32 keeps least", kept.NARROW),
        "history-wide": history_chart.history(spots, stretches, "ms", "int8 moved", history_chart.WIDE),
        "history-narrow": history_chart.history(spots, stretches, "ms", "int8 moved", history_chart.NARROW),
        "trials-wide": trials.trials(boards, "rpi5 is quiet", trials.WIDE),
        "trials-narrow": trials.trials(boards, "rpi5 is quiet", trials.NARROW),
    }
    return {name: str(drawing) for name, drawing in found.items()}


def sound(drawing: str) -> None:
    """Text of a page: XML, finite, small, and nothing outside of its width."""
    root = ET.fromstring(re.sub(r"^<div[^>]*>|</div>$", "", drawing))  # noqa: S314 - our own text
    width = float(root.get("width", "0"))
    assert len(drawing) <= LARGEST
    for element in root.iter():
        for name, told in element.attrib.items():
            assert name == "aria-label" or not NO_COORDINATE.search(told), (name, told)
            if name in {"x", "x1", "x2", "cx"}:
                assert -1 <= float(told) <= width + 1


PAGES = {"heated": heated, "historic": historic, "calibrated": calibrated}
