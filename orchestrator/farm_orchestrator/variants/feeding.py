"""Which variant gets which inputs: the common ones, its own, or none that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from farm_inventory.problem import closest
from farm_orchestrator.errors import UsageError
from farm_orchestrator.variants.arrays import Array
from farm_orchestrator.variants.checks.graph import Graph
from farm_orchestrator.variants.checks.refusal import Refusal
from farm_orchestrator.variants.inputs import DRY, Made, Specs, fits, make, shown
from farm_orchestrator.variants.records import Entry


@dataclass(frozen=True)
class Fed:
    """The arrays of one variant as stored (before any cast), and how they differ from the baseline's."""

    arrays: Mapping[str, Array]
    difference: str | None = None
    generated: bool = True

    def shares(self, common: Mapping[str, Made]) -> bool:
        """Whether the file of the common inputs holds all of them."""
        return all(name in common and array is common[name].array for name, array in self.arrays.items())


def common_inputs(entry: Entry, graph: Graph, specs: Specs) -> dict[str, Made]:
    """What the baseline gets. Raises UsageError where what variants.yaml says does not fit its graph."""
    merged = {**specs, **entry.inputs}
    made = make(graph, merged)
    for name, each in made.items():
        tensor = graph.input(name)
        problem = fits(tensor, each.array) if tensor else None
        if problem:
            where = merged[name].where if name in merged else "inputs"
            raise UsageError(
                f"{where}: the baseline {entry.name} does not take this: {problem}",
                mend="write the shape and dtype of its graph, or leave them out: the graph says them",
            )
    return made


def feed(entry: Entry, graph: Graph, specs: Specs, common: Mapping[str, Made]) -> Fed:
    """The inputs of a variant. Raises Refusal where the graph takes neither the common ones nor its own."""
    merged = {**specs, **entry.inputs}
    own = {tensor.name for tensor in graph.inputs} & (entry.inputs.keys() | (specs.keys() - common.keys()))
    made = {**{name: each for name, each in common.items() if graph.input(name)}, **make(graph, merged, only=own)}
    for tensor in graph.inputs:
        if tensor.name not in made:
            raise Refusal(
                DRY, f"inputs differ: give variants.{entry.name}.inputs ({tensor.name} is unknown to the baseline)"
            )
        problem = fits(tensor, made[tensor.name].array)
        if problem:
            raise Refusal(DRY, f"inputs differ: give variants.{entry.name}.inputs ({problem})")
    arrays = {name: each.array for name, each in made.items()}
    generated = any(name not in merged or merged[name].file is None for name in arrays)
    return Fed(arrays, _difference(graph, arrays, common), generated)


def check_names(entries: Mapping[str, Entry], graphs: Mapping[str, Graph], specs: Specs) -> None:
    """A tensor that no graph has is a slip of the pen. Raises UsageError."""
    everywhere = {tensor.name for graph in graphs.values() for tensor in graph.inputs}
    for name, spec in specs.items():
        _check_name(name, spec.where, everywhere, "no variant")
    for variant, graph in graphs.items():
        for name, spec in entries[variant].inputs.items():
            _check_name(name, spec.where, {tensor.name for tensor in graph.inputs}, f"{variant} does not")


def _check_name(name: str, where: str, known: set[str], who: str) -> None:
    if name not in known:
        near = closest(name, known)
        verb = "has an input" if who == "no variant" else "have an input"
        mend = f"did you mean {near}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
        raise UsageError(f"{where}: {who} {verb} {name}", mend=mend)


def _difference(graph: Graph, arrays: Mapping[str, Array], common: Mapping[str, Made]) -> str | None:
    """The first difference to the baseline's inputs as the graph gets them, in words."""
    for name in sorted(arrays.keys() | common.keys()):
        if name not in arrays:
            return f"Its graph does not take {name}, which the baseline takes."
        if name not in common:
            return f"Its graph takes {name}, which the baseline does not."
        mine, theirs, tensor = arrays[name], common[name].array, graph.input(name)
        if mine.shape != theirs.shape:
            return f"Its {name} is {shown(mine.shape)}, that of the baseline {shown(theirs.shape)}."
        if tensor is not None and tensor.dtype != theirs.dtype.name:
            return f"Its {name} is {tensor.dtype}, cast from the baseline's {theirs.dtype.name}."
        if mine is not theirs and not np.array_equal(mine, theirs):
            return f"Its {name} has other values than the baseline's."
    return None
