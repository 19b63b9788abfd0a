"""Which runtime this interpreter has, and whether it works, found in a process of its own: the supervisor never loads it."""

import json
import subprocess
import sys
from typing import Any, Sequence

from farm_agents.failure import LaunchFailed
from farm_agents.wire import Json

TIMEOUT_S = 60
# y = x + x over two floats; opset 13, IR version 7: every onnxruntime that runs under Python 3.8 takes it.
DOUBLE = bytes.fromhex(
    "080712003a350a0e0a01780a017812017922034164641201675a0f0a0178120a0a08080112040a020802620f0a0179120a0a0808011204"
    "0a02080242040a00100d"
)


def ask(argv: Sequence[str]) -> Json:
    """{"numpy", "onnxruntime", "providers"} of a fresh process, or {"error", "code"}: what is missing, how it ended."""
    try:
        answer = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return {"error": "the runtime cannot be asked: {}".format(error), "code": None}
    try:
        found: Json = dict(json.loads(answer.stdout.decode().splitlines()[-1]))
    except (ValueError, TypeError, IndexError):
        tail = answer.stderr.decode("utf-8", "replace").strip()[-500:]
        text = "trying the runtime ended with {} (negative: a signal): {}".format(answer.returncode, tail)
        return {"error": text, "code": answer.returncode}
    return found


def main() -> int:
    """Prints what importing the runtime and one inference give."""
    sys.stdout.write(json.dumps(_found()) + "\n")
    return 0


def _found() -> Json:
    try:
        import numpy as np  # noqa: PLC0415 - whether it can be imported is the question

        from farm_agents import runtime  # noqa: PLC0415 - as above

        try_out(np.array([1.5, -2.0], np.float32))
    except (ImportError, OSError, AttributeError, LaunchFailed) as error:
        return {"error": "{} under {}: {}".format(type(error).__name__, sys.executable, error), "code": 0}
    return {"numpy": np.__version__, "providers": runtime.available(), **runtime.versions()}


def try_out(two: Any) -> None:
    """One inference of one operator over two floats, on the CPU. Raises LaunchFailed where it fails or is wrong."""
    from farm_agents import runtime  # noqa: PLC0415 - the supervisor imports this module, but never the runtime

    with runtime.named_failures(lambda: True):
        doubled = runtime.Session(DOUBLE, runtime.settings(runtime.CPU, 1, {})).run({"x": two})["y"]
    if doubled.tolist() != (two + two).tolist():
        raise LaunchFailed("AGENT_ERROR", "the runtime adds wrongly: {} doubled is {}".format(two, doubled))
