"""The operator's folder of wheels: what it holds, and whether it is what its digests say."""

import re
from collections.abc import Iterable
from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.bootstrap.targets import WheelName, wheel_name
from farm_orchestrator.bootstrap.wanted import PROJECT
from farm_orchestrator.errors import UsageError

SUMS = "SHA256SUMS"
LINE = re.compile(r"(?P<sha256>[0-9a-fA-F]{64})(?:\s+\*?(?P<file>.+))?")


def wheels(folder: Path) -> tuple[WheelName, ...]:
    """Raises UsageError where there is no folder, or no wheel in it."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".whl"))
    except OSError as error:
        raise UsageError(f"--wheelhouse {folder}: {error.strerror}", mend="name a folder that holds wheels") from error
    strange = [name for name in names if wheel_name(name) is None]
    if strange:
        raise UsageError(f"{folder / strange[0]}: this is no wheel's name", mend="give the wheel its own name again")
    if not names:
        raise UsageError(f"--wheelhouse {folder}: there is no wheel in it", mend="fill it: pip download -d DIR ...")
    return tuple(found for found in map(wheel_name, names) if found)


def check_digests(folder: Path, wheels: Iterable[WheelName]) -> None:
    """Against what is written down, in SHA256SUMS or beside each. Raises UsageError at another digest.

    And where none is written down for a vendor's build: no index ever vouched for that one.
    """
    listed = _sums(folder)
    for name in wheels:
        wanted = listed.get(name.file) or _beside(folder, name.file)
        vendors = name.project.startswith(PROJECT) and name.project != PROJECT
        if wanted or vendors:
            _check(folder / name.file, wanted)


def _check(file: Path, wanted: str | None) -> None:
    found = digest.of(file)
    if wanted is None:
        raise UsageError(
            f"{file} is a vendor's build, and no digest is written down for it; it has the SHA-256 {found}",
            mend=f"compare it with the vendor's, then: echo '{found}  {file.name}' >> {file.parent / SUMS}",
        )
    if wanted != found:
        raise UsageError(
            f"{file} has the SHA-256 {found}, written down is {wanted}",
            mend="fetch the wheel again from where its digest was published",
        )


def _sums(folder: Path) -> dict[str, str]:
    """File name to digest, as `sha256sum` writes them."""
    lines = [LINE.fullmatch(line.strip()) for line in _text(folder / SUMS).splitlines()]
    return {Path(line["file"]).name: line["sha256"].lower() for line in lines if line and line["file"]}


def _beside(folder: Path, file: str) -> str | None:
    found = LINE.match(_text(folder / f"{file}.sha256").strip())
    return found["sha256"].lower() if found else None


def _text(path: Path) -> str:
    """Empty where there is no such file. Raises UsageError where it cannot be read."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}", mend="write it with: sha256sum *.whl > SHA256SUMS"
        ) from error
