"""A board's sensor tree in a file that may be shown to strangers: asked, checked, redacted, written."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import farm_lab.record
from farm_lab.record import Record
from farm_orchestrator import bundle, redaction
from farm_orchestrator.errors import AgentLost, NoRuntime
from farm_orchestrator.model import Json
from farm_orchestrator.store.files import whole
from farm_orchestrator.transport import open_channel

RECORD_S = 120.0  # a sensor on a slow bus takes its time
ANSWER_LIMIT = 32 << 20
WORDS_LIMIT = 1000
TOLD = ("model", "arch", "kernel", "cpus", "python", "numpy", "onnxruntime")


def record(spec: Json, farm_home: Path, facts: Json) -> Record:
    """Of a resolved board of which `facts` are known. Raises BoardError."""
    said = _ask(spec, farm_home)
    try:
        body = _unpacked(said)
        told = {name: facts[name] for name in TOLD}
        tree = Record(farm_lab.record.entries(body["entries"]), {**told, **_facts(body["facts"])},
                      left_out=int(body["left_out"]))  # fmt: skip
        return redaction.redact(tree, _owner(body["owner"], spec))
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError, zlib.error) as error:
        raise AgentLost(
            str(spec["name"]),
            f"its Python answered, but not with a record of the board: {type(error).__name__}: {error}",
        ) from None


def write(file: Path, done: Record) -> None:
    """Whole or not at all."""
    with whole(file) as out:
        out.write(json.dumps(done.to_json(), indent=1).encode() + b"\n")


def _ask(spec: Json, farm_home: Path) -> bytes:
    program = bundle.sources()["record.py"] + f"\nprint(record({str(spec['sysroot'])!r}))\n".encode()
    channel = open_channel(spec, farm_home)
    try:
        done = channel.exec([spec["python"], "-I", "-"], stdin=program, timeout_s=RECORD_S)
    finally:
        channel.close()
    if done.rc:
        said = done.err.decode(errors="replace").strip()[-300:]
        raise NoRuntime(str(spec["name"]), f"{spec['python']} failed: {said}", mend="set `python` of the board")
    return done.out


def _unpacked(said: bytes) -> dict[str, Any]:
    """A login shell may print before the answer, and a small answer may hide a large one."""
    unpack = zlib.decompressobj()
    text = unpack.decompress(base64.b64decode(said.splitlines()[-1], validate=True), ANSWER_LIMIT)
    if unpack.unconsumed_tail or not unpack.eof:
        raise ValueError("it is too large or ends early")
    return dict(json.loads(text))


def _facts(body: dict[str, Any]) -> Json:
    allowed = [int(cpu) for cpu in body["allowed"]][: farm_lab.record.ENTRIES]
    return {"allowed": allowed, "page_size": int(body["page_size"])}


def _owner(body: dict[str, Any], spec: Json) -> dict[str, list[str]]:
    """What the board says of its owner, and what the inventory does."""
    words = {kind: [str(word) for word in body[kind]][:WORDS_LIMIT] for kind in redaction.WORDS}
    words["host name"] += [str(spec[key]) for key in ("name", "host") if spec.get(key) and not spec.get("local")]
    words["user name"] += [str(spec["user"])] if spec.get("user") else []
    return words
