"""What a launch tells of a clock that was set for it, and a board that was calibrated at it."""

from __future__ import annotations

from typing import Any

from farm_reports.tables import Calibration

KHZ, POLICY = 1_800_000, "policy0"
PINNED = "CPUExecutionProvider/default/big/1/max/burst/tight"
KNOWN = Calibration(20, 0.001, 0.0015, 0.004, "quiet", None, pin="max", eff_khz=1_795_000.0)
FOLDER = "sys/devices/system/cpu/cpufreq"
Facts = dict[str, Any]


def pin(*, strategy: str = "minmax", seen: dict[str, str] | None = None, khz: int = KHZ, policy: str = POLICY) -> Facts:
    """`seen`: what something else set, by the knob's name."""
    wanted = {"scaling_governor": "performance", "scaling_max_freq": str(khz), "scaling_min_freq": str(khz)}
    knobs = [
        {"path": f"{FOLDER}/{policy}/{name}", "orig": "x", "wanted": value, "readback": value, "restored": True}
        for name, value in wanted.items()
    ]
    foreign = [{"path": f"{FOLDER}/{policy}/{name}", "seen": value} for name, value in (seen or {}).items()]
    return {"pin": {"wanted": "max", "strategy": strategy, "held": not foreign, "reason": None,
                    "knobs": knobs if strategy != "observe" else [], "foreign": foreign}}  # fmt: skip


def held(**more: Any) -> Facts:
    """A clock that was set and stayed, measured as it was when the board was calibrated."""
    at_ends = {
        f"{name}_{when}": value
        for name, value in {"governor": "performance", "freq_min_khz": KHZ, "freq_max_khz": KHZ}.items()
        for when in ("start", "end")
    }
    return {**pin(), **at_ends, "eff_khz": 1_794_000.0, "time_in_state": {POLICY: {str(KHZ): 1200}},
            "throttle": {"verdict": "none", "evidence": [], "before": False}, **more}  # fmt: skip


def verdict(word: str, *evidence: Facts) -> Facts:
    return {"throttle": {"verdict": word, "evidence": list(evidence), "before": False}}


def item(source: str, kind: str, text: str = "", before: float | None = None, after: float | None = None) -> Facts:
    return {"source": source, "kind": kind, "before": before, "after": after, "t_first_ns": None, "text": text}
