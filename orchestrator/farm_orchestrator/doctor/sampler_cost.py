"""What the sampler costs on a board: the same small launch with it and without it, in turns."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm_agents import wire
from farm_orchestrator import bundle, digest
from farm_orchestrator.doctor.finding import Answer, Finding, fault, finding, ok
from farm_orchestrator.errors import AgentLost, BoardError
from farm_orchestrator.model import PRESETS, Json
from farm_orchestrator.session import Session
from farm_orchestrator.transport import Channel, open_channel, resolve
from farm_orchestrator.watchdog import Concern, Watch, Watchdog

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from farm_orchestrator.variants.small import Small

    Floats = NDArray[np.float64]

PAIRS = 20  # launches with and without it
BOUND = 0.005  # of the median
SIDE = 0.025  # of a two-sided 95 % interval
SLOT_S = 1.0
LAUNCH_S, FILES_S = 120.0, 60.0
FARM = "doctor"  # its fences are its own
CHECK = "sampler"


@dataclass(frozen=True)
class Share:
    """How much longer a launch's inferences take with the sampler, 0.01: 1 %, and the 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.2%} [{self.low:+.2%}, {self.high:+.2%}]"


@dataclass(frozen=True)
class Cost:
    """`sampler`: what the last launch that had one said of it."""

    median: Share
    p99: Share
    pairs: int
    sampler: Json

    @property
    def held(self) -> bool:
        """Under noise it is enough that the interval reaches below the bound."""
        return self.median.low < BOUND


@dataclass(frozen=True)
class Taken:
    """ns of one launch."""

    median: float
    p99: float
    sampler: Json


def look(board: Json, home: Path, pairs: int = PAIRS) -> Finding:
    """A board that cannot be measured is a fault too."""
    try:
        found = answer(measure(resolve(board), home, pairs))
    except BoardError as error:
        found = fault(error.text, None, error.mend)
    return finding(str(board["name"]), CHECK, found)


def answer(cost: Cost) -> Answer:
    said = cost.sampler
    if said.get("mode") is None:
        return fault("no sampler ran", str(said.get("reason") or "the agent did not say why"), None)
    what = (
        f"it costs {cost.median} of the median latency, {cost.p99} of the 99th percentile: {cost.pairs} pairs of "
        f"launches in turns, {said.get('sources')} sources every {said.get('period_ms')} ms, mode {said['mode']}"
    )
    if cost.held:
        return ok(f"{what}; the bound of {BOUND:.1%} of the median holds")
    return fault(f"{what}; the bound is {BOUND:.1%} of the median", str(said.get("reason") or "see its fact `sampler`"),
                 "leave a CPU free: set the board's field `cpus`")  # fmt: skip


def measure(spec: Json, home: Path, pairs: int) -> Cost:
    """`spec`: of a resolved board. Raises BoardError."""
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="sampler-cost-") as folder, _desk(spec, home, Path(folder)) as desk:
        both = [desk.pair(number) for number in range(pairs)]
    medians = np.log([(with_it.median / without.median) for with_it, without in both])
    tails = np.log([(with_it.p99 / without.p99) for with_it, without in both])
    return Cost(share(medians), share(tails), pairs, both[-1][0].sampler)


def share(logs: Floats) -> Share:
    """Hodges and Lehmann's estimate and exact interval of paired logarithms; endless of too few."""
    from farm_reports.stats import signed_rank

    averages = signed_rank.walsh(logs)
    low, high = signed_rank.limits(averages, logs.size, SIDE)
    return Share(*(math.expm1(float(each)) for each in (signed_rank.estimate(averages), low, high)))


