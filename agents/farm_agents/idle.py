"""The runner loaded and warm, but blocked: what the board takes then is taken off what the slot takes.

The first window follows the warm-up, not the load: a board that is warm leaks more than one that has rested, and both
windows must follow work alike. What it undoes (caches, clocks, some of the heat) a short run brings back, and the slot
still judges itself: one that does not rest becomes warm-up.
"""

from array import array
from typing import Callable, List, Tuple

from farm_agents import hwmon, loop, rails
from farm_agents.clock import Clock
from farm_agents.fact import told
from farm_agents.loop import Limits, Pace, Runtime, Spans
from farm_agents.sysfs import Sysfs
from farm_agents.warmup import Rule
from farm_agents.wire import Json

REST_NS = loop.SECOND_NS  # until threads that wait actively sleep, and slow sensors have forgotten the work
AGAIN_WINDOWS = 3  # of the warm-up, after an idle window
NOT_WANTED = "the job wants no idle window"


def window(tree: Sysfs, clock: Clock, idle_s: float, facts: Json, when: str) -> List[Json]:
    """Waits, and adds [t0, t1] to the facts as `idle_<when>_ns`; the counters of energy at its ends, as readings."""
    name = "idle_{}_ns".format(when)
    if idle_s <= 0:
        facts.update(told(name, None, NOT_WANTED))
        return []
    t0_ns, first = _look(tree, clock, clock.now() + REST_NS)
    t1_ns, last = _look(tree, clock, t0_ns + int(idle_s * loop.SECOND_NS))
    facts[name] = [t0_ns, t1_ns]
    return first + last


def _look(tree: Sysfs, clock: Clock, deadline_ns: int) -> Tuple[int, List[Json]]:
    clock.sleep_until(deadline_ns)
    t_ns = clock.now()
    return t_ns, counted(tree, clock.now)


def again(runtime: Runtime, clock: Clock, rule: Rule, limits: Limits, idle_s: float) -> None:
    """Iterations after an idle window, at the pace of the slot."""
    if idle_s > 0:
        long_ns = max(loop.SECOND_NS, AGAIN_WINDOWS * rule.window_ns)
        now_ns = clock.now()
        spans = Spans(now_ns, long_ns, loop.SETTLE, 2 * long_ns)
        loop.window(runtime, clock, array("q", [0]) * loop.RING, Pace(now_ns, limits.period_ns), spans)


def counted(tree: Sysfs, now: Callable[[], int]) -> List[Json]:
    """The counters of energy at this moment: a second between two looks of the sampler is too coarse for an edge."""
    seen = [(name, now(), tree.number(path)) for name, path in rails.counters(tree, hwmon.read(tree))]
    return [
        {"t_ns": t_ns, "source": name, "value": value, "unit": "uJ", "error": None}
        for name, t_ns, value in seen
        if value is not None
    ]
