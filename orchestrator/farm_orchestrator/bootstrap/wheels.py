"""Wheels for a board, resolved on this machine by pip: from the index pip is configured for, or from a folder alone."""

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.bootstrap import table, wheelhouse
from farm_orchestrator.bootstrap.targets import Target, WheelName, platforms, wheel_name
from farm_orchestrator.errors import FarmError, UsageError

RESOLVE_S = 1800.0
TAIL = 6  # lines of pip's that a message quotes
SECRET = re.compile(r"(?<=//)[^/@\s]+(?=@)")  # of an index's URL
UNREACHED = re.compile(
    r"Retrying \(|Max retries|ConnectionError|Could not fetch URL|Temporary failure in name|timed out"
)


class NoWheels(FarmError):
    """Nothing fits, or the index does not answer."""


@dataclass(frozen=True)
class Wheel:
    path: Path
    name: WheelName
    sha256: str


def resolve(requirement: str, target: Target, house: Path | None, folder: Path) -> tuple[Wheel, ...]:
    """The wheels of `requirement` and of all it needs at run time, in `folder`. Raises UsageError, NoWheels."""
    if importlib.util.find_spec("pip") is None:
        raise UsageError(
            f"{sys.executable} has no pip, which resolves the wheels",
            mend=f"{sys.executable} -m ensurepip",
        )
    if house is not None:
        wheelhouse.check_digests(house, (name for name in wheelhouse.wheels(house) if name.fits(target)))
    done = _pip(requirement, target, house, folder)
    if done.returncode:
        asked = [line for line in done.stdout.splitlines() if line.startswith("Looking in indexes")]
        raise _failed(requirement, target, house, "\n".join((done.stderr, *asked)))
    return tuple(sorted(_checked(folder, target), key=lambda wheel: wheel.path.name))


def _pip(requirement: str, target: Target, house: Path | None, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Of a folder alone nothing else may come, whatever pip is configured for."""
    source, env = [], dict(os.environ)
    if house is not None:
        source = ["--no-index", "--find-links", str(house.absolute())]
        env = {key: value for key, value in env.items() if not key.startswith("PIP_")} | {"PIP_CONFIG_FILE": os.devnull}
    version = requirement.partition("==")[2] or requirement.partition("<=")[2].partition(",")[0]
    command = [
        sys.executable, "-m", "pip", "download", "--progress-bar=off", "--no-input", "--disable-pip-version-check",
        "--only-binary=:all:", "--implementation", "cp", "--python-version", table.dotted(target.python),
        *(word for name in platforms(target) for word in ("--platform", name)),
        *source, "--dest", str(folder), "--", requirement, *table.beside(version),
    ]  # fmt: skip
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=RESOLVE_S, env=env,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NoWheels(f"pip was not done in {RESOLVE_S:g} s", mend="try again, or use a --wheelhouse") from error


def _checked(folder: Path, target: Target) -> list[Wheel]:
    """What pip brought, without what only conversion tools ask for. Raises UsageError at a wheel for something else."""
    found = []
    for path in folder.iterdir():
        name = wheel_name(path.name)
        if name is None or not name.fits(target):
            raise UsageError(f"{path.name} is no wheel for {target}", mend="leave it out of the wheelhouse")
        if name.project not in table.TOOLS_ONLY:
            found.append(Wheel(path, name, digest.of(path)))
    return found


def _failed(requirement: str, target: Target, house: Path | None, said: str) -> FarmError:
    lines = [SECRET.sub("***", line.strip()) for line in said.splitlines() if line.strip()]
    tail = "\n".join(f"    {line}" for line in lines[-TAIL:])
    what = f"{requirement} for {target} cannot be resolved"
    if house is not None:
        return UsageError(
            f"{what} from {house} alone:\n{tail}", mend=f"fill the folder: {_filling(requirement, target)}"
        )
    if UNREACHED.search(said):
        return NoWheels(
            f"{what}: the package index does not answer:\n{tail}",
            mend="see `pip config list`; or fill a folder elsewhere and name it: --wheelhouse DIR",
        )
    return NoWheels(f"{what}:\n{tail}", mend="see `pip config list`; or bring the wheels yourself: --wheelhouse DIR")


def _filling(requirement: str, target: Target) -> str:
    """The command that fetches the wheels where there is an index."""
    names = " ".join(f"--platform {name}" for name in platforms(target) if "linux_2" in name or "2014" in name)
    python = table.dotted(target.python)
    return f"pip download -d DIR --only-binary=:all: --python-version {python} {names} '{requirement}'"
