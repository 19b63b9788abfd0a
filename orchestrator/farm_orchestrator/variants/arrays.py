"""Arrays in .npz files whose bytes depend on the arrays alone."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm_orchestrator import digest

Array = NDArray[Any]
CHUNK = 1 << 20


@dataclass(frozen=True)
class Stored:
    """A file by content."""

    path: Path
    sha256: str
    size: int


def save(folder: Path, arrays: Mapping[str, Array]) -> Stored:
    """An .npz in `folder`, named by its digest. np.savez would take no array called `file`."""
    draft = folder / ".draft.npz"
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(member, "w", force_zip64=True) as sink:
                np.lib.format.write_array(sink, np.asanyarray(arrays[name]), allow_pickle=False)
    sha256 = digest.afresh(draft)
    return Stored(draft.replace(folder / f"{sha256}.npz"), sha256, (folder / f"{sha256}.npz").stat().st_size)


def read(path: Path, name: str) -> Array:
    """One array of an .npz, or of a folder of .npy files (mapped, not read).

    Raises KeyError where there is no such array, ValueError where it cannot be read.
    """
    if path.is_dir():
        return _mapped(path, name)
    with _opened(path) as stored:
        return np.asarray(stored[name])


def names(path: Path) -> list[str]:
    """The arrays that `read` finds. Raises ValueError where the file is no .npz."""
    if path.is_dir():
        return sorted(file.stem for file in path.glob("*.npy"))
    with _opened(path) as stored:
        return list(stored.files)


@contextmanager
def _opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    try:
        zipfile.ZipFile(path).close()  # np.load takes anything else for a pickle
        with np.load(path, allow_pickle=False) as stored:
            yield stored
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None


def _mapped(folder: Path, name: str) -> Array:
    path = folder / f"{name}.npy"
    if "/" in name or "\0" in name or not path.is_file():
        raise KeyError(name)
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
    return array
