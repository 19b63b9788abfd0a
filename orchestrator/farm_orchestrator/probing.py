"""What a board's Python says of the board: one constant command, the program on its stdin."""

import json
from pathlib import Path

from farm_orchestrator.errors import AgentLost, NoRuntime, bootstrapping
from farm_orchestrator.model import Json
from farm_orchestrator.transport import open_channel

PROBE_S = 60.0
TEXT_LIMIT = 200
UNKNOWN: Json = dict.fromkeys(
    ("model", "arch", "kernel", "cpus", "python", "numpy", "onnxruntime", "machine_id", "boot_id")
)
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
sys.path[:0] = site()
print(json.dumps({
    "model": text(os.path.join(SYSROOT, "sys/firmware/devicetree/base/model")), "arch": platform.machine(),
    "kernel": platform.release(), "cpus": os.cpu_count(), "python": platform.python_version(),
    "numpy": version("numpy"), "onnxruntime": version("onnxruntime"),
    "machine_id": tree("etc/machine-id"), "boot_id": tree("proc/sys/kernel/random/boot_id")}))
"""


def probe(spec: Json, farm_home: Path) -> Json:
    """The keys of UNKNOWN, of a resolved board; null: it does not say. Raises BoardError."""
    channel = open_channel(spec, farm_home)
    try:
        words = {
            "SYSROOT": str(spec["sysroot"]),
            "BASE": channel.base,
            "RUNTIME": str(spec.get("runtime") or "default"),
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
        return {key: _plain(answer[key]) for key in UNKNOWN}
    except (ValueError, KeyError, TypeError, IndexError):
        raise AgentLost(board, "its Python answered, but not with what was asked for") from None


def _plain(value: object) -> str | int | None:
    """A board may say anything; only short words and numbers are taken."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value[:TEXT_LIMIT])
    return value if isinstance(value, int) else None
