"""A command that stands behind its run, as `farm run` does: it owns the worker, hints, closes; until it is killed."""

import sys
import time
from pathlib import Path

from farm_orchestrator import broker, store
from farm_orchestrator.engine import Engine, EngineSettings
from farm_orchestrator.errors import FarmError
from farm_orchestrator.reconcile import reconcile
from farm_orchestrator.store import Store

TICK_S = 0.25


def main() -> None:
    settings, run = EngineSettings.read(sys.argv[1].encode()), sys.argv[2]
    state = Store.open(settings.store)
    kick = broker.kicker(broker.make_app(settings.broker, Path(settings.home)))
    engine = None
    while True:
        try:
            store.attach(state, run)
            engine = engine or Engine.try_start(settings)
            if engine is not None:
                engine.tick()
            reconcile(state, kick)
        except FarmError as error:
            sys.stderr.write(f"{error}\n")
        time.sleep(TICK_S)


main()
