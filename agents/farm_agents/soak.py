"""What a soak shows beside its end: how fast each of its windows was, and since when heat took clock away."""

from typing import List, Optional, Sequence, Tuple

from farm_agents import cpufreq, firmware, thermal
from farm_agents.fact import told
from farm_agents.steady import Beat, Warm
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

MOST = 900  # windows of a second in a quarter of an hour
HEAT_BITS = 0b1110  # of get_throttled: capped, throttled, too warm, now; what was before does not tell when
UNSEEN = "nothing on this board tells since when heat takes clock away"
NEVER = "nothing told that heat took clock away"


class Heat:
    """What takes clock away from the measured CPUs now, against what they had when this was made."""

    def __init__(self, tree: Sysfs, cpus: Sequence[int]) -> None:
        self.tree = tree
        self.cpus = cpus
        self.highest_khz = self._limit_khz()

    @property
    def watched(self) -> bool:
        """Whether there is anything that could tell."""
        seen = (self.highest_khz, thermal.cooling_state(self.tree), firmware.live_bits(self.tree))
        return any(each is not None for each in seen)

    def held(self) -> Optional[str]:
        """The evidence in words; None where there is none."""
        return self._cooled() or self._limited() or self._flagged()

    def _cooled(self) -> Optional[str]:
        kind, state = max(thermal.throttlers(self.tree), key=lambda one: one[1], default=("", 0))
        return "cooling device {} at state {}".format(kind, state) if state else None

    def _limited(self) -> Optional[str]:
        limit_khz = self._limit_khz()
        if self.highest_khz is None or limit_khz is None or limit_khz >= self.highest_khz:
            return None
        return "the highest clock sank from {} to {} kHz".format(self.highest_khz, limit_khz)

    def _flagged(self) -> Optional[str]:
        bits = firmware.live_bits(self.tree) or 0
        return "get_throttled 0x{:x}".format(bits) if bits & HEAT_BITS else None

    def _limit_khz(self) -> Optional[int]:
        return cpufreq.freq_khz(self.tree, self.cpus, "scaling_max_freq")


def facts(warm: Warm, window_ns: int, heat: Heat) -> Json:
    """The fact `soak`; `held_ns`: the end of the first window after which heat took clock away."""
    beats = warm.beats[:MOST]
    found = _first_held(beats)
    return {
        "soak": {
            "window_ms": window_ns / 1e6,
            "t0_ns": warm.t0_ns,
            "t_ns": [beat.t_ns for beat in beats],
            "median_ns": [beat.p50_ns for beat in beats],
            **told("held_ns", found[0], NEVER if heat.watched else UNSEEN),
            "held_by": found[1],
        }
    }


def _first_held(beats: Sequence[Beat]) -> Tuple[Optional[int], Optional[str]]:
    held: List[Beat] = [beat for beat in beats if beat.held is not None]
    return (held[0].t_ns, held[0].held) if held else (None, None)
