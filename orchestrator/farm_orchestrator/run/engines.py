"""A command's hold on the engine of its home, or its place among the workers of a shared farm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from farm_orchestrator.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm_orchestrator.broker import Kick
    from farm_orchestrator.config import Settings
    from farm_orchestrator.engine import Engine, EngineSettings
    from farm_orchestrator.store import Store

LANES = 500  # threads start when they are needed; another command may bring boards of its own


class Engines:
    """The engine: ours, or another command's until that one ends. A shared farm has workers, and no engine."""

    def __init__(self, settings: EngineSettings | None) -> None:
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

        return None if self.settings is None else Engine.try_start(self.settings)


@contextmanager
def engines(settings: Settings) -> Iterator[Engines]:
    """Stops the engine on the way out; at a second Ctrl-C, or where it would hang, kills it."""
    held = Engines(None if settings.shared else engine_settings(settings))
    with ExitStack() as ends:
        ends.callback(held.kill)  # nothing to kill after an orderly stop
        yield held
        held.stop()


def engine_settings(settings: Settings) -> EngineSettings:
    from farm_orchestrator.engine import EngineSettings

    return EngineSettings(str(settings.home), settings.store, str(settings.runs), settings.broker, LANES)


def hints(settings: Settings, store: Store, tell: Callable[[str], object]) -> Kick:
    """How this command hints at boards. Raises FarmError where nobody can carry hints, UsageError for a farm of another
    version; where workers stand behind the run a broker that is away comes back.
    """
    from farm_orchestrator import broker

    if not store.shared:
        app = broker.make_app(settings.broker, settings.home)
        broker.reach(app)
        return broker.kicker(app)
    from farm_orchestrator import store as stored
    from farm_orchestrator.reconcile import Pools
    from farm_orchestrator.store.identity import identity

    stored.check_version(store, version("benchfarm"))
    app = broker.make_app(settings.broker, settings.home, identity(store))
    try:
        broker.reach(app)
    except FarmError as error:
        tell(f"{error.text}; the run is stored all the same, and goes on when it does")
    return Pools(store, broker.sender(app)).kick
