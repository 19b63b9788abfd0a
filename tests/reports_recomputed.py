"""Every number of results.json computed again from the three Parquet files alone, without a line of the judge."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from plain_statistics import (
    alone,
    early_stopping,
    effective,
    error,
    had,
    hodges_lehmann,
    of_launches,
    quantile,
    tail,
    with_bias,
    word_of,
)
from reports_stored import Cell, Stored, numbers, watts

Found = Iterator[tuple[str, float | None]]
TAILS = (("p90", 0.9, 200), ("p95", 0.95, 400), ("p99", 0.99, 2000))  # and the effective iterations that each takes
# What no table of launches, samples or readings holds: what was asked for, the files, the scores of the outputs, and what
# other runs gave.
FACTS = re.compile(
    r"run\.(seed|promised_effect|memory_limit)|variants\[\d+\]\.(bytes|opset)|boards\[\d+\]\.(calibration\..*|sight\.(promised|expected_sd|planned))"
    r"|cells\[\d+\]\.(accuracy\..*|point\..*)|boards\[\d+\]\.capabilities\..*|cells\[\d+\]\.energy\.(lsb_w|interval_ms)"
)


def three(path: str, found: Sequence[float | None], scale: float = 1.0) -> Found:
    yield from (
        (f"{path}.{name}", None if value is None else value * scale)
        for name, value in zip(("value", "low", "high"), found, strict=True)
    )


def of_cells(stored: Stored) -> Found:
    for index, said in enumerate(stored.document["cells"]):
        cell, path = stored.cells[stored.key(said)], f"cells[{index}]"
        states = cell.all["state"]
        yield f"{path}.launches.valid", len(cell.valid)
        yield (
            f"{path}.launches.dropped",
            int((states.isin(["done", "rejected"]) & ~cell.all["launch"].isin(cell.valid["launch"])).sum()),
        )
        yield f"{path}.launches.lost", int((states == "lost").sum())
        yield f"{path}.iterations", cell.pooled.size
        yield from latencies(stored, cell, f"{path}.latency_ms")
        for name, values, scale in (
            ("load_ms", cell.column("load_ms"), 1), ("first_ms", cell.column("first_ms"), 1),
            ("cpu_ms_per_inference", cell.per_inference("cpu_ns"), 1e-6), ("peak_rss_bytes", cell.column("peak_memory"), 1),
        ):  # fmt: skip
            yield from three(f"{path}.{name}", of_launches(values), scale)
        yield from energies(stored, cell, path)


def latencies(stored: Stored, cell: Cell, path: str) -> Found:
    if not cell.samples:
        return
    if len(cell.samples) == 1:
        yield from three(f"{path}.p50", alone(cell.pooled, 0.5, round(quantile(cell.pooled, 0.5))), 1e-6)
    else:
        logs = of_launches(list(cell.logs.values()))
        yield from three(f"{path}.p50", [None if log is None else math.exp(log) for log in logs], 1e-6)
    for name, p, least in TAILS:
        n_eff = [effective(samples, p) for samples in cell.samples]
        if sum(n_eff) >= least:
            yield from three(f"{path}.{name}", tail(cell.samples, p), 1e-6)
        if (
            not any(each["versus_baseline"] for each in stored.document["cells"])
            and stored.document["run"]["preset"] == "mlperf"
        ):
            yield f"{path}.{name}.upper", early_stopping(cell.pooled, p, sum(n_eff))


def energies(stored: Stored, cell: Cell, path: str) -> Found:
    """Millijoules an inference; of one launch between the ends that stand beside it."""
    for name, column in (("energy_mj", "energy_uj"), ("energy_net_mj", "energy_net_uj")):
        yield from three(f"{path}.{name}", of_launches(cell.per_inference(column)), 1e-3)
    if len(cell.per_inference("energy_uj")) == 1:
        for end in ("low", "high"):
            yield f"{path}.energy_mj.{end}", cell.facts[0][f"energy_{end}_uj"] / cell.pooled.size / 1e3
    rails = [
        name for name in stored.readings["source"].unique() if name.startswith("rail.") and name.endswith(".power")
    ]
    idle = [mean for launch in cell.valid.itertuples() for mean in idles(stored, launch, rails[0])] if rails else []
    yield f"{path}.energy.idle_w", float(np.median(idle)) if idle else None


def idles(stored: Stored, launch: Any, rail: str) -> Iterator[float]:
    """The mean power of the loaded and waiting board right before and right after the slot."""
    facts = json.loads(launch.facts)
    windows = [facts[f"idle_{when}_ns"] for when in ("before", "after")]
    yield sum(watts(stored, launch.launch, rail, window) for window in windows) / 2


def of_comparisons(stored: Stored) -> Found:
    words = dict.fromkeys(stored.document["counts"], 0)
    for index, key in stored.compared():
        found = with_bias(stored.differences(key))
        for name, log in zip(("ratio", "low", "high"), found, strict=True):
            yield f"cells[{index}].versus_baseline.{name}", math.exp(log)
        words[word_of(found[1], found[2])] += 1
    yield from ((f"counts.{word}", count) for word, count in words.items())
    yield from of_sight(stored)
    for index, one in enumerate(stored.document["fleet"]):
        yield from of_fleet(stored, one, f"fleet[{index}]")


def of_sight(stored: Stored) -> Found:
    """What the noisiest comparison of each board would have called in 95 of 100 runs."""
    most = []
    for index, board in enumerate(stored.document["boards"]):
        seen = {key: had(stored.differences(key)) for _, key in stored.compared() if key[0] == board["name"]}
        if seen:
            worst = max(seen, key=lambda key: seen[key])
            logs, path = stored.differences(worst), f"boards[{index}].sight"
            most.append(seen[worst])
            yield from ((f"{path}.had", seen[worst]), (f"{path}.blocks", len(logs)))
            yield f"{path}.launch_sd", float(np.std(logs, ddof=1)) / math.sqrt(2)
    yield "run.smallest_effect", max(most, default=None)


def of_fleet(stored: Stored, one: Any, path: str) -> Found:
    """Of a single board: its own comparison."""
    for index, unit in enumerate(one["units"]):
        key = next(key for _, key in stored.compared() if key[:2] == (unit["boards"][0], one["variant"]))
        found = with_bias(stored.differences(key))
        yield from (
            (f"{path}.units[{index}].ratio", math.exp(found[0])),
            (f"{path}.units[{index}].error", error(found)),
        )
        yield f"{path}.ratio", math.exp(found[0])


def of_gates(stored: Stored) -> Found:
    """The figure of its cell, in the unit of its limit."""
    document = stored.document
    for index, gate in enumerate(document["gates"]):
        judged = [(f"cells[{place}]", each) for place, each in enumerate(gate["cells"])]
        for path, each in [*judged, *([("worst", gate["worst"])] if gate["worst"] else [])]:
            yield from limited(stored, gate["metric"], gate["bound"], each, f"gates[{index}].{path}")
    for index, cell in enumerate(document["cells"]):
        for place, hit in enumerate(cell["fit"]["by"]):
            found = list(limited(stored, hit["metric"], hit["limit"], cell, f"cells[{index}].fit.by[{place}]"))
            yield from found[:1]


def limited(stored: Stored, metric: str, bound: str, judged: Any, path: str) -> Found:
    said = next(
        (
            cell
            for cell in stored.document["cells"]
            if (cell["board"], cell["variant"]) == (judged["board"], judged["variant"])
        ),
        None,
    )
    if said is None or metric == "all limits":
        return
    sizes = {variant["name"]: variant["bytes"] for variant in stored.document["variants"]}
    if metric == "size":
        yield f"{path}.value", float(sizes[said["variant"]])
    elif metric == "accuracy":
        yield (
            f"{path}.value",
            said["accuracy"]["delta_pt"] or 0.0 if bound.endswith("pt") else said["accuracy"]["value"],
        )
    elif bound.endswith(("%", "x")):
        yield from three(path, [math.expm1(log) for log in with_bias(stored.differences(stored.key(said)))])
    else:
        name = {
            "latency_p50": "latency_ms.p50",
            "latency_p99": "latency_ms.p99",
            "peak_memory": "peak_rss_bytes",
            "energy": "energy_mj",
        }[metric]
        figures = dict(of_cells(stored))
        index = stored.document["cells"].index(said)
        yield from (
            (f"{path}.{part}", figures.get(f"cells[{index}].{name}.{part}")) for part in ("value", "low", "high")
        )


def of_ships(stored: Stored) -> Found:
    """How often the winner is the fastest of those that fit, in draws of our own."""
    for index, ship in enumerate(stored.document["ship"]):
        fitting = [
            stored.key(cell)
            for cell in stored.document["cells"]
            if cell["board"] == ship["board"] and cell["fit"]["verdict"] == "yes"
        ]
        if ship["variant"] is not None:
            base = stored.document["run"]["baseline"]
            changes = [
                hodges_lehmann(stored.differences(key)) if key[1] != base else (0.0, 0.0, 0.0) for key in fitting
            ]
            draws = np.random.default_rng(99).normal(
                [c[0] for c in changes], [math.hypot(error(c), 0.005) for c in changes], (100_000, len(changes))
            )
            winner = [key[1] for key in fitting].index(ship["variant"])
            yield f"ship[{index}].probability_best", float((draws.argmin(axis=1) == winner).mean())


def of_heat(stored: Stored) -> Found:
    """Which launches the agent saw held back, how long they lasted, and the hottest reading."""
    for index, one in enumerate(stored.document["heat"]):
        facts, path = stored.cells[stored.key(one)].facts, f"heat[{index}]"
        words = [(each.get("throttle") or {}).get("verdict") for each in facts]
        yield f"{path}.launches", len(facts)
        yield from (
            (f"{path}.{name}", words.count(word))
            for name, word in (("held_back", "confirmed"), ("suspected", "suspected"))
        )
        if one["share"]["value"] is not None:
            whole, held = (
                [each["wall_ns"] for each in facts],
                [each["wall_ns"] * (word == "confirmed") for each, word in zip(facts, words, strict=True)],
            )
            yield f"{path}.share.value", sum(held) / sum(whole)
        yield f"{path}.hottest_c.value", hottest(stored, one["board"])


def hottest(stored: Stored, board: str) -> float | None:
    """Of what was read at the edges of the launches and, where a cell is drawn, between them."""
    own = stored.readings[(stored.readings["board"] == board) & stored.readings["source"].str.startswith("zone.")]
    said = [json.loads(text) for text in stored.launches.loc[stored.launches["board"] == board, "facts"]]
    edges = [
        each[name] for each in said for name in ("temp_mc_launch", "temp_mc_start", "temp_mc_end") if each.get(name)
    ]
    return max([*edges, *own["value"].dropna()], default=0) / 1000 or None


def of_why(stored: Stored) -> Found:
    """The quantiles of the worst case and of the baseline, all iterations pooled."""
    why = stored.document["why"]
    if why is None:
        return
    mine, other = (
        stored.cells[why["board"], name, why["point_key"]].pooled
        for name in (why["variant"], stored.document["run"]["baseline"])
    )
    yield (
        "why.similar",
        sum(
            cell["versus_baseline"] is not None and cell["versus_baseline"]["verdict"] == why["rule"]
            for cell in stored.document["cells"]
        )
        - 1,
    )
    for index, told in enumerate(why["quantiles"]):
        found = [quantile(values, told["p"]) / 1e6 for values in (mine, other)]
        yield from ((f"why.quantiles[{index}].p", told["p"]), (f"why.quantiles[{index}].ms", found[0]))
        yield from (
            (f"why.quantiles[{index}].reference_ms", found[1]),
            (f"why.quantiles[{index}].change", found[0] / found[1] - 1),
        )
    for name, variant in (("reach", why["variant"]), ("reference_reach", stored.document["run"]["baseline"])):
        yield f"why.{name}", reach(stored, why["board"], variant, why["point_key"])


def reach(stored: Stored, *key: str) -> float:
    """The highest quantile that the cell tells or its pooled iterations are enough for."""
    cell = stored.cells[key[0], key[1], key[2]]
    told = [p for _, p, least in TAILS if sum(effective(samples, p) for samples in cell.samples) >= least]
    for p, least in ((0.5, 40), (0.9, 200), (0.95, 400), (0.99, 2000), (0.999, 20_000)):
        if p > max(told, default=0) and effective(cell.pooled, p) < least:
            return max((known for known in (0.5, 0.9, 0.95, 0.99) if known < p), default=0.0)
    return 0.999


def recomputed(stored: Stored) -> dict[str, float]:
    parts = (of_cells, of_comparisons, of_gates, of_ships, of_heat, of_why)
    return {path: value for part in parts for path, value in part(stored) if value is not None}


def differing(stored: Stored) -> list[str]:
    """What results.json says otherwise, says alone, or leaves out."""
    said, found = dict(numbers(stored.document)), recomputed(stored)
    apart = [
        f"{path}: {said[path]}, but {found[path]}"
        for path in said.keys() & found.keys()
        if not close(path, said[path], found[path])
    ]
    alone_ = [
        f"{path}: {said[path]} is from nowhere" for path in said.keys() - found.keys() if not FACTS.fullmatch(path)
    ]
    return sorted([*apart, *alone_, *(f"{path}: {found[path]} is missing" for path in found.keys() - said.keys())])


def close(path: str, one: float, other: float) -> bool:
    """Draws of our own differ; the power of a short idle window hangs on which of the repeated readings is its edge."""
    rough = {"probability_best": 0.03, "idle_w": 0.02}.get(path.rpartition(".")[2], 0.0)
    return math.isclose(one, other, rel_tol=max(1e-9, rough), abs_tol=max(1e-12, rough))
