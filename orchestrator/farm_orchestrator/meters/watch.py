"""A meter read beside the launches of a board: a thread of its own, and rows on the board's clock for each launch."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from farm_orchestrator.meters import MeterError, Reading, align, open_meter
from farm_orchestrator.meters.align import Lag, Sync
from farm_orchestrator.meters.meter import Json, Meter, described

Told = tuple[tuple[Json, ...], Json]  # rows and facts of one launch
RING = 50_000
LEAST = 10  # readings of a slot that can have an energy
AGAIN_NS = 1_000_000_000  # after a failure
JUMP_S = 90.0  # some meters tell their time by the minute
MOST_W = 4000.0  # of a socket
COUNTED_S = 60.0  # some counters move once a minute
BEYOND = (ArithmeticError, LookupError, OSError, TypeError, ValueError)  # what nobody foresaw of an answer
NO_METER = "the inventory names no meter for this board"
NO_CHIRP = "no load chirp was run since the line to the board was opened"
NO_CLOCK = "the board's clock was not compared with this machine's"


@dataclass(frozen=True)
class Kept:
    """One turn: what the meter said, or why nothing; `jump`: why the counter does not go on from the one before."""

    t_ns: int
    reading: Reading | None = None
    error: str | None = None
    jump: str | None = None


class Watching:
    """From the opening of the line to its close; a meter that fails leaves reasons, never the run."""

    def __init__(self, text: str, opened: Callable[[str], Meter] = open_meter) -> None:
        from farm_inventory import meter_address

        self.address = meter_address(text)
        self.text = text
        self.opened = opened
        self.meter: Meter | None = None
        self.kept: deque[Kept] = deque(maxlen=RING)
        self.last: Reading | None = None
        self.lag = Lag(None, NO_CHIRP)
        self.ended = threading.Event()
        self.turned = threading.Condition()
        self.thread = threading.Thread(target=self._run, name=f"meter {self.address.name}", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Does not wait for a meter that hangs: its thread ends with the deadline of its question."""
        self.ended.set()

    def beside(self, before: Sync | None, after: Sync | None, said: Json) -> Told:
        """Rows and facts of the launch between two looks at the board's clock; `said`: the facts its agent told."""
        if before is None or after is None:
            return (), {**self._facts(None), **_null("clock_offset_ns", NO_CLOCK)}
        clock = align.over(before, after)
        self._await(said, clock.offset_ns)
        margin_ns = self._interval_ns()  # edges are interpolated: a reading on either side belongs to the launch
        kept = [one for one in self._all() if before.at_ns - margin_ns <= one.t_ns <= after.at_ns + margin_ns]
        if "chirp" in said:
            self.lag = self._heard(said["chirp"], kept, clock)
        rows = tuple(row for one in kept for row in rows_of(self.address.name, one, clock.offset_ns))
        return rows, {**self._facts(kept), "clock_offset_ns": clock.offset_ns, "clock_offset_error_ns": clock.error_ns}

    def _await(self, said: Json, offset_ns: int) -> None:
        """The end of a slot that is long enough for an energy lies between two readings; the second may be on its way."""
        begin, end = said.get("slot_t0_ns"), said.get("slot_t1_ns")
        interval_ns = self._interval_ns()
        if type(begin) is not int or type(end) is not int or end - begin < LEAST * interval_ns:
            return
        until_ns = time.monotonic_ns() + interval_ns + AGAIN_NS
        with self.turned:
            while self.kept and self.kept[-1].reading is not None and self.kept[-1].t_ns + offset_ns < end:
                if not self.turned.wait((until_ns - time.monotonic_ns()) / 1e9):
                    return

    def _run(self) -> None:
        due_ns = time.monotonic_ns()
        while not self.ended.wait(max(0, due_ns - time.monotonic_ns()) / 1e9):
            one = self._turn()
            with self.turned:
                self.kept.append(one)
                self.turned.notify_all()
            now_ns, pause_ns = time.monotonic_ns(), self._interval_ns()
            due_ns = now_ns + max(AGAIN_NS, pause_ns) if one.reading is None else max(due_ns + pause_ns, now_ns)
        if self.meter is not None:
            self.meter.close()

    def _turn(self) -> Kept:
        try:
            self.meter = self.meter or self.opened(self.text)
            reading = self.meter.read()
        except MeterError as error:
            return Kept(time.monotonic_ns(), error=str(error))
        except BEYOND as error:
            return Kept(time.monotonic_ns(), error=f"nonsense: {type(error).__name__}: {error}"[:300])
        before, self.last = self.last, reading
        slow = _slow(reading, self._interval_ns())
        return Kept(reading.t_mid_ns, reading, slow, jumped(before, reading))

    def _all(self) -> tuple[Kept, ...]:
        with self.turned:
            return tuple(self.kept)

    def _interval_ns(self) -> int:
        return self.meter.interval_ms * 1_000_000 if self.meter is not None else AGAIN_NS

    def _facts(self, kept: Sequence[Kept] | None) -> Json:
        lag = {"meter_lag_ns": self.lag.ns} if self.lag.ns is not None else _null("meter_lag_ns", self.lag.reason)
        if self.meter is None:
            errors = [one.error for one in kept or self._all() if one.error]
            return {**_null("meter", errors[-1] if errors else "it has not answered yet"), **lag}
        return {"meter": {"name": self.address.name, **described(self.meter)}, **lag}

    def _heard(self, chirp: object, kept: Sequence[Kept], clock: Sync) -> Lag:
        burns = burns_of(chirp)
        if not burns or self.meter is None:
            return Lag(None, "the board told no load chirp" if self.meter else "the meter did not answer")
        good = [one.reading for one in kept if one.reading is not None and one.error is None]
        return align.lag(
            burns,
            [reading.t_mid_ns + clock.offset_ns for reading in good],
            [reading.power_w for reading in good],
            interval_ns=self._interval_ns(),
            lsb_w=self.meter.lsb_w,
        )


