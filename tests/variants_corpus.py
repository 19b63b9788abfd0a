"""Bad model files, each with the check that must refuse it; all made here from a fixed seed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

import variants_support as make

MADE: dict[str, Callable[[], bytes]] = {}
BESIDE: dict[str, Callable[[Path], None]] = {}


@dataclass(frozen=True)
class Expected:
    """`check` None: the file must pass."""

    check: int | None
    fragment: str = ""


EXPECTED: dict[str, Expected] = {}


def corpus(folder: Path) -> Path:
    """Every file of the corpus below `folder`, with what lies beside some of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in MADE.items():
        (folder / f"{name}.onnx").write_bytes(content())
    for beside in BESIDE.values():
        beside(folder)
    return folder


def _file(check: int | None, fragment: str = "") -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def register(make_bytes: Callable[[], bytes]) -> Callable[[], bytes]:
        MADE[make_bytes.__name__] = make_bytes
        EXPECTED[make_bytes.__name__] = Expected(check, fragment)
        return make_bytes

    return register


def _good() -> ModelProto:
    return make.dense(64, 64)


# --- the file as bytes


@_file(1, "is empty")
def empty() -> bytes:
    return b""


@_file(2, "HTML")
def html() -> bytes:
    return b"\n<!DOCTYPE html><html><body>404 not found</body></html>"


@_file(2, "Git LFS pointer")
def lfs() -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@_file(2, "zip archive")
def zipped() -> bytes:
    return b"PK\x03\x04" + bytes(60)


@_file(5, "truncated")
def truncated() -> bytes:
    content = bytes(_good().SerializeToString())
    return content[: len(content) // 2]


@_file(5, "truncated")
def trunc_tail() -> bytes:
    return bytes(_good().SerializeToString())[:-50]


# --- the graph


@_file(6, "")
def ir_too_new() -> bytes:
    model = _good()
    model.ir_version = 99
    return bytes(model.SerializeToString())


@_file(7, "opset 99")
def opset_too_new() -> bytes:
    model = _good()
    model.opset_import[0].version = 99
    return bytes(model.SerializeToString())


@_file(7, "opset 27")
def opset_27() -> bytes:
    model = _good()
    model.opset_import[0].version = 27
    return bytes(model.SerializeToString())


@_file(7, "com.acme")
def custom_op() -> bytes:
    node = helper.make_node("MyOp", ["x"], ["y"], domain="com.acme")
    made = make.model([node], [make.value("x", [1, 4])], [make.value("y", [1, 4])], domains={"com.acme": 1})
    return bytes(made.SerializeToString())


@_file(6, "Reluu")
def unknown_std_op() -> bytes:
    node = helper.make_node("Reluu", ["x"], ["y"])
    return bytes(make.model([node], [make.value("x", [1, 4])], [make.value("y", [1, 4])]).SerializeToString())


@_file(8, "NOT_IMPLEMENTED")
def type_no_kernel() -> bytes:
    kernel = helper.make_tensor("k", TensorProto.FLOAT, [1, 1, 3, 3], np.ones(9, np.float32).tolist())
    nodes = [
        helper.make_node("Cast", ["x"], ["xb"], to=TensorProto.BFLOAT16),
        helper.make_node("Cast", ["k"], ["kb"], to=TensorProto.BFLOAT16),
        helper.make_node("Conv", ["xb", "kb"], ["yb"]),
        helper.make_node("Cast", ["yb"], ["y"], to=TensorProto.FLOAT),
    ]
    made = make.model(
        nodes, [make.value("x", [1, 1, 8, 8])], [make.value("y", [1, 1, 6, 6])], [kernel], opset=22, ir=10
    )
    return bytes(made.SerializeToString())


@_file(8, "NOT_IMPLEMENTED")
def double_conv() -> bytes:
    return bytes(make.conv(dtype=TensorProto.DOUBLE).SerializeToString())


@_file(8, "OUT_OF_MEMORY")
def bomb_constantofshape() -> bytes:
    nodes = [*make.constant_of("big", [100_000, 100_000], 1.0), helper.make_node("Add", ["x", "big"], ["y"])]
    outputs = [make.value("y", [100_000, 100_000])]
    return bytes(make.model(nodes, [make.value("x", [1, 1])], outputs).SerializeToString())


@_file(8, "TIMEOUT")
def endless_loop() -> bytes:
    state = [make.value("s", [1])]
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["still"]), helper.make_node("Add", ["s", "one"], ["t"])],
        "body",
        [make.value("i", [], TensorProto.INT64), make.value("going", [], TensorProto.BOOL), *state],
        [make.value("still", [], TensorProto.BOOL), make.value("t", [1])],
        [numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )
    trips = numpy_helper.from_array(np.array(2**62, np.int64), "trips")
    always = numpy_helper.from_array(np.array(True), "always")  # noqa: FBT003 - a tensor
    node = helper.make_node("Loop", ["trips", "always", "x"], ["y"], body=body)
    made = make.model([node], [make.value("x", [1])], [make.value("y", [1])], [trips, always])
    return bytes(made.SerializeToString())


