"""What one launch's agent said, checked as if it came from an enemy, gathered into arrays."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from farm_agents import wire
from farm_orchestrator.model import DIGEST_PATTERN, Json, Kind

SAMPLES_MAX = 1_000_000
READINGS_MAX = 100_000
MESSAGES_MAX = 20_000
BYTES_MAX = 128 << 20
FINDINGS_MAX = 100
ITEMS_MAX = 10_000
DEPTH_MAX = 8
TEXT_MAX = 64 * 1024
NUMBER_MAX = 2**63 - 1
OUTPUT_BYTES_MAX = {Kind.EVALUATE: 1 << 30, Kind.PROFILE: 128 << 20}  # by the kinds of launch that send a file
OUTPUT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
DIGEST = re.compile(DIGEST_PATTERN)


@dataclass(frozen=True)
class Answer:
    """All that a launch brought. Times in ns of the board's monotonic clock; `start_delay_ns` of paced launches."""

    end: wire.Done | wire.Failed
    t0_ns: int
    latency_ns: npt.NDArray[np.int64]
    start_delay_ns: npt.NDArray[np.int64] | None
    readings: tuple[Json, ...]
    outputs: wire.Outputs | None


class Intake:
    """Gathers the messages of one launch; whatever is out of bounds is a WireError that says which bound."""

    def __init__(self, launch: str, kind: str) -> None:
        self.launch = launch
        self.kind = kind
        self.messages = 0
        self.bytes = 0
        self.samples = 0
        self.chunks: list[wire.Samples] = []
        self.readings: list[Json] = []
        self.outputs: wire.Outputs | None = None

    def take(self, message: wire.Message, size: int) -> Answer | None:
        """The answer once `message` (a line of `size` bytes) ends the launch, None while it goes on."""
        self.messages += 1
        self.bytes += size
        demand(self.messages <= MESSAGES_MAX, f"more than {MESSAGES_MAX} messages in one launch")
        demand(self.bytes <= BYTES_MAX, f"more than {BYTES_MAX} bytes in one launch")
        if isinstance(message, wire.Beat):
            return None
        self._of_this_launch(message)
        if isinstance(message, wire.Done | wire.Failed):
            return self._end(message)
        self._gather(message)
        return None

    def _of_this_launch(self, message: wire.Message) -> None:
        launch = getattr(message, "launch", None)
        kind = type(message).__name__.lower()
        demand(launch is not None, f"'{kind}' has no place in a launch")
        demand(launch == self.launch, f"'{kind}' is for another launch than {self.launch}")

    def _gather(self, message: wire.Message) -> None:
        if isinstance(message, wire.Samples):
            self._samples(message)
        elif isinstance(message, wire.Readings):
            self._readings(message.readings)
        elif isinstance(message, wire.Outputs):
            self._outputs(message)
        elif isinstance(message, wire.Stage):
            check_text(message.stage, "stage")
        else:
            raise wire.WireError(f"'{type(message).__name__.lower()}' is not the agent's to send")

    def _samples(self, chunk: wire.Samples) -> None:
        demand(self.kind == Kind.MEASURE, f"samples in a launch of kind {self.kind}")
        demand(chunk.first == self.samples, f"samples start at {chunk.first}, expected {self.samples}")
        self.samples += len(chunk.latency_ns)
        demand(self.samples <= SAMPLES_MAX, f"more than {SAMPLES_MAX} samples in one launch")
        check_times((chunk.t0_ns,), "t0_ns")
        check_times(chunk.latency_ns, "latency_ns")
        if chunk.start_delay_ns is not None:
            check_times(chunk.start_delay_ns, "start_delay_ns")
            demand(len(chunk.start_delay_ns) == len(chunk.latency_ns), "start_delay_ns and latency_ns differ in length")
        self.chunks.append(chunk)

    def _readings(self, readings: Sequence[Json]) -> None:
        demand(len(self.readings) + len(readings) <= READINGS_MAX, f"more than {READINGS_MAX} readings in one launch")
        for reading in readings:
            check_reading(reading)
        self.readings.extend(readings)

    def _outputs(self, outputs: wire.Outputs) -> None:
        most = {str(kind): size for kind, size in OUTPUT_BYTES_MAX.items()}.get(self.kind)
        demand(most is not None, f"outputs in a launch of kind {self.kind}")
        demand(self.outputs is None, "outputs were sent twice")
        demand(OUTPUT_NAME.fullmatch(outputs.name) is not None, f"outputs have the name {outputs.name[:80]!r}")
        demand(DIGEST.fullmatch(outputs.sha256) is not None, "outputs have no sha256")
        demand(0 <= outputs.size <= (most or 0), f"outputs of {outputs.size} bytes, at most {most}")
        self.outputs = outputs

    def _end(self, end: wire.Done | wire.Failed) -> Answer:
        check_json(end.facts, "facts")
        if isinstance(end, wire.Failed):
            for name in ("stage", "kind", "detail"):
                check_text(getattr(end, name), name)
        else:
            check_findings(end.findings)
            demand(self.kind != Kind.MEASURE or self.samples > 0, "done without a sample")
        return Answer(
            end,
            self.chunks[0].t0_ns if self.chunks else 0,
            np.array([ns for chunk in self.chunks for ns in chunk.latency_ns], dtype=np.int64),
            self._start_delays(),
            tuple(self.readings),
            self.outputs,
        )

    def _start_delays(self) -> npt.NDArray[np.int64] | None:
        delays = [chunk.start_delay_ns for chunk in self.chunks]
        known = [chunk for chunk in delays if chunk is not None]
        demand(len(known) in {0, len(delays)}, "only some samples carry a start delay")
        return np.array([ns for chunk in known for ns in chunk], dtype=np.int64) if known else None


