"""The cpufreq policies of a board's tree: what was told to them is checked as the kernel would, and what comes of it shown."""

from collections.abc import Callable
from dataclasses import dataclass

from farm_agents.sysfs import Sysfs
from farm_lab.dials import Dial, dial
from farm_lab.physics import Clock, Knobs, cap
from farm_lab.tree import CPU

POLICIES = f"{CPU}/cpufreq"
STEP_KHZ = 100_000  # between the OPPs of a driver that lists none
ADAPTIVE = ("intel_pstate", "amd-pstate", "amd-pstate-epp")  # whose `powersave` is no slow clock
CLOSED = "<unsupported>"
GOVERNOR, LOW, HIGH, SPEED = "scaling_governor", "scaling_min_freq", "scaling_max_freq", "scaling_setspeed"
Refused = Callable[[str, str, str], None]  # path, what was written, what it says again


@dataclass
class Told:
    """The last that was accepted, whatever heat makes of it."""

    governor: str
    low_khz: int
    high_khz: int
    speed_khz: int | None = None


class Policy:
    """One policy's files, open as long as the lab stands."""

    def __init__(self, tree: Sysfs, name: str, opps: tuple[int, ...], refused: Refused) -> None:
        self.folder = f"{POLICIES}/{name}"
        self.opps = opps
        self.cpus = _cpus(tree, self.folder)
        self.refused = refused
        self.governors = (tree.text(f"{self.folder}/scaling_available_governors") or "").split()
        self.adaptive = tree.text(f"{self.folder}/scaling_driver") in ADAPTIVE
        self.dials = self._dials(tree)
        low, high = tree.number(f"{self.folder}/{LOW}"), tree.number(f"{self.folder}/{HIGH}")
        governor = tree.text(f"{self.folder}/{GOVERNOR}") or ""
        self.told = Told(governor, _within(opps, low or opps[0]), _within(opps, high or opps[-1]))

    def knobs(self) -> Knobs:
        """After what was written since the last time."""
        wrote = {name: text for name in (GOVERNOR, LOW, HIGH, SPEED)
                 if name in self.dials and (text := self.dials[name].written()) is not None}  # fmt: skip
        if wrote:
            self._take(wrote)
        told = self.told
        governor = "schedutil" if self.adaptive and told.governor == "powersave" else told.governor
        return Knobs(governor, told.low_khz, told.high_khz, told.speed_khz)

    def show(self, clock: Clock, cool: int) -> None:
        """`cool`: what of heat shows here."""
        low, high = self.limits(cool)
        times = "".join(f"{opp} {round(s * 100)}\n" for opp, s in zip(self.opps, clock.spent_s, strict=True))
        texts = {
            "scaling_cur_freq": f"{clock.asked_khz}\n", "cpuinfo_cur_freq": f"{clock.asked_khz}\n",
            GOVERNOR: f"{self.told.governor}\n", HIGH: f"{high}\n", LOW: f"{low}\n",
            SPEED: f"{clock.asked_khz if self.told.governor == 'userspace' else CLOSED}\n",
            "stats/time_in_state": times, "stats/total_trans": f"{clock.changes}\n",
        }  # fmt: skip
        for name, found in self.dials.items():
            found.show(texts[name])

    def limits(self, cool: int) -> tuple[int, int]:
        """Lowest and highest clock as they read back: what was asked for, and what heat leaves of it."""
        high = min(self.told.high_khz, cap(self.opps, cool))
        return min(self.told.low_khz, high), high

    def _dials(self, tree: Sysfs) -> dict[str, Dial]:
        names = ("scaling_cur_freq", "cpuinfo_cur_freq", GOVERNOR, HIGH, LOW, SPEED, "stats/time_in_state",
                 "stats/total_trans")  # fmt: skip
        found = {name: dial(tree, f"{self.folder}/{name}") for name in names}
        return {name: one for name, one in found.items() if one is not None}

    def _take(self, wrote: dict[str, str]) -> None:
        """Limits together: two writes within a step are judged by what they leave."""
        self._take_governor(wrote)
        low, high = (
            self._khz(wrote.get(LOW, str(self.told.low_khz))),
            self._khz(wrote.get(HIGH, str(self.told.high_khz))),
        )
        if low is not None and high is not None and low <= high:
            self.told.low_khz, self.told.high_khz = low, high
        else:
            self._refuse({name: wrote[name] for name in (LOW, HIGH) if name in wrote})
        self._take_speed(wrote)

    def _take_governor(self, wrote: dict[str, str]) -> None:
        wanted = wrote.get(GOVERNOR)
        if wanted is None:
            return
        if wanted in self.governors:
            self.told.governor = wanted
            self.told.speed_khz = None
        else:
            self._refuse({GOVERNOR: wanted})

    def _take_speed(self, wrote: dict[str, str]) -> None:
        wanted = wrote.get(SPEED)
        if wanted is None:
            return
        khz = self._khz(wanted)
        if self.told.governor == "userspace" and khz is not None:
            self.told.speed_khz = khz
        else:
            self._refuse({SPEED: wanted})

    def _khz(self, text: str) -> int | None:
        khz = int(text) if text.isdecimal() else 0
        return khz if self.opps[0] <= khz <= self.opps[-1] else None

    def _refuse(self, wrote: dict[str, str]) -> None:
        kept = {GOVERNOR: self.told.governor, LOW: str(self.told.low_khz), HIGH: str(self.told.high_khz), SPEED: CLOSED}
        for name, text in wrote.items():
            self.refused(f"{self.folder}/{name}", text, kept[name])


def policies(tree: Sysfs, refused: Refused) -> list[Policy]:
    """Those whose clocks are known; none is a board too."""
    found = []
    for name in tree.names(POLICIES, "policy"):
        opps = _opps(tree, f"{POLICIES}/{name}")
        if opps:
            found.append(Policy(tree, name, opps, refused))
    return found


def _opps(tree: Sysfs, folder: str) -> tuple[int, ...]:
    listed = (tree.text(f"{folder}/scaling_available_frequencies") or "").split()
    if listed:
        return tuple(sorted({int(khz) for khz in listed if khz.isdecimal()}))
    low, high = tree.number(f"{folder}/cpuinfo_min_freq"), tree.number(f"{folder}/cpuinfo_max_freq")
    return () if not low or not high or low > high else (*range(low, high, STEP_KHZ), high)


def _cpus(tree: Sysfs, folder: str) -> list[int]:
    return [int(word) for word in (tree.text(f"{folder}/related_cpus") or "").split() if word.isdecimal()]


def _within(opps: tuple[int, ...], khz: int) -> int:
    return max(opps[0], min(khz, opps[-1]))
