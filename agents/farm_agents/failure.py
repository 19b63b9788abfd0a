"""How a launch fails: data on the wire, an exception inside the agent."""

from typing import Optional


class LaunchFailed(Exception):
    """The launch cannot go on. `stage` None: the stage that was running.

    Kinds: PROVIDER_MISSING, NOT_IMPLEMENTED, INVALID_GRAPH, OUT_OF_MEMORY, CRASH(signal), TIMEOUT, NON_FINITE,
    BAD_INPUT, STOPPED, AGENT_ERROR.
    """

    def __init__(self, kind: str, detail: str, stage: Optional[str] = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail[:2000]
        self.stage = stage
