"""From what a board is to what shall be laid on it, or to a refusal that says how to mend it; pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from farm_orchestrator.bootstrap import table, wanted
from farm_orchestrator.bootstrap.case import Case, Wish
from farm_orchestrator.bootstrap.choosing import choose, current, own
from farm_orchestrator.bootstrap.ground import check_ground
from farm_orchestrator.bootstrap.interpreter import PythonArchive
from farm_orchestrator.bootstrap.scan import Scan
from farm_orchestrator.bootstrap.table import Release, dotted
from farm_orchestrator.bootstrap.targets import Target
from farm_orchestrator.bootstrap.wanted import DEFAULT, PROJECT, Wanted
from farm_orchestrator.errors import NoRuntime, UsageError
from farm_orchestrator.model import DIGEST_PATTERN, NAME_PATTERN, Json


@dataclass(frozen=True)
class Plan:
    """What to do with one board.

    `python`: the command that runs on the board, None: the one in `archive`. `link`: what `<base>/python/bin/python3`
    becomes, None: it stays. `version`: the newest to try, None: its own packages are enough. `exact`: no other will
    do. `offers`: the wheelhouse's versions, newest first. `barred`: versions not to be tried, `died`: those of them
    that were seen to die there. `default`: whether it
    becomes what runs use that name no runtime. `already`: the same runtime's document, where it lies there.
    """

    board: str
    target: Target
    python: str | None
    link: str | None
    project: str
    version: str | None
    exact: bool = False
    offers: tuple[str, ...] | None = None
    barred: frozenset[str] = frozenset()
    died: frozenset[str] = frozenset()
    default: bool = True
    already: Json | None = None
    archive: PythonArchive | None = None

    def requirement(self, died: Iterable[str] = ()) -> str | None:
        """What pip is asked for, without versions that turned out to die there; None: nothing is left to try."""
        barred = {*self.barred, *died}
        if self.exact:
            return None if self.version in barred else f"{self.project}=={self.version}"
        if self.offers is not None:
            left = [version for version in self.offers if version not in barred]
            return f"{self.project}=={left[0]}" if left else None
        older = sorted(version for version in barred if Version(version) <= Version(str(self.version)))
        return ",".join([f"{self.project}<={self.version}", *(f"!={version}" for version in older)])


def make(spec: Mapping[str, Any], scan: Scan, wish: Wish) -> Plan:
    """Raises NoRuntime, ReadOnly or UsageError, each saying what stands in the way and how to mend it."""
    board = str(spec["name"])
    ground = check_ground(board, scan, wheelhouse=wish.wheelhouse is not None)
    case = Case(spec, scan, wish, ground, wish.runtime or _of_inventory(board, spec))
    _check_vendor(case)
    if wish.archive is not None:
        _check_archive(case, wish.archive)
        link = f"../../interpreters/{wish.archive.sha256}/python/bin/python3"
        return _plan(case, wish.archive.python, None, link)
    chosen = choose(case)
    if own(case, chosen):
        return Plan(board, ground.target(chosen.minor), chosen.path, None, PROJECT, None, default=False)
    same = case.explicit or chosen is current(case)
    return _plan(case, chosen.minor, chosen.path, None if same else chosen.executable or chosen.path)


def _plan(case: Case, minor: Release, python: str | None, link: str | None) -> Plan:
    """Raises NoRuntime where no version fits, or the named one does not."""
    target, version = case.target(minor), case.version(minor)
    if version is None or version == case.named in case.barred:
        raise _no_version(case, target)
    return Plan(
        case.board, target, python, link, case.project, version,
        exact=case.named is not None,
        offers=case.offers(minor),
        barred=case.barred,
        died=case.died,
        default=case.wish.runtime is None or DEFAULT not in case.scan.runtimes,
        already=_already(case, minor, version),
        archive=case.wish.archive,
    )  # fmt: skip


def _already(case: Case, minor: Release, version: str) -> Json | None:
    """The document of the same runtime; where the newest died on this board, of what it fell back to."""
    name = DEFAULT if version in case.barred else wanted.name(case.project, version)
    document = case.scan.runtimes.get(name)
    if document is None or document.get("python") != dotted(minor) or case.wish.archive is not None:
        return None
    sound = re.fullmatch(DIGEST_PATTERN, str(document.get("site"))) and re.fullmatch(
        NAME_PATTERN, str(document.get("name"))
    )
    return document if sound else None


def _of_inventory(board: str, spec: Mapping[str, Any]) -> Wanted | None:
    text = spec.get("runtime") or DEFAULT
    return None if text == DEFAULT else wanted.wanted(str(text), f"board {board!r}: runtime")


def _check_vendor(case: Case) -> None:
    if case.runtime is not None and case.runtime.vendor and case.wish.wheelhouse is None:
        raise UsageError(
            f"board {case.board!r}: {case.project} is a vendor's build, which no index has for boards",
            mend="put its wheel with those of numpy, protobuf, flatbuffers and packaging into a folder: --wheelhouse DIR",
        )


def _check_archive(case: Case, archive: PythonArchive) -> None:
    if case.explicit:
        raise UsageError(
            f"board {case.board!r} runs under {case.spec['python']}, so {archive.path.name} would never be used there",
            mend="take the board's field `python` out of the inventory, or leave --python-archive out",
        )
    if archive.arch != case.ground.arch:
        raise UsageError(
            f"{archive.path.name} is made for {archive.arch}, board {case.board!r} is {case.ground.arch}",
            mend=f"name the archive for {case.ground.arch}-unknown-linux-gnu",
        )


def _no_version(case: Case, target: Target) -> NoRuntime:
    """Why nothing fits, and what would."""
    named, fits = case.named, table.newest(target.arch, target.glibc, target.python)
    if case.wish.wheelhouse is not None:
        text, mend = _listed(case), f"put a wheel of {case.project} for {target} into the wheelhouse"
        return NoRuntime(case.board, f"board {case.board!r} is {target}; the wheelhouse has {text}", mend=mend)
    if named is None or fits is None:
        text = f"board {case.board!r} is {target}: no onnxruntime was ever released for that"
        return NoRuntime(case.board, text, mend="use a newer image, or a wheel of your own: --wheelhouse DIR")
    known = next((each.why for each in table.DENIED if each.version == named), "it died there when it was tried")
    why = table.why_not(named, target.glibc, target.python) or f"onnxruntime {named}: {known}"
    return NoRuntime(case.board, f"board {case.board!r}: {why}", mend=f"the newest that fits: --runtime {fits}")


def _listed(case: Case) -> str:
    files = [wheel.file for wheel in case.wish.wheelhouse or () if wheel.project == case.project]
    meant = f"{case.project} {case.named}" if case.named else case.project
    return f"no {meant} that fits: {', '.join(files)}" if files else f"no wheel of {case.project} at all"
