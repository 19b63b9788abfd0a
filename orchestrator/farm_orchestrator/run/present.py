"""Whether the farm hears of a worker on this machine, for the health check of a container; the exit code says it."""

from __future__ import annotations

import socket
import sys

from farm_orchestrator import config
from farm_orchestrator import store as stored
from farm_orchestrator.errors import FarmError
from farm_orchestrator.store import Store


def main() -> str | None:
    """What is wrong; None: nothing."""
    host = socket.gethostname()
    try:
        with Store.open(config.load().store) as store:
            heard = any(crew.host == host for crew in stored.living(store))
    except FarmError as error:
        return error.line
    return None if heard else f"the farm has not heard of a worker on {host} lately"


if __name__ == "__main__":
    sys.exit(main())
