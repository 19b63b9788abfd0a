"""Runs that went oddly, from tables through the judge to the page: what is missing, and what is out of measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from farm_reports import judge
from farm_reports.tables import BoardRecord, Json, LaunchRecord
from noise import generator
from reports_support import Made
from tables_support import TIMES, launch, launches, tables, variant

NAMES = ("fp32", "int8", "struct50")
BOARDS = ("rpi5-02", "rock5b", "orin-nano")
MODELS = ("Raspberry Pi 5", "ROCK 5B", "Jetson Orin Nano")
REFUSED = "the checker of onnx refuses it: no output is made by any node"
UNREACHED = "connection refused by 192.0.2.7 port 22"
SHUNT: Json = {"scope": "board_dc", "source": "ina226", "sensor_class": "B", "lsb_w": 0.01, "interval_ms": 1.1}
HOURS_3 = 3 * 3600 * 10**9
ITERATIONS = 300


def facts(name: str) -> Json:
    model = MODELS[BOARDS.index(name) % 3] if name in BOARDS else MODELS[0]
    known = {"arch": "aarch64", "kernel": "6.6.31", "python": "3.11.2", "onnxruntime": "1.22.0", "agent": "b7" * 32}
    return {"model": model, **known, "capabilities": {"power": {"ok": False, "reason": "no power sensor"}}}


def board(name: str, reason: str | None = None, **fields: object) -> BoardRecord:
    return BoardRecord(name, dict(fields), {} if reason else facts(name), reason=reason)


def made(
    records: Sequence[LaunchRecord] | None = None,
    boards: Sequence[str | BoardRecord] = ("rpi5-02",),
    names: Sequence[str] = NAMES,
    **changes: Any,
) -> Made:
    """The judge's results of these launches, and iterations around the median of each."""
    known = tuple(each if isinstance(each, BoardRecord) else board(each) for each in boards)
    measured = launches([each.name for each in known], names) if records is None else list(records)
    raw = {each.id: _iterations(each) for each in measured if each.valid}
    found = judge.results(tables(measured, boards=known, names=names, samples=raw, **changes))
    pooled: dict[tuple[str, str, str], list[Any]] = {}
    for each in measured:
        if each.id in raw:
            pooled.setdefault((each.board, each.variant, each.point), []).append(raw[each.id])
    return Made(found, {key: np.concatenate(parts) for key, parts in pooled.items()})


def _iterations(record: LaunchRecord) -> Any:
    spread = generator(record.id).lognormal(0, 0.02, ITERATIONS)
    return np.maximum((record.p50_ns or 1) * spread, 1).astype(np.int64)


def timed(times: Mapping[str, float], sd: float = 0.003) -> Callable[[str, str, int], float]:
    rng = generator(5)
    return lambda _board, name, _block: times.get(name, TIMES.get(name, 4e6)) * rng.lognormal(0, sd)


def nothing() -> Made:
    """Neither board was reached."""
    return made([], [board("rpi5-02", UNREACHED), board("rock5b", "the host key changed")])


def one_variant() -> Made:
    """Nothing to compare with: absolute figures."""
    return made(names=("fp32",))


def one_variant_on_twelve() -> Made:
    names = [f"rpi5-{number:02}" for number in range(1, 13)]
    rng = generator(6)
    return made(launches(names, ("fp32",), time_ns=lambda at, _, __: 4e6 * (1 + int(at[-2:]) / 50) * rng.lognormal(0, 0.003)),
                names, ("fp32",))  # fmt: skip


def fifty_variants() -> Made:
    names = ("fp32", *(f"int8-recipe-{number:02}" for number in range(49)))
    times = {name: 4e6 * (0.3 + index * 0.017 if index else 1) for index, name in enumerate(names)}
    return made(launches(("rpi5-02",), names, time_ns=timed(times)), names=names)


def one_launch() -> Made:
    """As preset mlperf measures: no blocks, no comparison."""
    return made(launches(("rpi5-02",), blocks=1), compare=False, run=_run("mlperf"))


def interrupted() -> Made:
    """Ended by its reader in the first block."""
    first, second, *rest = launches(("rpi5-02",))
    gone = [replace(each, state="cancelled", p50_ns=None) for each in rest]
    return made([first, second, *gone], partial=True)


def some_metrics() -> Made:
    """A meter on one board of three, no peak memory on another, no p99 on the third."""
    names = list(BOARDS)
    found = [_with_gaps(each) for each in launches(names)]
    return made(found, names)


