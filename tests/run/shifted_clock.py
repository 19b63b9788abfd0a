"""The command on a machine whose wall clock is wrong by so many seconds: SECONDS ARGUMENT ...

Not by a library under the process: those that are about break the waits of threads, which go by the other clock.
"""

import sys
import time


def main() -> int:
    by_s = float(sys.argv[1])
    right = time.time
    time.time = lambda: right() + by_s
    time.time_ns = lambda: int(1e9 * time.time())
    from farm_orchestrator.cli import call

    return call(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
