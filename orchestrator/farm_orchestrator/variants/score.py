"""The outputs that one board sent, against the labels and against the baseline's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from farm_orchestrator.model import Json
from farm_orchestrator.variants import metrics
from farm_orchestrator.variants.arrays import Array, names, read
from farm_orchestrator.variants.metrics import Floats

PREFERRED = ("logits", "probabilities", "scores", "output")


@dataclass(frozen=True)
class Outputs:
    """Rows of scores [n, k] as float64, or why there are none."""

    rows: Floats | None
    reason: str | None = None


def score(outputs: Mapping[str, Path], baseline: str, truth: Path, labels: Json) -> dict[str, Json]:
    """Variant -> the accuracy object of results.json; the fields of `labels` are those of records.Labels.

    `outputs`: an .npz per variant with one array per model output, rows on the first axis.
    """
    metric = labels["metric"]
    y = read(truth, "y") if metric else None
    rows = {name: choose(path) for name, path in outputs.items()}
    reference = rows.get(baseline, Outputs(None, "the baseline gave no outputs"))
    scored = {name: accuracy(each, reference, y, metric) for name, each in rows.items()}
    missing = {name: absent(metric, why) for name, why in labels["unscored"].items()}
    return {**missing, **{name: _own(each) if name == baseline else each for name, each in scored.items()}}


def choose(path: Path) -> Outputs:
    """The output that is scored: two axes, more than one class if there is such a one, well-known names first."""
    try:
        arrays = {name: read(path, name) for name in names(path)}
    except (ValueError, KeyError) as error:
        return Outputs(None, f"the outputs cannot be read: {error}")
    usable = [name for name, array in arrays.items() if array.dtype.kind in "fiu" and array.ndim]
    if not usable:
        return Outputs(None, "no output holds numbers")
    return _rows(arrays[min(usable, key=lambda name: _rank(name, arrays[name]))])


def _rank(name: str, array: Array) -> tuple[bool, int, str]:
    known = PREFERRED.index(name) if name in PREFERRED else len(PREFERRED)
    return not (array.ndim == 2 and array.shape[1] > 1), known, name


def _rows(array: Array) -> Outputs:
    rows = array.astype(np.float64).reshape(len(array), -1)
    if rows.size == 0:
        return Outputs(None, "the output is empty")
    return Outputs(rows) if np.isfinite(rows).all() else Outputs(None, "an output holds NaN or infinity")


def accuracy(mine: Outputs, reference: Outputs, y: Array | None, metric: str | None) -> Json:
    """One accuracy object; figures that cannot be had are null, with the reason."""
    if mine.rows is None:
        return absent(metric, mine.reason or "")
    z = mine.rows
    reasons = [reference.reason] if reference.rows is None else []
    near = closeness(z, reference.rows) if reference.rows is not None else {}
    if reference.rows is not None and not near:
        reasons.append("the outputs have another shape than the baseline's")
    right = {"value": None} if metric is None or y is None else _labelled(z, reference.rows, y, metric)
    reason = right.pop("reason", None) or (reasons[0] if reasons else None)
    return {"metric": metric, **right, **near, "rows": len(z), "reason": reason}


def absent(metric: str | None, reason: str) -> Json:
    return {"metric": metric, "value": None, "reason": reason}


def closeness(z: Floats, r: Floats) -> Json:
    """To the baseline, over the rows that both have; nothing where the outputs are not comparable."""
    if z.shape[1:] != r.shape[1:]:
        return {}
    n = min(len(z), len(r))
    z, r = z[:n], r[:n]
    exact = bool((z == r).all())
    same = metrics.agreement(z, r) if z.shape[1] > 1 else None
    return {"agreement": same, "sqnr_db": metrics.sqnr_db(z, r), "exact": exact, "cosine": metrics.cosine(z, r)[0]}


def _labelled(z: Floats, r: Floats | None, y: Array, metric: str) -> Json:
    y = y[: len(z)]
    if len(y) != len(z):
        return {"value": None, "reason": f"{len(z)} rows came back for {len(y)} labels"}
    return _top1(z, r, y) if metric == "top1" else _mae(z, y)


def _top1(z: Floats, r: Floats | None, y: Array) -> Json:
    if z.shape[1] < 2:
        return {"value": None, "reason": "top1 needs an output with one score per class"}
    y = y.astype(np.int64)
    if int(y.max()) >= z.shape[1]:
        return {"value": None, "reason": f"there are {z.shape[1]} classes and a label {int(y.max())}"}
    found = metrics.top1(z, y)
    n = min(len(z), len(r)) if r is not None else 0
    told = {"value": found.value, "low": found.low, "high": found.high, "ece": metrics.ece(z, y)}
    if r is not None and z.shape[1:] == r.shape[1:] and n:
        b, c = metrics.discordant(z[:n], r[:n], y[:n])
        told.update(mcnemar_p=metrics.mcnemar(b, c), resolution_pt=metrics.resolution_pt(b, c, n))
    if r is not None and n and 1 < r.shape[1] > int(y.max()):
        told["delta_pt"] = 100.0 * (metrics.top1(z[:n], y[:n]).value - metrics.top1(r[:n], y[:n]).value)
    return told


def _mae(z: Floats, y: Array) -> Json:
    if z.shape[1] != 1:
        return {"value": None, "reason": "mae needs an output with one number per row"}
    return {"value": metrics.mae(z[:, 0], y.astype(np.float64))}


def _own(each: Json) -> Json:
    """The baseline is not compared with itself."""
    compared = ("delta_pt", "agreement", "sqnr_db", "exact", "cosine", "mcnemar_p", "resolution_pt")
    return {key: value for key, value in each.items() if key not in compared}