def _with_gaps(record: LaunchRecord) -> LaunchRecord:
    changes: Json = {"energy_uj_reason": "no power sensor"}
    if record.board == "orin-nano":
        changes = {"energy_uj": 6 * (record.p50_ns or 0) * (record.n or 0) / 1e3, "energy": SHUNT}
    if record.board == "rock5b":
        changes |= {"peak_memory": None, "peak_memory_reason": "the kernel does not count it"}
    return replace(record, facts={**record.facts, **changes})


def clock_stood() -> Made:
    """A median of 0 ns is no time: the variant has no figure."""
    return made(launches(("rpi5-02",), time_ns=timed({"int8": 0})))


def extremes() -> Made:
    """A nanosecond beside three hours."""
    return made(launches(("rpi5-02",), time_ns=timed({"int8": 1, "struct50": HOURS_3})))


def baseline_failed() -> Made:
    """What the others were to be compared with does not load on one of two boards."""
    ran = [each for each in launches(BOARDS[:2]) if (each.board, each.variant) != ("rock5b", "fp32")]
    ran.append(launch(900, "rock5b", "fp32", 2, 0, state="failed", outcome="load: opset 22 is not supported", phase=0))
    return made(ran, BOARDS[:2])


def baseline_failed_everywhere() -> Made:
    ran = [each for each in launches(("rpi5-02",)) if each.variant != "fp32"]
    ran.append(launch(900, "rpi5-02", "fp32", 2, 0, state="failed", outcome="CRASH(11)", phase=0))
    return made(ran)


def all_refused() -> Made:
    """Every file was refused before any board was asked."""
    refused = tuple(replace(variant(name), reason=REFUSED) for name in NAMES)
    return made([], variants=refused)


def none_fits() -> Made:
    return made(boards=BOARDS, limits={"latency_p50": "1.1ms", "accuracy": "-0.3pt"}, ship=("int8",))


def accuracy_limit() -> Made:
    """Every board rules the same variant out."""
    return made(boards=BOARDS, limits={"accuracy": "-0.3pt"}, ship=("int8",))


def tie() -> Made:
    found = launches(("rpi5-02",), ("fp32", "int8", "int8-pc"), time_ns=timed({"int8": 1.7e6, "int8-pc": 1.7e6}))
    return made(found, names=("fp32", "int8", "int8-pc"))


def baseline_wins() -> Made:
    return made(launches(BOARDS, time_ns=timed({"int8": 6e6, "struct50": 5e6})), BOARDS)


def many_boards() -> Made:
    """More than twelve: counted by type."""
    known = [board(f"node-{number:02}", type="pi5" if number < 9 else "nano") for number in range(14)]
    names = [each.name for each in known]
    rng = generator(7)
    quick = {(name, "int8" if index < 9 else "struct50"): 1.2e6 for index, name in enumerate(names)}
    found = launches(
        names, time_ns=lambda at, name, _: quick.get((at, name), TIMES[name] * 1.5) * rng.lognormal(0, 0.003)
    )
    return made(found, known)


def _run(preset: str) -> Json:
    return {"id": "20260101-000000-abcd", "created": "2026-01-01T00:00:00Z", "preset": preset, "farm_version": "0.1.0"}


ODD: dict[str, Callable[[], Made]] = {
    "nothing": nothing,
    "one_variant": one_variant,
    "one_variant_on_twelve": one_variant_on_twelve,
    "fifty_variants": fifty_variants,
    "one_launch": one_launch,
    "interrupted": interrupted,
    "some_metrics": some_metrics,
    "clock_stood": clock_stood,
    "extremes": extremes,
    "baseline_failed": baseline_failed,
    "baseline_failed_everywhere": baseline_failed_everywhere,
    "all_refused": all_refused,
    "none_fits": none_fits,
    "accuracy_limit": accuracy_limit,
    "tie": tie,
    "baseline_wins": baseline_wins,
    "many_boards": many_boards,
}

# Those that look like no other; the rest differ in words alone.
PAGES: dict[str, Callable[[], Made]] = {
    name: ODD[name]
    for name in (
        "nothing", "one_variant", "one_variant_on_twelve", "fifty_variants", "one_launch", "interrupted", "some_metrics",
        "extremes", "baseline_failed", "all_refused", "none_fits",
    )
}  # fmt: skip
