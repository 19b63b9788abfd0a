"""The folder of a run as anybody may read it: three Parquet files and one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plain_statistics import Floats, quantile


@dataclass(frozen=True)
class Cell:
    """The launches of one cell in the order of their blocks, and the iterations of those that count."""

    all: pd.DataFrame
    valid: pd.DataFrame
    samples: tuple[Floats, ...]

    @cached_property
    def pooled(self) -> Floats:
        return np.concatenate(self.samples) if self.samples else np.zeros(0)

    @cached_property
    def logs(self) -> dict[int, float]:
        """Log median by block, from the iterations."""
        medians = (round(quantile(samples, 0.5)) for samples in self.samples)
        return {int(block): math.log(ns) for block, ns in zip(self.valid["block"], medians, strict=True)}

    @property
    def facts(self) -> list[dict[str, Any]]:
        """What the agent said of each launch that was timed, whatever became of its block."""
        timed = self.all[(self.all["kind"] == "measure") & self.all["state"].isin(["done", "rejected"])]
        return [json.loads(facts) for facts in timed["facts"]]

    def column(self, name: str) -> list[float]:
        return [float(value) for value in self.valid[name] if pd.notna(value)] if name in self.valid else []

    def per_inference(self, name: str) -> list[float]:
        if name not in self.valid:
            return []
        pairs = zip(self.valid[name], self.samples, strict=True)
        return [float(value) / samples.size for value, samples in pairs if pd.notna(value) and value]


class Stored:
    """A run's folder: its document, and what is computed again beside it."""

    def __init__(self, folder: Path) -> None:
        read = (pd.read_parquet(folder / f"{name}.parquet") for name in ("launches", "samples", "readings"))
        self.launches, self.samples, self.readings = read
        self.document: Any = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        self.cells = {self.key(cell): self._cell(*self.key(cell)) for cell in self.document["cells"]}

    @staticmethod
    def key(cell: Any) -> tuple[str, str, str]:
        return cell["board"], cell["variant"], cell["point_key"]

    def _cell(self, board: str, variant: str, point: str) -> Cell:
        rows = self.launches
        own = rows[
            (rows["board"] == board) & (rows["variant"] == variant) & (rows["point"] == point) & (rows["phase"] == 3)
        ]
        good = own.query("kind == 'measure' and state == 'done' and dropped.isna() and p50_ns > 0")
        valid = good.sort_values("attempt").drop_duplicates("block", keep="last").sort_values("block")
        by_launch = dict(iter(self.samples.groupby("launch")))
        arrays = [by_launch[launch].sort_values("i")["latency_ns"].to_numpy(float) for launch in valid["launch"]]
        return Cell(own, valid, tuple(arrays))

    def differences(self, key: tuple[str, str, str]) -> list[float]:
        mine, other = self.cells[key].logs, self.cells[key[0], self.document["run"]["baseline"], key[2]].logs
        return [mine[block] - other[block] for block in sorted(mine.keys() & other.keys())]

    def compared(self) -> Iterator[tuple[int, tuple[str, str, str]]]:
        for index, cell in enumerate(self.document["cells"]):
            if cell["versus_baseline"] is not None and cell["versus_baseline"]["ratio"] is not None:
                yield index, self.key(cell)


def numbers(document: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON document by its path."""
    if isinstance(document, dict):
        for name, inside in document.items():
            yield from numbers(inside, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for index, inside in enumerate(document):
            yield from numbers(inside, f"{path}[{index}]")
    elif isinstance(document, (int, float)) and not isinstance(document, bool):
        yield path, document


def joules(stored: Stored, launch: int, source: str, window: tuple[float, float]) -> float:
    """The trapezoid under one rail's watts within a window of a launch, its edges between two readings."""
    own = stored.readings
    rows = own[(own["launch"] == launch) & (own["source"] == source) & own["value"].notna()].sort_values("t_ns")
    times, unit = rows["t_ns"].to_numpy(float), {"uW": 1e-6, "mW": 1e-3, "W": 1.0}[rows["unit"].iloc[0]]
    at = np.array([window[0], *times[(times > window[0]) & (times < window[1])], window[1]])
    return float(np.trapezoid(np.interp(at, times, rows["value"].to_numpy(float) * unit), at) / 1e9)


def watts(stored: Stored, launch: int, source: str, window: tuple[float, float]) -> float:
    return joules(stored, launch, source, window) / ((window[1] - window[0]) / 1e9)
