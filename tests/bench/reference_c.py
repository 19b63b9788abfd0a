"""The loop in C over the C API of the installed onnxruntime: `python -I reference_c.py LOOP.so JSON`.

The wheel has the library but no header. Functions are taken from the API's table by their place in it, which the
ABI never changes; the output is compared with the Python binding's afterwards, so a wrong place cannot go unseen.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import sys
from ctypes import c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

CREATE_ENV, CREATE_SESSION, RUN, CREATE_OPTIONS = 3, 7, 9, 10
SET_LOG_SEVERITY, SET_OPTIMISATION, SET_INTRA_THREADS, SET_INTER_THREADS = 22, 23, 24, 25
ERROR_MESSAGE, TENSOR_OVER_DATA, CPU_MEMORY = 2, 49, 69
VERSION = 14  # of the table; every later onnxruntime still hands it out
ERRORS_ONLY, ENABLE_ALL, DEVICE_ALLOCATOR, DEFAULT_MEMORY, FLOAT = 3, 99, 0, 0, 1
ROOM = 1_000_000
Array = np.ndarray[Any, np.dtype[Any]]


class OrtApiBase(ctypes.Structure):
    _fields_ = (
        ("GetApi", ctypes.CFUNCTYPE(c_void_p, ctypes.c_uint32)),
        ("GetVersionString", ctypes.CFUNCTYPE(c_char_p)),
    )


class Api:
    """The table of functions; each of ours returns a status that is NULL where all went well."""

    def __init__(self) -> None:
        library = ctypes.CDLL(str(_library()))
        library.OrtGetApiBase.restype = ctypes.POINTER(OrtApiBase)
        self._table = ctypes.cast(library.OrtGetApiBase().contents.GetApi(VERSION), ctypes.POINTER(c_void_p))

    def at(self, place: int) -> Any:
        return self._table[place]

    def call(self, place: int, *arguments: Any) -> None:
        status = ctypes.CFUNCTYPE(c_void_p, *map(type, arguments))(self.at(place))(*arguments)
        if status:
            message = ctypes.CFUNCTYPE(c_char_p, c_void_p)(self.at(ERROR_MESSAGE))(status)
            raise RuntimeError(f"function {place} of the C API: {message!r}")

    def make(self, place: int, *arguments: Any) -> c_void_p:
        """For functions whose last argument receives what was made."""
        made = c_void_p()
        self.call(place, *arguments, ctypes.pointer(made))
        return made


def main(loop: str, asked: dict[str, Any]) -> None:
    """Pins first, as the runner does: the threads of the runtime inherit it."""
    os.sched_setaffinity(0, [asked["cpu"]])
    fed = np.ascontiguousarray(np.load(asked["arrays"])["x"], np.float32)
    output, shape = _output(asked["model"])
    got = np.zeros(shape, np.float32)
    api = Api()
    timed = _timed(
        ctypes.CDLL(loop), api, _session(api, asked["model"]), (_tensor(api, fed), _tensor(api, got), output)
    )
    timed(asked["warmup_s"])
    latency_ns = timed(asked["slot_s"])
    _check(asked["model"], fed, got)
    sys.stdout.write(json.dumps({"p50_ns": float(np.median(latency_ns))}) + "\n")


def _library() -> Path:
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("onnxruntime is not installed")
    found = sorted((Path(spec.origin).parent / "capi").glob("libonnxruntime.so.*"))
    if not found:
        raise FileNotFoundError("this onnxruntime comes without a library with the C API")
    return found[0]


def _session(api: Api, model: str) -> c_void_p:
    """With the options that the agent sets."""
    environment = api.make(CREATE_ENV, c_int(ERRORS_ONLY), c_char_p(b"bench"))
    options = api.make(CREATE_OPTIONS)
    for place, value in ((SET_LOG_SEVERITY, ERRORS_ONLY), (SET_OPTIMISATION, ENABLE_ALL), (SET_INTRA_THREADS, 1),
                         (SET_INTER_THREADS, 1)):  # fmt: skip
        api.call(place, options, c_int(value))
    return api.make(CREATE_SESSION, environment, c_char_p(os.fsencode(model)), options)


def _tensor(api: Api, array: Array) -> c_void_p:
    """Over the array's own memory."""
    memory = api.make(CPU_MEMORY, c_int(DEVICE_ALLOCATOR), c_int(DEFAULT_MEMORY))
    shape = (c_int64 * array.ndim)(*array.shape)
    data = c_void_p(array.ctypes.data)
    return api.make(
        TENSOR_OVER_DATA, memory, data, c_size_t(array.nbytes), ctypes.cast(shape, c_void_p), c_size_t(array.ndim),
        c_int(FLOAT),
    )  # fmt: skip


def _timed(library: Any, api: Api, session: c_void_p, ends: tuple[c_void_p, c_void_p, str]) -> Any:
    fed, got, output = ends
    room = np.zeros(ROOM, np.int64)
    library.loop.restype = c_int64

    def timed(seconds: float) -> Array:
        count = library.loop(
            c_void_p(api.at(RUN)), session, c_char_p(b"x"), fed, c_char_p(output.encode()), got,
            c_int64(int(seconds * 1e9)), c_void_p(room.ctypes.data), c_int64(ROOM),
        )  # fmt: skip
        if count < 1:
            raise RuntimeError("OrtApi::Run failed in the loop")
        return room[:count]

    return timed


def _output(model: str) -> tuple[str, list[int]]:
    import onnx

    value = onnx.load(model).graph.output[0]
    return value.name, [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _check(model: str, fed: Array, got: Array) -> None:
    """After the timing: the second copy of the runtime must not be in the process while it is measured."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": fed})
    if not np.allclose(got, expected, rtol=1e-4, atol=1e-5):
        raise ValueError("the C API and the Python binding give different outputs")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
