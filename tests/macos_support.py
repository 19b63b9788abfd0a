"""An interpreter on which every process of the project finds a Mac: also those that are started with -I."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
DIGITS = HERE.parent / "examples" / "digits"
PREAMBLE = {"sitecustomize.py": HERE / "macos" / "taken_away.py", "linux_only.py": HERE / "linux_only.py"}
# What a Mac's commands say where Linux's say something else. In a shell script /proc and /sys lead nowhere.
COMMANDS = {
    "sh": """case "$*" in *-s*) sed 's,/proc/,/nowhere/,g; s,/sys/,/nowhere/,g' | /bin/sh "$@";; *) exec /bin/sh "$@";; esac""",
    "uname": "case $1 in -s) echo Darwin;; -r) echo 23.5.0;; *) exec /bin/uname $1;; esac",
    "getconf": "case $1 in GNU_*) exit 1;; *) exec /usr/bin/getconf $1;; esac",
    "dd": r"printf '\312\376\272\276\0\0\0\2\1\0\0\7\0\0\0\3\0\0\100\0'",
    **dict.fromkeys(("nproc", "ldd", "stat", "sha256sum"), "exit 127"),
}
PATIENCE_S = 240.0


@dataclass(frozen=True)
class Mac:
    """`python` has the packages of this one. Commands run in `folder`."""

    python: Path
    folder: Path
    more_env: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TMPDIR"}}
        return {**kept, "HOME": str(self.folder / "home"), "PATH": f"{self.python.parent}:{kept['PATH']}",
                **self.more_env}  # fmt: skip

    def farm(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "farm_orchestrator.cli", *words)

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        (self.folder / "home").mkdir(exist_ok=True)
        done = subprocess.run(
            [str(self.python), *map(str, words)], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert "sitecustomize" not in done.stderr, done.stderr  # Python would go on as if it were Linux
        return done

    def python_says(self, code: str) -> str:
        done = self.run("-I", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def interpreter(folder: Path) -> Path:
    """`sitecustomize` is read also with -I, which ignores PYTHONPATH."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = folder / "lib" / version / "site-packages"
    (packages / "here.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for name, source in PREAMBLE.items():
        shutil.copy(source, packages / name)
    for name, body in COMMANDS.items():
        command = folder / "bin" / name
        command.write_text(f"#!/bin/sh\n{body}\n")
        command.chmod(0o755)
    return folder / "bin" / "python"
