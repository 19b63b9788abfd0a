"""What one command shares between its boards: the agent, and wheels resolved and packed once for boards that are alike."""

import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from farm_orchestrator import bundle, digest
from farm_orchestrator.bootstrap.archive import SiteArchive, pack
from farm_orchestrator.bootstrap.targets import Target
from farm_orchestrator.bootstrap.wheels import Wheel, resolve
from farm_orchestrator.model import FileRef

AT_ONCE = 2  # packing is work for a core


@dataclass(frozen=True)
class Site:
    """A runtime ready to be pushed. `version`: of the wheel of `project`."""

    archive: SiteArchive
    wheels: tuple[Wheel, ...]
    project: str

    @property
    def version(self) -> str:
        return next(str(wheel.name.version) for wheel in self.wheels if wheel.name.project == self.project)


class Workshop:
    """Its files go with it. `house`: the operator's folder of wheels; None: the index is asked."""

    def __init__(self, house: Path | None) -> None:
        self.house = house
        self._ends = ExitStack()
        self._folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="farm-bootstrap-")))
        self._pool = self._ends.enter_context(ThreadPoolExecutor(AT_ONCE))
        self._sites: dict[tuple[str, str, Target], Future[Site]] = {}
        self._lock = threading.Lock()
        self.agent_path = bundle.build(self._folder)
        self.agent = FileRef("agent.pyz", digest.of(self.agent_path), self.agent_path.stat().st_size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def site(self, project: str, requirement: str, target: Target) -> Site:
        """Resolved and packed once, also where that fails. Raises UsageError, NoWheels."""
        key = (project, requirement, target)
        with self._lock:
            if key not in self._sites:
                self._sites[key] = self._pool.submit(self._make, *key)
            made = self._sites[key]
        return made.result()

    def _make(self, project: str, requirement: str, target: Target) -> Site:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        wheels = resolve(requirement, target, self.house, folder)
        return Site(pack([wheel.path for wheel in wheels], folder / "site.tar.gz"), wheels, project)
