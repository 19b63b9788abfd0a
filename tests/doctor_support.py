"""Broken set-ups for the doctor: interpreters and runtimes that fail, trees with faults in them, the command itself."""

import io
import json
import os
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from farm_lab import tree
from farm_lab.sshd import free_port
from farm_orchestrator.cli import doctor
from farm_orchestrator.cli.doctor import Group

PATIENCE_S = 300.0
SITE = Path(sysconfig.get_paths()["purelib"])
HWMON = "sys/class/hwmon/hwmon1"
FLAGS = "sys/devices/platform/soc/soc:firmware/get_throttled"
MODEL = "sys/firmware/devicetree/base/model"
OLD_PYTHON = """#!/bin/sh
# Answers as a Python 3.6 does: with its version, and to a program with the same.
exec {python} -I -c 'import sys; sys.version_info = (3, 6, 9, "final", 0); exec(sys.stdin.read())'
"""
OLD_RUNTIME = """
__path__ = [{real!r}]
with open({real!r} + "/__init__.py") as file:
    exec(compile(file.read(), file.name, "exec"))
__version__ = "1.10.0"
"""
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGILL)\n"
TRAP = "raise ImportError('libgomp.so.1: cannot open shared object file: No such file or directory')\n"


@dataclass(frozen=True)
class Said:
    """What `farm doctor --json` found."""

    code: int
    found: list[dict[str, Any]]
    err: str

    def of(self, subject: str, check: str) -> dict[str, Any]:
        hits = [each for each in self.found if (each["subject"], each["check"]) == (subject, check)]
        assert len(hits) == 1, f"{subject} {check}: {len(hits)} lines of {self.found}"
        return hits[0]

    def faults(self, subject: str) -> list[str]:
        return [each["check"] for each in self.found if each["subject"] == subject and each["state"] == "fault"]


def farm(folder: Path, *arguments: str | Path, wrap: list[str] | None = None, **env: str) -> Said:
    """Runs it in a process of its own, `wrap` around it."""
    words = [sys.executable, "-m", "farm_orchestrator.cli", "doctor", "--json", *map(str, arguments)]
    done = subprocess.run(
        [*(wrap or []), *words], cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, json.loads(done.stdout) if done.stdout else [], done.stderr)


def sysroot(root: Path, changes: Mapping[str, str]) -> str:
    """The generic board's tree with some files changed or added."""
    tree.replay(root, tree.generic(root.name, max(os.sched_getaffinity(0)) + 1), root.name)
    for name, text in changes.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return str(root)


def bare(folder: Path, runtime: str | None = None) -> str:
    """An interpreter without packages, or with numpy and an `onnxruntime` of our making."""
    venv.create(folder, symlinks=True)
    if runtime is not None:
        version = "{}.{}".format(*sys.version_info)
        packages = folder / "lib" / f"python{version}" / "site-packages"
        (packages / "numpy.pth").write_text(f"{SITE}\n")
        (packages / "onnxruntime").mkdir()
        (packages / "onnxruntime" / "__init__.py").write_text(runtime)
    return str(folder / "bin" / "python3")


def old_runtime() -> str:
    return OLD_RUNTIME.format(real=str(SITE / "onnxruntime"))


def program(file: Path, text: str) -> str:
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


def old_python(folder: Path) -> str:
    return program(folder / "python3.6", OLD_PYTHON.format(python=sys.executable))


@contextmanager
def open_redis(folder: Path) -> Iterator[str]:
    """One that listens to everybody and asks nobody for a password."""
    import redis

    port = free_port()
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "*", "--protected-mode", "no", "--save", "",
         "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not _answers(redis.Redis(port=port)):
            assert process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def _answers(client: Any) -> bool:
    import redis

    try:
        with client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def told(*groups: Group) -> str:
    """What a person sees at 80 columns."""
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False, markup=False, emoji=False)
    doctor.tell(console, groups)
    return out.getvalue()
