"""The timed inputs: made once, from a fixed seed, or read from a user's file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from farm_inventory.problem import closest
from farm_orchestrator.errors import UsageError
from farm_orchestrator.variants.arrays import Array, names, read
from farm_orchestrator.variants.checks.graph import Graph, Tensor
from farm_orchestrator.variants.checks.refusal import Refusal
from farm_orchestrator.variants.records import TensorSpec

SEED = 0
DRY = 8  # the check that needs inputs
BYTES_LIMIT = 1 << 30
FLOATS = ("float16", "float32", "float64")
NARROW = ("int8", "uint8")
INTEGERS = (*NARROW, "int16", "uint16", "int32", "uint32", "int64", "uint64")
Specs = Mapping[str, TensorSpec]


@dataclass(frozen=True)
class Made:
    """An input and, where it was not all said, what was assumed."""

    array: Array
    assumed: str | None = None


def make(graph: Graph, specs: Specs, only: Iterable[str] | None = None) -> dict[str, Made]:
    """An array per graph input (or for `only` those). Raises Refusal for a graph that no array can be made for."""
    bound = _bindings(graph, specs)
    wanted = [tensor for tensor in graph.inputs if only is None or tensor.name in only]
    return {tensor.name: _make(tensor, specs.get(tensor.name, TensorSpec()), bound, graph.ids) for tensor in wanted}


def fits(tensor: Tensor, array: Array) -> str | None:
    """Why the graph does not take the array, or None. float16 and float32 are cast into each other."""
    if tensor.dtype != array.dtype.name and not {tensor.dtype, array.dtype.name} <= {"float16", "float32"}:
        return f"its {tensor.name} is {tensor.dtype}, not {array.dtype.name}"
    if tensor.dims is not None and not shape_fits(tensor.dims, array.shape):
        return f"its {tensor.name} has shape {shown(tensor.dims)}, not {shown(array.shape)}"
    return None


def shape_fits(dims: tuple[int | str, ...], shape: tuple[int, ...]) -> bool:
    return len(dims) == len(shape) and all(isinstance(d, str) or d == n for d, n in zip(dims, shape, strict=True))


def shown(dims: Iterable[int | str]) -> str:
    return f"[{', '.join(map(str, dims))}]"


def _bindings(graph: Graph, specs: Specs) -> dict[str, int]:
    """Symbols that a given shape binds; one symbol has one value in the whole graph."""
    bound: dict[str, int] = {}
    for tensor in graph.inputs:
        shape = specs.get(tensor.name, TensorSpec()).shape
        if shape is not None and tensor.dims is not None and len(shape) == len(tensor.dims):
            bound.update({dim: n for dim, n in zip(tensor.dims, shape, strict=True) if isinstance(dim, str)})
    return bound


def _make(tensor: Tensor, spec: TensorSpec, bound: Mapping[str, int], ids: Iterable[str]) -> Made:
    if spec.file is not None:
        return Made(_from_file(tensor, spec.file, spec.where))
    dtype = spec.dtype or tensor.dtype
    if dtype not in (*FLOATS, *INTEGERS, "bool"):
        raise Refusal(DRY, f"input {tensor.name} is a {dtype}, which is not supported as an input")
    shape = _shape(tensor, spec, bound)
    if math.prod(shape) * np.dtype(dtype).itemsize > BYTES_LIMIT:
        raise Refusal(DRY, f"input {tensor.name} {shown(shape)} of {dtype} takes more than 1 GiB")
    if spec.range is None and dtype in INTEGERS and tensor.name in ids:
        raise Refusal(
            DRY,
            f"input {tensor.name} ({dtype}) picks rows of a table and has no range",
            f"give inputs.{tensor.name}.range: [0, ROWS] in variants.yaml",
        )
    array, how = _draw(tensor.name, shape, dtype, spec.range)
    assumed = None if spec.shape and (spec.range or spec.dtype) else _assumption(tensor, array, how, bound)
    return Made(array, assumed)


def _shape(tensor: Tensor, spec: TensorSpec, bound: Mapping[str, int]) -> tuple[int, ...]:
    if spec.shape is not None:
        return spec.shape
    if tensor.dims is None:
        mend = f"give inputs.{tensor.name}.shape in variants.yaml"
        raise Refusal(DRY, f"input {tensor.name} has no shape in the graph", mend)
    return tuple(bound.get(dim, 1) if isinstance(dim, str) else dim for dim in tensor.dims)


def _assumption(tensor: Tensor, array: Array, how: str, bound: Mapping[str, int]) -> str:
    symbols = [dim for dim in tensor.dims or () if isinstance(dim, str)]
    binding = "".join(f", {symbol} = {bound.get(symbol, 1)}" for symbol in dict.fromkeys(symbols))
    return f"input {tensor.name} is {array.dtype.name} {shown(array.shape)}, {how}, seed {SEED}{binding}"


def _draw(name: str, shape: tuple[int, ...], dtype: str, span: tuple[float, float] | None) -> tuple[Array, str]:
    """Values and how they were drawn; the stream depends on the tensor's name alone."""
    stream = np.random.default_rng([SEED, *name.encode()])
    if dtype == "bool":
        return stream.integers(0, 2, shape).astype(bool), "false or true"
    if dtype in INTEGERS:
        low, high = _integers(dtype, span)
        return stream.integers(low, high, shape, dtype=dtype), f"whole numbers from {low} to {high - 1}"
    if span is not None:
        return stream.uniform(*span, shape).astype(dtype), f"uniform from {span[0]:g} to {span[1]:g}"
    return stream.standard_normal(shape).astype(dtype), "standard normal"


def _integers(dtype: str, span: tuple[float, float] | None) -> tuple[int, int]:
    """Half open. Bytes are images as a rule, wider ones flags."""
    limits = np.iinfo(dtype)
    if span is not None:
        low, high = math.ceil(span[0]), math.ceil(span[1])
        if low < limits.min or high > int(limits.max) + 1 or low >= high:
            raise Refusal(DRY, f"no {dtype} lies in the range [{span[0]:g}, {span[1]:g}]", "mend the range")
        return low, high
    return (int(limits.min), int(limits.max) + 1) if dtype in NARROW else (0, 2)


def _from_file(tensor: Tensor, file: Path, where: str) -> Array:
    try:
        return read(file, tensor.name)
    except KeyError:
        near = closest(tensor.name, names(file))
        hint = f"did you mean {near}?" if near else f"it holds {', '.join(names(file)) or 'nothing'}"
        raise UsageError(f"{where}: {file.name} has no array {tensor.name}", mend=hint) from None
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None
