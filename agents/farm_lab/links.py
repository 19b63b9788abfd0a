"""Faults of the link between orchestrator and board: all are the chaos proxy's."""

from collections.abc import Mapping
from typing import Any

from farm_lab import chaos
from farm_lab.journal import Json
from farm_lab.places import LabError
from farm_lab.victim import Fault, Victim, nothing_more, number

MBIT = 125_000  # bytes
FREEZING = ("link-cut", "power-off")


def freeze(victim: Victim) -> None:
    chaos.tell(victim.places, "freeze", victim.name)


def thaw(victim: Victim) -> None:
    """Unless another fault keeps it frozen."""
    if not any(fault.fault in FREEZING for fault in victim.standing):
        chaos.tell(victim.places, "thaw", victim.name)


def reset(victim: Victim) -> None:
    chaos.tell(victim.places, "reset", victim.name)


def _proxied(victim: Victim, argument: str | None) -> Json:
    if victim.lab.proxy is None:
        raise LabError(
            f"{victim.name}: its link can be touched by the chaos proxy only, and this lab has none; "
            "farm lab down, then farm lab up --proxy"
        )
    return nothing_more(victim, argument)


def _at_rate(victim: Victim, argument: str | None) -> Json:
    return {**_proxied(victim, None), "bytes_per_s": number(argument, 100.0, "Mbit/s") * MBIT}


def _with_delay(victim: Victim, argument: str | None) -> Json:
    return {**_proxied(victim, None), "seconds": number(argument, 200.0, "ms, there and back") / 2000.0}


def _with_loss(victim: Victim, argument: str | None) -> Json:
    """Raises LabError: beyond all of them there is nothing to lose."""
    share = number(argument, 1.0, "percent") / 100.0
    if share > 1.0:
        raise LabError(f"{argument!r}: a number of percent above 0 was expected, at most 100")
    return {**_proxied(victim, None), "share": share}


def _slow(victim: Victim, kept: Mapping[str, Any]) -> None:
    chaos.tell(victim.places, "rate", victim.name, **kept)


def _delay(victim: Victim, kept: Mapping[str, Any]) -> None:
    chaos.tell(victim.places, "delay", victim.name, **kept)


def _lose(victim: Victim, kept: Mapping[str, Any]) -> None:
    chaos.tell(victim.places, "loss", victim.name, **kept)


FAULTS = {
    "link-cut": Fault("Nothing passes any more; connections stay half-open.", _proxied,
                      lambda victim, _: freeze(victim), lambda victim, _: thaw(victim)),
    "reset": Fault("Every connection to the board is reset, once.", _proxied, lambda victim, _: reset(victim)),
    "slow-link": Fault("The link carries so little.", _at_rate, _slow,
                       lambda victim, _: _slow(victim, {"bytes_per_s": None}), "[MBIT/S: 100]"),
    "delay": Fault("Everything takes so long there and back.", _with_delay, _delay,
                   lambda victim, _: _delay(victim, {"seconds": 0.0}), "[MS: 200]"),
    "packet-loss": Fault("So many packets get lost, and are sent again.", _with_loss, _lose,
                         lambda victim, _: _lose(victim, {"share": 0.0}), "[PERCENT: 1]"),
}  # fmt: skip
