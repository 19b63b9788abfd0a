"""Places where a test lets this process die, as if the power had gone: `FAILPOINT=name` in the environment."""

import os
import signal

NAMES = (
    "after_acquire",
    "after_sweep",
    "after_claim",
    "agent_started",
    "parquet_written",
    "artefact_put",
    "before_commit",
    "after_commit",
    "after_requeue",
)


def failpoint(name: str) -> None:
    if os.environ.get("FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
