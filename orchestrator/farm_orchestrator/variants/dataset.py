"""The labelled rows: read, proved against the graphs, stored for the boards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from farm_inventory.problem import closest
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Feeds
from farm_orchestrator.variants.arrays import Array, Stored, names, read, save
from farm_orchestrator.variants.checks.graph import Graph, Tensor
from farm_orchestrator.variants.inputs import FLOATS, shape_fits, shown
from farm_orchestrator.variants.records import DatasetSpec


@dataclass(frozen=True)
class Dataset:
    """Rows as stored: array name -> array, the first axis counts them. `truth` holds the labels as y, or nothing."""

    spec: DatasetSpec
    arrays: Mapping[str, Array]
    rows: int
    stored: Stored
    truth: Stored


def open_dataset(spec: DatasetSpec, scratch: Path) -> Dataset:
    """Raises UsageError for arrays that are missing, unreadable or of unequal length."""
    arrays = {name: _array(spec, name) for name in sorted(set(spec.inputs.values()))}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise UsageError(f"{spec.where}: the arrays must have the same number of rows, at least one: {told}")
    rows = next(iter(lengths.values()))
    labels = {"y": _labels(spec, rows)} if spec.labels else {}
    return Dataset(spec, arrays, rows, save(scratch, arrays), save(scratch, labels))


def feeds_of(dataset: Dataset, graph: Graph) -> Feeds | str:
    """What the boards are told, or why this graph does not take the rows."""
    inputs = dataset.spec.inputs
    for tensor in graph.inputs:
        if tensor.name not in inputs:
            return f"the dataset has no rows for its input {tensor.name}"
        problem = _misfit(tensor, dataset.arrays[inputs[tensor.name]], tensor.name in dataset.spec.scale)
        if problem:
            return problem
    taken = {tensor.name: inputs[tensor.name] for tensor in graph.inputs}
    scale = {name: factor for name, factor in dataset.spec.scale.items() if name in taken}
    dims = graph.bound({tensor: row_shape(dataset.arrays[name]) for tensor, name in taken.items()})
    return Feeds(dataset.stored.sha256, dataset.stored.size, taken, scale, dataset.rows, dims)


def row_shape(array: Array) -> tuple[int, ...]:
    """Rows are run one by one."""
    return (1, *array.shape[1:])


def _misfit(tensor: Tensor, array: Array, scaled: bool) -> str | None:  # noqa: FBT001 - a fact about the array
    shape = row_shape(array)
    if tensor.dims is not None and not shape_fits(tensor.dims, shape):
        return f"its input {tensor.name} is {shown(tensor.dims)}, a row of the dataset {shown(shape)}"
    if scaled and tensor.dtype not in FLOATS:
        return f"its input {tensor.name} is {tensor.dtype}, scaled rows are floats"
    kind = "f" if scaled else array.dtype.kind
    wanted = np.dtype(tensor.dtype).kind if tensor.dtype != "bfloat16" else "f"
    if kind.replace("u", "i") != wanted.replace("u", "i"):
        return f"its input {tensor.name} is {tensor.dtype}, the rows are {array.dtype.name}"
    return None


def _array(spec: DatasetSpec, name: str) -> Array:
    try:
        array = read(spec.path, name)
    except KeyError:
        near = closest(name, names(spec.path))
        mend = f"did you mean {near}?" if near else f"it holds {', '.join(names(spec.path)) or 'nothing'}"
        raise UsageError(f"{spec.where}: {spec.path.name} has no array {name}", mend=mend) from None
    except ValueError as error:
        raise UsageError(f"{spec.where}: {error}") from None
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise UsageError(f"{spec.where}: {name} is no array of numbers with one row per example")
    return array


def _labels(spec: DatasetSpec, rows: int) -> Array:
    """One label per row; for top1 a class number."""
    labels = _array(spec, str(spec.labels))
    if labels.shape != (rows,):
        raise UsageError(
            f"{spec.where}: the labels {spec.labels} have shape {shown(labels.shape)}, the dataset {rows} rows",
            mend="give one label per row, as an array of one axis",
        )
    if spec.metric == "top1" and (labels.dtype.kind not in "iu" or int(labels.min()) < 0):
        raise UsageError(f"{spec.where}: top1 needs class numbers from 0 on as labels", mend="or set metric: mae")
    return labels
