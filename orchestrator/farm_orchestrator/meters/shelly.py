"""A Shelly plug or relay: Gen2 and newer over /rpc, Gen1 over /status."""

from farm_orchestrator.meters.meter import Meter, MeterError, Reading, Scope, SensorClass
from farm_orchestrator.meters.web import Answer, Web, inside, number, watts

WH_J = 3600.0
WATT_MINUTE_J = 60.0
COMPONENTS = ("Switch", "PM1")  # a relay that measures, a meter without a relay


class Shelly:
    """What they have in common: about a reading a second."""

    kind = "shelly"
    scope: Scope = "wall_ac"
    sensor_class: SensorClass = "C"
    interval_ms = 1000

    def __init__(self, web: Web, channel: int, says: str) -> None:
        self.web = web
        self.channel = channel
        self.says = says

    def close(self) -> None:
        """Nothing stays open."""


class NewShelly(Shelly):
    """Gen2 and newer; `apower` in W with one decimal, `aenergy.total` in Wh."""

    lsb_w = 0.1

    def __init__(self, web: Web, channel: int, says: str) -> None:
        super().__init__(web, channel, says)
        self.component = COMPONENTS[0]
        self._find()

    def read(self) -> Reading:
        answer = self._ask(self.component)
        total, minute = inside(answer.body, "aenergy", "total"), inside(answer.body, "aenergy", "minute_ts")
        return Reading(
            answer.t_mid_ns,
            watts(answer.body.get("apower"), "apower"),
            None if total is None else number(total, "aenergy.total") * WH_J,
            None if minute is None else number(minute, "aenergy.minute_ts"),
            answer.took_ns,
        )

    def _find(self) -> None:
        """The component that measures."""
        for component in COMPONENTS:
            try:
                found = self._ask(component).body
            except MeterError as error:
                if error.kind != "status":  # 404: it does not know the component
                    raise
                continue
            if "apower" in found:
                self.component = component
                return
        raise MeterError("unmetered", f"{self.says} measures no power on its channel {self.channel}")

    def _ask(self, component: str) -> Answer:
        return self.web.get(f"/rpc/{component}.GetStatus?id={self.channel}")


class FirstShelly(Shelly):
    """Gen1; `power` in W with two decimals, `total` in watt-minutes."""

    lsb_w = 0.01

    def read(self) -> Reading:
        answer = self.web.get("/status")
        meter = inside(answer.body, "meters", self.channel)
        if not isinstance(meter, dict):
            raise MeterError("unmetered", f"{self.says} measures no power on its channel {self.channel}")
        if meter.get("is_valid") is False:
            raise MeterError("invalid", f"{self.says} says of its own reading that it is not valid")
        total, stamp = meter.get("total"), meter.get("timestamp")
        return Reading(
            answer.t_mid_ns,
            watts(meter.get("power"), "power"),
            None if total is None else number(total, "total") * WATT_MINUTE_J,
            number(stamp, "timestamp") if stamp else None,  # 0: it does not know the time
            answer.took_ns,
        )


def open_shelly(web: Web, channel: int | None) -> Meter:
    """By what the device says of itself, which it tells without a login. Raises MeterError."""
    about = web.get("/shelly").body
    model = about.get("app") or about.get("model") or about.get("type")
    if not isinstance(model, str):
        raise MeterError("nonsense", f"{web.where} answers, but not as a Shelly does")
    says = f"Shelly {model[:40]}, firmware {str(about.get('ver') or about.get('fw') or '?')[:60]}"
    return NewShelly(web, channel or 0, says) if "gen" in about else FirstShelly(web, channel or 0, says)
