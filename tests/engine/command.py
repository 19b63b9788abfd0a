"""A command that starts an engine, names the worker's pid, and waits to be killed."""

import signal
import sys

from farm_orchestrator.engine import Engine, EngineSettings

if __name__ == "__main__":
    engine = Engine.try_start(EngineSettings.read(sys.argv[1].encode()))
    sys.stdout.write(f"{engine.worker.pid if engine else 0}\n")
    sys.stdout.flush()
    signal.pause()