def rows_of(name: str, one: Kept, offset_ns: int) -> list[Json]:
    """Readings as the agent tells its own, on the board's clock."""
    power, energy = (f"meter.{name}.{what}" for what in ("power", "energy"))
    t_ns = one.t_ns + offset_ns
    if one.reading is None or one.error is not None:
        return [_row(t_ns, power, None, "mW", one.error)]
    found = [_row(t_ns, power, one.reading.power_w * 1e3, "mW")]
    if one.jump is not None:
        found.append(_row(t_ns, energy, None, "uJ", one.jump))
    elif one.reading.energy_j is not None:
        found.append(_row(t_ns, energy, one.reading.energy_j * 1e6, "uJ"))
    return found


def jumped(before: Reading | None, now: Reading) -> str | None:
    """Why the meter's counter does not go on from the reading before: it was reset, or its clock was set."""
    if before is None:
        return None
    passed_s = (now.t_mid_ns - before.t_mid_ns) / 1e9
    if before.own_s is not None and now.own_s is not None:
        own_s = now.own_s - before.own_s
        if abs(own_s - passed_s) > JUMP_S:
            return f"jump: its own clock moved by {own_s:.0f} s within {passed_s:.0f} s"
    if before.energy_j is not None and now.energy_j is not None:
        gone_j = now.energy_j - before.energy_j
        if not 0 <= gone_j <= MOST_W * (passed_s + COUNTED_S):
            return (
                f"jump: its counter went from {before.energy_j:.0f} J to {now.energy_j:.0f} J within {passed_s:.0f} s"
            )
    return None


def burns_of(chirp: object) -> list[tuple[int, int]]:
    """What an agent told as [[begin, end], ...]; nothing where it is no such thing."""
    if not isinstance(chirp, list):
        return []
    found = [tuple(pair) for pair in chirp if isinstance(pair, list) and [type(t) for t in pair] == [int, int]]
    return [(begin, end) for begin, end in found if begin < end] if len(found) == len(chirp) else []


def _slow(reading: Reading, interval_ns: int) -> str | None:
    if reading.took_ns * 2 <= interval_ns:
        return None
    return f"slow: the answer took {reading.took_ns / 1e6:.0f} ms of an interval of {interval_ns / 1e6:.0f} ms"


def _row(t_ns: int, source: str, value: float | None, unit: str, error: str | None = None) -> Json:
    return {"t_ns": t_ns, "source": source, "value": value, "unit": unit, "error": error}


def _null(name: str, reason: str) -> Json:
    return {name: None, f"{name}_reason": reason}


def without_meter() -> Told:
    return (), _null("meter", NO_METER)
