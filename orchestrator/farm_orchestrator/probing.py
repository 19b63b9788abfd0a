"""What a board's Python says of the board: one constant command, the program on its stdin."""

import json
from pathlib import Path
from typing import Any

from farm_orchestrator import bundle
from farm_orchestrator.errors import AgentLost, NoRuntime, bootstrapping
from farm_orchestrator.model import Json
from farm_orchestrator.transport import open_channel

PROBE_S = 60.0
TEXT_LIMIT = 200
DEPTH = 6  # of what the agent says of its hardware
ENTRIES = 512
WORDS = ("model", "arch", "kernel", "cpus", "python", "numpy", "onnxruntime", "machine_id", "boot_id")
DOCUMENTS = ("hardware", "capabilities", "clocks")
UNKNOWN: Json = dict.fromkeys((*WORDS, *DOCUMENTS))
PROGRAM = """
import json, os, platform, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
def text(path):
    try:
        with open(path, "rb") as file:
            return file.read(4096).replace(b"\\0", b"").decode("utf-8", "replace").strip() or None
    except OSError:
        return None
def version(name):
    try:
        return __import__(name).__version__
    except (ImportError, OSError, RuntimeError, SystemError):
        return None
def tree(path):
    return text(os.path.join(SYSROOT, path)) or text(os.path.join("/", path))
def site():
    try:
        return [os.path.join(BASE, "sites", json.loads(text(os.path.join(BASE, "runtimes", RUNTIME + ".json")))["site"])]
    except (TypeError, ValueError, KeyError):
        return []
def look():
    if sys.version_info < (3, 8):
        return {}
    exec(AGENT, {})
    from farm_agents import board, ladder, survey
    from farm_agents.sysfs import Sysfs
    cpus = board.usable_cpus(Sysfs(SYSROOT))
    return {**survey.look(SYSROOT, cpus), "clocks": ladder.look(SYSROOT, CPUS, cpus)}
sys.path[:0] = site()
print(json.dumps({
    "model": text(os.path.join(SYSROOT, "sys/firmware/devicetree/base/model")), "arch": platform.machine(),
    "kernel": platform.release(), "cpus": os.cpu_count(), "python": platform.python_version(),
    "numpy": version("numpy"), "onnxruntime": version("onnxruntime"),
    "machine_id": tree("etc/machine-id"), "boot_id": tree("proc/sys/kernel/random/boot_id"), **look()}))
"""


def probe(spec: Json, farm_home: Path) -> Json:
    """The keys of UNKNOWN, of a resolved board; null: it does not say. Raises BoardError."""
    channel = open_channel(spec, farm_home)
    try:
        words = {
            "SYSROOT": str(spec["sysroot"]),
            "BASE": channel.base,
            "RUNTIME": str(spec.get("runtime") or "default"),
            "CPUS": str(spec.get("cpus") or "big"),
            "AGENT": bundle.importable("survey", "ladder"),
        }
        program = "\n".join([*(f"{name} = {value!r}" for name, value in words.items()), PROGRAM])
        done = channel.exec([spec["python"], "-I", "-"], stdin=program.encode(), timeout_s=PROBE_S)
    finally:
        channel.close()
    if done.rc:
        said = done.err.decode(errors="replace").strip()[-300:]
        raise NoRuntime(spec["name"], f"{spec['python']} failed: {said}", mend=bootstrapping(spec))
    return _read(str(spec["name"]), done.out)


def _read(board: str, said: bytes) -> Json:
    """A login shell may print before the answer."""
    try:
        answer = json.loads(said.splitlines()[-1])
        words = {key: _plain(answer[key]) for key in WORDS}
        documents = {key: _document(answer.get(key)) for key in DOCUMENTS}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise AgentLost(board, "its Python answered, but not with what was asked for") from None
    return {**words, **documents}


def _plain(value: object) -> str | int | None:
    """A board may say anything; only short words and numbers are taken."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value[:TEXT_LIMIT])
    return value if isinstance(value, int) else None


def _document(value: object) -> Json | None:
    return _tamed(value, DEPTH) if isinstance(value, dict) else None


def _tamed(value: Any, depth: int) -> Any:
    """Lists and objects too, as many and as deep as a board has something to say."""
    if isinstance(value, dict) and depth:
        return {str(_plain(key)): _tamed(each, depth - 1) for key, each in list(value.items())[:ENTRIES]}
    if isinstance(value, list) and depth:
        return [_tamed(each, depth - 1) for each in value[:ENTRIES]]
    return value if isinstance(value, float) and -1e9 < value < 1e9 else _plain(value)
