"""docker-compose.yml read, copied with secrets of its own, and started on a container engine of the tests' own."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from run_support import ROOT, Said

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILES = (ROOT / "orchestrator" / "Dockerfile", ROOT / "agents" / "Dockerfile")
ENGINE = ROOT / "tests" / "compose" / "engine"
PODMAN_COMPOSE = (sys.executable, "-m", "podman_compose")
PATIENCE_S = 3600.0  # three boards and all servers on whatever machine
ATTEMPTS = 3
OF_THE_PROJECT = (
    ".dockerignore", ".gitignore", "LICENSE", "README.md", "constraints.txt", "docker-compose.yml", "pyproject.toml",
    "agents", "examples", "inventory", "orchestrator", "reports",
)  # fmt: skip


@functools.cache
def compose() -> dict[str, Any]:
    """With what it takes over from its own templates."""
    body: dict[str, Any] = YAML(typ="safe").load(COMPOSE)
    return body


SERVICES: dict[str, dict[str, Any]] = compose()["services"]


def copied(folder: Path) -> Path:
    """The project without its history and its state: passwords and keys are made in the copy."""
    folder.mkdir()
    for name in OF_THE_PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def make_secrets(project: Path) -> Path:
    """Where they lie."""
    subprocess.run([project / "orchestrator" / "compose" / "secrets"], cwd="/", check=True)
    return project / ".farm" / "compose"


@dataclass(frozen=True)
class Fleet:
    """docker-compose.yml of a copy of the project, on an engine of the tests' own."""

    project: Path

    def podman(self, *words: str, check: bool = True) -> str:
        """What the command says, stderr too."""
        done = self._start("podman", *words, stderr=subprocess.STDOUT)
        out, _ = done.communicate(timeout=PATIENCE_S)
        assert done.returncode == 0 or not check, f"podman {' '.join(words)}: {out}"
        return out

    def compose(self, *words: str) -> None:
        """`--no-deps` everywhere: this podman waits for no health check, and takes a service that has ended for a fault."""
        done = self._start(*PODMAN_COMPOSE, *words, stderr=subprocess.STDOUT)
        out, _ = done.communicate(timeout=PATIENCE_S)
        assert done.returncode == 0, f"podman-compose {' '.join(words)}: {out}"

    def up(self, *services: str) -> None:
        self.compose("up", "--detach", "--no-build", "--no-deps", "--force-recreate", *services)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command in a container of the service `worker`, as `docker compose run --rm worker` starts it."""
        return self._start(*PODMAN_COMPOSE, "run", "--rm", "-T", "--no-deps", "worker", *words, stderr=subprocess.PIPE)

    def farm(self, *words: str) -> Said:
        return heard(self.start("farm", *words))

    def sql(self, query: str) -> list[str]:
        words = ("exec", name("postgres"), "psql", "--username", "postgres", "--dbname", "farm", "-Atc", query)
        return self.podman(*words).splitlines()

    def well(self, container: str) -> bool:
        """Nobody asks by itself where there is no systemd."""
        asked = self._start("podman", "healthcheck", "run", container, stderr=subprocess.STDOUT)
        asked.communicate(timeout=PATIENCE_S)
        return asked.returncode == 0

    def python(self, container: str, program: str) -> str:
        python = "/opt/board/bin/python3" if "board" in container else "python3"
        return self.podman("exec", container, python, "-c", program)

    def containers(self) -> list[str]:
        return self.podman("ps", "--all", "--format", "{{.Names}}").split()

    def down(self) -> None:
        """A container that is about to start again may slip through the first time."""
        for _ in range(ATTEMPTS):
            self._start(*PODMAN_COMPOSE, "down", "--volumes", "--timeout", "2", stderr=subprocess.STDOUT).communicate()
            if not self.containers():
                return
        raise AssertionError(f"left behind: {self.containers()}")

    def _start(self, *words: str, stderr: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ENGINE, "run", *words], cwd=self.project, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=stderr,
        )  # fmt: skip


def name(service: str, number: int = 1) -> str:
    return f"benchfarm_{service}_{number}"


def heard(process: subprocess.Popen[str]) -> Said:
    """To its end."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return Said(process.returncode, out, err)
