"""Which runtime this interpreter has, found in a process of its own so that the supervisor never loads it."""

import json
import subprocess
import sys
from typing import Sequence

from farm_agents.wire import Json

TIMEOUT_S = 60


def ask(argv: Sequence[str]) -> Json:
    """{"numpy", "onnxruntime", "providers"} of a fresh process, or {"error"} saying what is missing."""
    try:
        answer = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return {"error": "the runtime cannot be asked: {}".format(error)}
    try:
        found: Json = dict(json.loads(answer.stdout.decode().splitlines()[-1]))
    except (ValueError, TypeError, IndexError):
        tail = answer.stderr.decode("utf-8", "replace").strip()[-500:]
        return {"error": "importing the runtime ended with {} (negative: a signal): {}".format(answer.returncode, tail)}
    return found


def main() -> int:
    """Prints what importing the runtime gives."""
    sys.stdout.write(json.dumps(_found()) + "\n")
    return 0


def _found() -> Json:
    try:
        import numpy as np  # noqa: PLC0415 - whether it can be imported is the question

        from farm_agents import runtime  # noqa: PLC0415 - as above
    except (ImportError, OSError, AttributeError) as error:
        return {"error": "{} under {}: {}".format(type(error).__name__, sys.executable, error)}
    return {"numpy": np.__version__, "providers": runtime.available(), **runtime.versions()}