@_file(8, "NON_FINITE")
def nan_out() -> bytes:
    minus = numpy_helper.from_array(np.full((1, 4), -1.0, np.float32), "minus")
    nodes = [helper.make_node("Log", ["minus"], ["l"]), helper.make_node("Add", ["x", "l"], ["y"])]
    made = make.model(nodes, [make.value("x", [1, 4])], [make.value("y", [1, 4])], [minus])
    return bytes(made.SerializeToString())


@_file(8, "ids")
def int_ids() -> bytes:
    return bytes(make.lookup().SerializeToString())


@_file(None)
def fp16_conv() -> bytes:
    return bytes(make.conv(dtype=TensorProto.FLOAT16).SerializeToString())


@_file(None)
def gelu_op20() -> bytes:
    node = helper.make_node("Gelu", ["x"], ["y"])
    made = make.model([node], [make.value("x", [1, 4])], [make.value("y", [1, 4])], opset=20, ir=9)
    return bytes(made.SerializeToString())


# --- weights beside the model


def _external(location: str, length: int = 64, dims: tuple[int, ...] = (4, 4)) -> bytes:
    """A product with the 64 bytes of w in `location`."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, text in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=text)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    made = make.model([node], [make.value("x", [1, 4])], [make.value("y", [1, dims[1]])], [tensor])
    return bytes(made.SerializeToString())


def _beside(check: int | None, fragment: str, content: bytes, lay: Callable[[Path], None]) -> Callable[[str], None]:
    def register(name: str) -> None:
        MADE[name] = lambda: content
        EXPECTED[name] = Expected(check, fragment)
        BESIDE[name] = lay

    return register


def _data(name: str, size: int = 64) -> Callable[[Path], None]:
    def lay(folder: Path) -> None:
        (folder / name).write_bytes(np.ones(size // 4, np.float32).tobytes())

    return lay


def _nothing(_folder: Path) -> None:
    """The model refers to something that needs no file here."""


def _linked(link: Callable[[Path, Path], None], name: str) -> Callable[[Path], None]:
    def lay(folder: Path) -> None:
        elsewhere = folder.parent / f"{name}.elsewhere"
        elsewhere.write_bytes(np.ones(16, np.float32).tobytes())
        link(elsewhere, folder / name)

    return lay


_beside(None, "", _external("ext_ok.data"), _data("ext_ok.data"))("ext_ok")
_beside(5, "cannot be opened", _external("absent.data"), _nothing)("ext_missing")
_beside(5, "needs 256", _external("ext_short.data", 64, (4, 16)), _data("ext_short.data"))("ext_short")
_beside(5, "needs 64", _external("ext_short2.data", 20), _data("ext_short2.data", 20))("ext_short2")
_beside(5, "no plain file name", _external("../corpus/ext_ok.data"), _nothing)("ext_traversal")
_beside(5, "no plain file name", _external("/etc/hostname"), _nothing)("ext_abs")
_beside(5, "no plain file name", _external("/proc/self/environ"), _nothing)("ext_proc")
_beside(5, "symbolic link", _external("soft.data"), _linked(lambda old, new: new.symlink_to(old), "soft.data"))(
    "ext_symlink"
)
_beside(5, "hard link", _external("hard.data"), _linked(os.link, "hard.data"))("ext_hardlink")
