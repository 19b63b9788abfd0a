"""Input tensors out of a pushed .npz, and outputs into one."""

import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from farm_agents.failure import LaunchFailed
from farm_agents.spec import Feeds

TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int8)": np.int8, "tensor(int16)": np.int16, "tensor(int32)": np.int32, "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8, "tensor(uint16)": np.uint16, "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64, "tensor(bool)": np.bool_,
}  # fmt: skip
MEMORY_SHARE = 0.25  # of what is available: the most that rows may take after scaling


@dataclass(frozen=True)
class Inputs:
    """Stored arrays by tensor with the type that the graph wants; `rows` None: one input as it is."""

    arrays: Mapping[str, Any]
    types: Mapping[str, Any]
    scale: Mapping[str, float]
    rows: Optional[int]

    def row(self, index: int) -> Dict[str, Any]:
        """The tensors of row `index` (a slice of one along the first axis), or of the only input."""
        cut = slice(None) if self.rows is None else slice(index, index + 1)
        return {
            tensor: cast(array[cut] if array.ndim else array, self.types[tensor], self.scale.get(tensor))
            for tensor, array in self.arrays.items()
        }


def cast(array: Any, dtype: Any, scale: Optional[float]) -> Any:
    """Stored x scale = value, contiguous, in the graph's type; scaled in float32, or float64 for wide types."""
    if scale is not None:
        wide = np.dtype(dtype).itemsize == 8 or array.dtype.itemsize == 8
        array = array.astype(np.float64 if wide else np.float32) * (np.float64(scale) if wide else np.float32(scale))
    return np.ascontiguousarray(array.astype(dtype, copy=False)).reshape(array.shape)


def load(path: str, feeds: Feeds, wanted: Mapping[str, str]) -> Inputs:
    """`wanted`: the graph's inputs and their types. Raises LaunchFailed(BAD_INPUT) naming the tensor."""
    missing = sorted(set(wanted) - set(feeds.arrays))
    if missing:
        raise LaunchFailed("BAD_INPUT", "nothing is given for the inputs {}".format(", ".join(missing)))
    unknown = sorted(tensor for tensor in wanted if wanted[tensor] not in TYPES)
    if unknown:
        raise LaunchFailed("NOT_IMPLEMENTED", "input {} is a {}".format(unknown[0], wanted[unknown[0]]))
    stored = load_arrays(path)
    absent = sorted(feeds.arrays[tensor] for tensor in wanted if feeds.arrays[tensor] not in stored)
    if absent:
        raise LaunchFailed("BAD_INPUT", "the inputs hold no array {}".format(", ".join(absent)))
    arrays = {tensor: stored[feeds.arrays[tensor]] for tensor in wanted}
    _check_rows(arrays, feeds.rows)
    return Inputs(arrays, {tensor: TYPES[wanted[tensor]] for tensor in wanted}, feeds.scale, feeds.rows)


def _check_rows(arrays: Mapping[str, Any], rows: Optional[int]) -> None:
    for tensor, array in arrays.items():
        if rows is not None and (array.ndim == 0 or array.shape[0] < rows):
            text = "{} rows are asked for, the array of {} has the shape {}".format(rows, tensor, array.shape)
            raise LaunchFailed("BAD_INPUT", text)


def rows_that_fit(inputs: Inputs, available_bytes: Optional[int]) -> int:
    """How many rows may be run: all, unless they would take more than a quarter of the free memory."""
    rows = 1 if inputs.rows is None else inputs.rows
    per_row = sum(value.nbytes for value in inputs.row(0).values())
    if available_bytes is None or inputs.rows is None or per_row == 0:
        return rows
    return max(1, min(rows, int(MEMORY_SHARE * available_bytes / per_row)))


def load_arrays(path: str) -> Dict[str, Any]:
    """Every array of an .npz. Raises LaunchFailed(BAD_INPUT) where the file is none."""
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, KeyError, zlib.error) as error:
        raise LaunchFailed("BAD_INPUT", "no readable .npz: {}".format(error)) from error


def save(path: str, arrays: Mapping[str, Any]) -> None:
    """An .npz whose bytes depend on the arrays alone; np.savez takes no array called `file` and stamps the time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            info = zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, _storable(arrays[name]), allow_pickle=False)


def _storable(array: Any) -> Any:
    return array.astype(str) if array.dtype.kind == "O" else np.asanyarray(array)


def join(rows: "List[Dict[str, Any]]") -> Dict[str, Any]:
    """One array per output: rows concatenated on axis 0; a scalar output becomes a vector."""
    names = list(rows[0])
    return {name: _concatenate([row[name] for row in rows]) for name in names}


def _concatenate(pieces: "List[Any]") -> Any:
    if pieces[0].ndim == 0 or len({piece.shape[1:] for piece in pieces}) != 1:
        if len({piece.shape for piece in pieces}) != 1:
            shapes: Tuple[Any, ...] = tuple(sorted({piece.shape for piece in pieces}))
            raise LaunchFailed("BAD_INPUT", "an output's shape depends on the row: {}".format(shapes[:4]))
        return np.stack(pieces)
    return np.concatenate(pieces)
