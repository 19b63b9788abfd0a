"""A fact of a launch: its value, or null beside the reason."""

from typing import Any

from farm_agents.wire import Json


def told(name: str, value: Any, reason: str) -> Json:
    """`reason` is said only where there is no value."""
    return {name: value} if value is not None else {name: None, name + "_reason": reason}
