"""A plug with Tasmota: `Status 8`, in older firmware `Status 10`."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from farm_orchestrator.meters.meter import MeterError, Reading, Scope, SensorClass
from farm_orchestrator.meters.web import Answer, Web, inside, number, watts

KWH_J = 3.6e6
COMMANDS = ("Status%208", "Status%2010")
NEEDS = "Need user"  # of firmware that takes the password in the URL alone


class Tasmota:
    """`Power` in W with as many decimals as `WattRes` says, `Total` in kWh; a list of each where it has several channels."""

    kind = "tasmota"
    scope: Scope = "wall_ac"
    sensor_class: SensorClass = "C"
    interval_ms = 1000

    def __init__(self, web: Web, channel: int | None) -> None:
        self.web = web
        self.channel = channel
        self.lsb_w = 1.0
        self.command = ""
        for command in COMMANDS:
            if isinstance(inside(self._ask(command).body, "StatusSNS", "ENERGY"), dict):
                self.command = command
                break
        else:
            raise MeterError("unmetered", f"{web.where} answers, and measures no power")
        version = inside(self._ask("Status%202").body, "StatusFWR", "Version")
        self.says = f"Tasmota {str(version or '?')[:40]}"

    def read(self) -> Reading:
        answer = self._ask(self.command)
        found = inside(answer.body, "StatusSNS", "ENERGY")
        power, total = self._of(found, "Power"), self._of(found, "Total")
        watt = watts(power, "Power")
        if isinstance(power, Decimal):
            self.lsb_w = min(self.lsb_w, float(Decimal(1).scaleb(int(power.as_tuple().exponent))))
        return Reading(
            answer.t_mid_ns,
            watt,
            None if total is None else number(total, "Total") * KWH_J,
            _seconds(inside(answer.body, "StatusSNS", "Time")),
            answer.took_ns,
        )

    def close(self) -> None:
        """Nothing stays open."""

    def _of(self, found: Any, name: str) -> Any:
        """A list that is asked for no channel is the sum of none: the first would be a guess."""
        value = inside(found, name)
        if not isinstance(value, list):
            return value
        if self.channel is None and len(value) > 1:
            raise MeterError("channel", f"it has {len(value)} channels; say which in the board's `meter`: ?channel=0")
        return inside(value, self.channel or 0)

    def _ask(self, command: str) -> Answer:
        answer = self.web.get(f"/cm?cmnd={command}")
        if NEEDS in str(answer.body.get("WARNING")):
            raise MeterError("password", f"{self.web.where} wants its password in the URL, where farm puts none; "
                             "newer firmware takes it in a header, from ~/.netrc")  # fmt: skip
        return answer


def _seconds(text: object) -> float | None:
    """Of its own clock, in whatever zone it lives."""
    try:
        return (datetime.fromisoformat(str(text)) - datetime(2000, 1, 1)).total_seconds()  # noqa: DTZ001 - only differences count
    except (ValueError, TypeError):
        return None
