"""The wait before a launch, until the board is as cool as the launch may begin; who waits reads sensor and clock."""

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from farm_agents import trend
from farm_agents.fact import told
from farm_agents.spec import Work
from farm_agents.trend import Point
from farm_agents.wire import Job, Json

SECOND_NS = 1_000_000_000
LOOK_NS = SECOND_NS  # from one reading of the temperature to the next
WATCHED_NS = 3 * trend.SPAN_NS  # sensors in steps of a degree show a slow fall only in as long
NO_TEMPERATURE = "no thermal zone of the processor answered while the board settled"
TOO_FEW = "too few readings of the temperature, while the board settled, to tell how it moves in 10 s"


@dataclass(frozen=True)
class Arrival:
    """A job that has come, and when."""

    job: Job
    work: Work
    came_ns: int


@dataclass(frozen=True)
class Terms:
    """From when until when a board settles, and the band of temperatures it may leave with; an open end is None."""

    least_ns: int
    most_ns: int
    low_mc: Optional[int]
    high_mc: Optional[int]


@dataclass(frozen=True)
class Sight:
    """The last known temperature, and by how much it rises in ten seconds; None where nobody can tell."""

    temp_mc: Optional[int]
    rate_mc: Optional[float]


class Settling:
    """A job on its way to its runner; `rested_ns`: since when the board has been left alone."""

    def __init__(self, arrival: Arrival, rested_ns: int) -> None:
        self.arrival = arrival
        self.terms = terms_of(arrival, rested_ns)
        self.points: List[Point] = []
        self.next_ns = arrival.came_ns

    def look(self, now_ns: int, temp_mc: Optional[int]) -> None:
        """Keeps what was read, and tells by `next_ns` when to read again."""
        self.points = watched([*self.points, (now_ns, temp_mc)])
        duties = (now_ns + LOOK_NS, self.terms.least_ns, self.terms.most_ns)
        self.next_ns = min(t_ns for t_ns in duties if t_ns > now_ns)

    def over(self, now_ns: int) -> bool:
        """At least the minimum, at most the maximum, in between until the board rests where the launch may begin."""
        if now_ns >= self.terms.most_ns:
            return True
        return now_ns >= self.terms.least_ns and rests(sight_of(self.points), self.terms)

    def facts(self, now_ns: int) -> Json:
        waited_s = (now_ns - self.arrival.came_ns) / SECOND_NS
        return {"settle_s": waited_s, **facts_of(sight_of(self.points), self.terms)}


def wanted(work: Work) -> bool:
    """Only what is timed has to begin cool."""
    return work.kind == "measure" and work.recipe.cooldown_max_s > 0


def terms_of(arrival: Arrival, rested_ns: int) -> Terms:
    """A board that has been left alone for long owes no minimum; no launch settles beyond its deadline."""
    recipe, start = arrival.work.recipe, arrival.work.start
    most_s = min(recipe.cooldown_max_s, arrival.work.deadline_s)
    return Terms(
        least_ns=rested_ns + int(recipe.cooldown_s * SECOND_NS),
        most_ns=arrival.came_ns + int(most_s * SECOND_NS),
        low_mc=start.low_mc,
        high_mc=start.high_mc,
    )


def watched(points: Sequence[Point]) -> List[Point]:
    """The readings that decide: the last half minute of them, and the one before."""
    since_ns = points[-1][0] - WATCHED_NS
    older = sum(t_ns <= since_ns for t_ns, _ in points)
    return list(points[max(0, older - 1) :])


def sight_of(points: Sequence[Point]) -> Sight:
    """Readings that do not reach back for ten seconds tell no rate."""
    temps = [temp for _, temp in points if temp is not None]
    whole = len(points) > 1 and points[-1][0] - points[0][0] >= trend.SPAN_NS
    return Sight(temps[-1] if temps else None, trend.rate_mc(points) if whole else None)


def rests(sight: Sight, terms: Terms) -> bool:
    """Whether to wait is of no more use: nobody sees the temperature, or it stands and is not too high.

    One that stands too low will not rise: nothing runs on the board.
    """
    if sight.temp_mc is None:
        return True
    hot = terms.high_mc is not None and sight.temp_mc > terms.high_mc
    return not hot and sight.rate_mc is not None and trend.stands(sight.rate_mc)


def facts_of(sight: Sight, terms: Terms) -> Json:
    rate, unseen = sight.rate_mc, NO_TEMPERATURE if sight.temp_mc is None else TOO_FEW
    missed = broken(sight, terms)
    return {
        **told("settle_temp_mc", sight.temp_mc, NO_TEMPERATURE),
        **told("settle_rate_mc", None if rate is None else round(rate, 1), unseen),
        **told("settle_broken", None if missed is None else list(missed), unseen),
    }


def broken(sight: Sight, terms: Terms) -> Optional[Tuple[str, ...]]:
    """What the board missed when it was left to the launch; None where there was nothing to tell it by."""
    temp, rate, low, high = sight.temp_mc, sight.rate_mc, terms.low_mc, terms.high_mc
    if temp is None or (rate is None and low is None and high is None):
        return None
    wrong = (
        ("band", (low is not None and temp < low) or (high is not None and temp > high)),
        ("rate", rate is not None and not trend.stands(rate)),
    )
    return tuple(name for name, missed in wrong if missed)