class Desk:
    """An agent that has the model laid out; one launch after the other."""

    def __init__(self, session: Session, watch: Watch, model: Small, cpu: int) -> None:
        self.session = session
        self.watch = watch
        self.model = model
        self.cpu = cpu
        self.launches = 0

    def pair(self, number: int) -> tuple[Taken, Taken]:
        """With it and without it; the first of one pair is the second of the next."""
        order = (True, False) if number % 2 == 0 else (False, True)
        taken = {sampled: self.launch(sampled=sampled) for sampled in order}
        return taken[True], taken[False]

    def launch(self, *, sampled: bool) -> Taken:
        """Raises BoardError, AgentLost where the launch failed."""
        import numpy as np

        self.launches += 1
        job = self._job(sampled=sampled)
        self.watch.expect(Concern("a launch", time.monotonic() + LAUNCH_S, silence_s=wire.SILENCE_S))
        self.session.begin(job, _unheard)
        answered = self.session.answer(job, _unheard)
        if not isinstance(answered.end, wire.Done):
            raise AgentLost(self.session.board, f"the launch failed: {answered.end.kind}: {answered.end.detail}")
        median, p99 = np.quantile(answered.latency_ns, (0.5, 0.99))
        return Taken(float(median), float(p99), answered.end.facts.get("sampler") or {})

    def prepare(self) -> None:
        self.watch.expect(Concern("the files", time.monotonic() + FILES_S))
        name, sha256, size = self.model.file.name, self.model.sha256, self.model.file.stat().st_size
        layout = {"sha256": sha256, "files": [{"name": name, "sha256": sha256, "size": size}]}
        self.session.prepare([layout], [self.model.inputs.sha256])

    def _job(self, *, sampled: bool) -> wire.Job:
        """On one CPU, so that the sampler has another one where there is any."""
        model = self.model
        recipe = {**PRESETS["quick"].to_json(), "slot_s": SLOT_S, "sampler": sampled}
        return wire.Job(
            launch=f"{self.launches}.1",
            kind="measure",
            model={"name": CHECK, "variant": model.sha256, "file": model.file.name, "bytes": model.file.stat().st_size},
            feeds={"sha256": model.inputs.sha256, "arrays": {"x": "x"}},
            point={"provider": "CPUExecutionProvider", "cpus": str(self.cpu), "threads": 1},
            recipe=recipe,
            deadline_s=LAUNCH_S,
        )


@contextmanager
def _desk(spec: Json, home: Path, scratch: Path) -> Iterator[Desk]:
    from farm_orchestrator.variants.small import small_model

    with ExitStack() as ends:
        channel = open_channel(spec, home)
        ends.callback(channel.close)
        model = small_model(scratch)
        agent = _bring(channel, scratch, model)
        watchdog, watch = Watchdog(lambda _: (), threading.Event()), Watch(threading.Event(), channel.close)
        watchdog.start()
        ends.callback(watchdog.close)
        ends.enter_context(watchdog.over(watch))
        session = Session(spec, channel.stream((str(spec["python"]), "-I", agent)), watch.heard)
        ends.callback(session.close)
        desk = Desk(session, watch, model, _cpu(_greet(session, channel, watch, spec)))
        desk.prepare()
        yield desk


def _bring(channel: Channel, scratch: Path, model: Small) -> str:
    """Where the agent lies on the board."""
    agent = bundle.build(scratch / "agent")
    sha256 = digest.afresh(agent)
    files = ((agent, sha256), (model.file, model.sha256), (model.inputs.path, model.inputs.sha256))
    for path, name in files:
        channel.put(path, name, path.stat().st_size)
    return f"{channel.base}/cas/{sha256[:2]}/{sha256}"


def _greet(session: Session, channel: Channel, watch: Watch, spec: Json) -> wire.Hello:
    watch.expect(Concern("the agent's hello", time.monotonic() + FILES_S))
    runtime, fence = spec.get("runtime"), int(time.time())
    hello = session.hello(
        wire.Open(wire.VERSION, fence, channel.base, str(spec.get("sysroot") or "/"),
                  runtime=None if runtime == "default" else runtime, farm=FARM)
    )  # fmt: skip
    watch.talk_to(session)
    return hello


def _cpu(hello: wire.Hello) -> int:
    """The last of the strongest: interrupts mostly live on the first."""
    cpus: Sequence[int] = hello.facts.get("big") or hello.facts.get("cpus") or [0]
    return int(cpus[-1])


def _unheard(who: str, line: bytes) -> None:
    """No transcript is kept of these launches."""
    del who, line
