"""One board to be made ready: what it is, what was asked for, and which versions it could get."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm_orchestrator.bootstrap import table
from farm_orchestrator.bootstrap.ground import Ground
from farm_orchestrator.bootstrap.interpreter import PythonArchive
from farm_orchestrator.bootstrap.scan import Scan
from farm_orchestrator.bootstrap.table import Release
from farm_orchestrator.bootstrap.targets import Target, WheelName
from farm_orchestrator.bootstrap.wanted import DEFAULT, PROJECT, Wanted
from farm_orchestrator.transport.names import PYTHON

RELEASE = re.compile(r"\d{1,4}(\.\d{1,4}){0,3}")


@dataclass(frozen=True)
class Wish:
    """What the person asked for. `wheelhouse`: the wheels of the operator's folder; None: the index is asked."""

    runtime: Wanted | None = None
    wheelhouse: tuple[WheelName, ...] | None = None
    archive: PythonArchive | None = None


@dataclass(frozen=True)
class Case:
    """`spec`: the board's resolved fields. `runtime`: named by the person, else by the inventory, else None."""

    spec: Mapping[str, Any]
    scan: Scan
    wish: Wish
    ground: Ground
    runtime: Wanted | None

    @property
    def board(self) -> str:
        return str(self.spec["name"])

    @property
    def project(self) -> str:
        return self.runtime.project if self.runtime else PROJECT

    @property
    def named(self) -> str | None:
        """The version that was asked for."""
        return self.runtime.version if self.runtime else None

    @property
    def explicit(self) -> bool:
        """Whether the board says itself which interpreter runs; a board on this machine always does."""
        return bool(self.spec.get("local")) or self.spec["python"] != PYTHON

    @property
    def died(self) -> frozenset[str]:
        """Versions that were seen to die on this board."""
        seen = self.scan.runtimes.get(DEFAULT, {}).get("denied")
        told = [text for text in seen if isinstance(text, str)] if isinstance(seen, list) else []
        return frozenset(text for text in told if RELEASE.fullmatch(text))

    @property
    def barred(self) -> frozenset[str]:
        """Those, and what must not run on these processors."""
        known = table.DENIED if self.project == PROJECT else ()
        return self.died | {each.version for each in known if each.parts & set(self.scan.parts)}

    def target(self, python: Release) -> Target:
        return self.ground.target(python)

    def offers(self, python: Release) -> tuple[str, ...] | None:
        """Versions in the wheelhouse that fit, newest first; None where the index is asked."""
        if self.wish.wheelhouse is None:
            return None
        target = self.target(python)
        found = {
            wheel.version for wheel in self.wish.wheelhouse if wheel.project == self.project and wheel.fits(target)
        }
        return tuple(map(str, sorted(found, reverse=True)))

    def version(self, python: Release) -> str | None:
        """The version asked for where there is one for this Python, else the newest; None where there is none."""
        offers, target = self.offers(python), self.target(python)
        if self.named is not None:
            there = table.why_not(self.named, target.glibc, python) is None if offers is None else self.named in offers
            return self.named if there else None
        if offers is None:
            return table.newest(target.arch, target.glibc, python)
        return next((version for version in offers if version not in self.barred), None)
