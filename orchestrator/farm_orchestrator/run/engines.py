"""A command's hold on the engine of its home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.engine import Engine, EngineSettings

LANES = 500  # threads start when they are needed; another command may bring boards of its own


class Engines:
    """The engine: ours, or another command's until that one ends."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.engine = self._try()

    def tick(self) -> None:
        if self.engine is None:
            self.engine = self._try()
        else:
            self.engine.tick()

    def stop(self) -> None:
        if self.engine is not None:
            self.engine.stop()
            self.engine = None

    def kill(self) -> None:
        if self.engine is not None:
            self.engine.kill()
            self.engine = None

    def _try(self) -> Engine | None:
        from farm_orchestrator.engine import Engine

        return Engine.try_start(self.settings)


@contextmanager
def engines(settings: Settings) -> Iterator[Engines]:
    """Stops the engine on the way out; at a second Ctrl-C, or where it would hang, kills it."""
    held = Engines(engine_settings(settings))
    with ExitStack() as ends:
        ends.callback(held.kill)  # nothing to kill after an orderly stop
        yield held
        held.stop()


def engine_settings(settings: Settings) -> EngineSettings:
    from farm_orchestrator.engine import EngineSettings

    return EngineSettings(str(settings.home), settings.store, str(settings.runs), settings.broker, LANES)