def demand(held: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence at each call
    if not held:
        raise wire.WireError(otherwise)


def check_times(values: Sequence[int], name: str) -> None:
    demand(all(0 <= value <= NUMBER_MAX for value in values), f"{name} holds a number outside 0 .. 2^63-1")


def check_text(value: object, name: str) -> None:
    """Text that can be stored: no lone surrogate, no NUL, not endless."""
    demand(isinstance(value, str) and len(value) <= TEXT_MAX, f"{name} is no text of at most {TEXT_MAX} characters")
    text = str(value)
    demand("\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text), f"{name} cannot be stored")


def check_reading(reading: Json) -> None:
    demand(type(reading.get("t_ns")) is int, "a reading without t_ns")
    check_times((reading["t_ns"],), "t_ns of a reading")
    check_text(reading.get("source"), "source of a reading")
    check_text(reading.get("unit") or "", "unit of a reading")
    check_text(reading.get("error") or "", "error of a reading")
    value = reading.get("value")
    demand(value is None or type(value) in {int, float}, "value of a reading is no number")
    demand(value is None or abs(value) <= NUMBER_MAX, "value of a reading is beyond 2^63-1")


def check_findings(findings: Sequence[Json]) -> None:
    demand(len(findings) <= FINDINGS_MAX, f"more than {FINDINGS_MAX} findings")
    for finding in findings:
        check_text(finding.get("name"), "name of a finding")
        check_text(finding.get("text"), "text of a finding")
        check_json(finding, "a finding")


def check_json(value: object, name: str, depth: int = 0) -> None:
    """Numbers a database can hold, texts that can be stored, neither deep nor wide without end."""
    demand(depth <= DEPTH_MAX, f"{name} is nested deeper than {DEPTH_MAX}")
    if isinstance(value, dict):
        for key in value:
            check_text(key, f"a name in {name}")
        check_json(list(value.values()), name, depth)
    elif isinstance(value, list):
        demand(len(value) <= ITEMS_MAX, f"{name} has more than {ITEMS_MAX} items")
        for item in value:
            check_json(item, name, depth + 1)
    elif isinstance(value, str):
        check_text(value, name)
    elif isinstance(value, int | float):
        demand(abs(value) <= NUMBER_MAX, f"{name} holds a number beyond 2^63-1")
