"""Places where a test lets this process die, as if the power had gone: `FAILPOINT=name` in the environment."""

import os
import signal

WORKER = (
    "before_acquire",
    "after_acquire",
    "before_sweep",
    "after_sweep",
    "before_claim",
    "after_claim",
    "agent_started",
    "parquet_written",
    "artefact_put",
    "launch_file_put",
    "before_commit",
    "after_commit",
    "after_requeue",
    "before_lose",
    "after_lose",
    "before_board_loss",
    "after_board_loss",
    "before_release",
    "after_release",
)
COMMAND = (
    "chunk_sent",
    "before_insert",
    "after_insert",
    "after_due",
    "before_cancel",
    "after_cancel",
    "before_resume",
    "after_resume",
    "before_close",
    "after_close",
    "report_taken",
    "prune_marked",
    "before_prune",
    "after_prune",
    "backup_copied",
)
NAMES = WORKER + COMMAND  # before and after every change of state


def failpoint(name: str) -> None:
    if os.environ.get("FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
