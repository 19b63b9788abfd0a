"""A clock without time and a runtime without a model: the timed loop can be driven through any story exactly."""

from typing import Any, Callable, List, Optional, Sequence


class FakeClock:
    """Stands still until someone moves it; each reading may cost `read_ns`."""

    def __init__(self, start_ns: int = 1_000, read_ns: int = 0, oversleep_ns: int = 0) -> None:
        self.time_ns = start_ns
        self.read_ns = read_ns
        self.oversleep_ns = oversleep_ns

    def now(self) -> int:
        self.time_ns += self.read_ns
        return self.time_ns

    def sleep_until(self, deadline_ns: int) -> None:
        self.time_ns = max(self.time_ns, deadline_ns + self.oversleep_ns)


class ScriptedRuntime:
    """Call k takes latency_ns[k], the last for ever after; `seen` notes what `observe` said during each call."""

    binding: Any = None

    def __init__(
        self, clock: FakeClock, latency_ns: Sequence[int], observe: Optional[Callable[[], Any]] = None
    ) -> None:
        self.clock = clock
        self.latency_ns = latency_ns
        self.observe = observe
        self.seen: List[Any] = []
        self.calls = 0
        self.started_ns: List[int] = []

    def call(self, binding: Any) -> None:
        del binding
        self.started_ns.append(self.clock.time_ns)
        self.clock.time_ns += self.latency_ns[min(self.calls, len(self.latency_ns) - 1)]
        self.calls += 1
        if self.observe is not None:
            self.seen.append(self.observe())
