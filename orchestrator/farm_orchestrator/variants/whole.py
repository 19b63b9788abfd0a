"""The whole dataset on this machine, for a variant of which a board ran only the first rows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from farm_orchestrator.model import Feeds, Json, Variant
from farm_orchestrator.variants import metrics
from farm_orchestrator.variants.arrays import Array, read, save
from farm_orchestrator.variants.checks import Refusal, dry
from farm_orchestrator.variants.sandbox import Job, Sandbox
from farm_orchestrator.variants.score import choose

Get = Callable[[str], Path]  # a file by its digest


@dataclass(frozen=True)
class Whole:
    """The outputs of the rows on this machine, or why there are none."""

    outputs: Path | None
    reason: str | None = None


def run_whole(variants: Sequence[Variant], get: Get, kept: Path, rows_s: float) -> dict[str, Whole]:
    """Variant -> its outputs, at most `rows_s` of rows each; what lies in `kept` from an earlier report is not run again."""
    kept.mkdir(parents=True, exist_ok=True)
    missing = [variant for variant in variants if not _file(kept, variant).exists()]
    refused: dict[str, str] = {}
    if missing:
        with tempfile.TemporaryDirectory(dir=kept) as scratch, Sandbox() as sandbox:
            folders = [_laid(variant, get, Path(scratch) / str(index)) for index, variant in enumerate(missing)]
            jobs = [_job(*pair, get, rows_s) for pair in zip(missing, folders, strict=True)]
            ended = sandbox.run(jobs)
            for index, variant in enumerate(missing):
                try:
                    golden = dry.judge(ended[index], folders[index])
                except Refusal as refusal:
                    refused[variant.name] = refusal.text
                else:
                    save(Path(scratch), golden.outputs).path.replace(_file(kept, variant))
    return {v.name: Whole(None, refused[v.name]) if v.name in refused else Whole(_file(kept, v)) for v in variants}


def compared(board: Path, whole: Whole, truth: Path, metric: str | None) -> Json:
    """`orchestrator` of an accuracy object: what all rows give here, and how often the board says the same."""
    if whole.outputs is None:
        return {"reason": whole.reason}
    here, there = choose(whole.outputs), choose(board)
    if here.rows is None or there.rows is None:
        return {"reason": here.reason or there.reason}
    n = min(len(here.rows), len(there.rows))
    classes = here.rows.shape[1] > 1 and here.rows.shape[1:] == there.rows.shape[1:]
    agreement = metrics.agreement(here.rows[:n], there.rows[:n]) if classes else None
    return {"rows": len(here.rows), "value": _value(here.rows, truth, metric), "agreement": agreement}


def _value(rows: Array, truth: Path, metric: str | None) -> float | None:
    if metric is None:
        return None
    y = read(truth, "y")[: len(rows)]
    if metric == "mae":
        return metrics.mae(rows[:, 0], y.astype(np.float64)) if rows.shape[1] == 1 else None
    return metrics.top1(rows, y.astype(np.int64)).value if 1 < rows.shape[1] > int(y.max()) else None


def _file(kept: Path, variant: Variant) -> Path:
    return kept / f"{variant.sha256}.npz"


def _laid(variant: Variant, get: Get, folder: Path) -> Path:
    """The model and its external data side by side under their own names."""
    folder.mkdir()
    for file in variant.files:
        shutil.copyfile(get(file.sha256), folder / file.name)
    return folder


def _job(variant: Variant, folder: Path, get: Get, rows_s: float) -> Job:
    feeds = _rows_of(variant)
    job = Job.of(folder / variant.files[0].name, variant.bytes, get(feeds.sha256), {}, folder)
    return job.over_rows(feeds.arrays, feeds.scale, feeds.rows or 1, rows_s)


def _rows_of(variant: Variant) -> Feeds:
    if variant.dataset is None:
        raise AssertionError("only a variant with a dataset has rows that a board did not run")
    return variant.dataset
