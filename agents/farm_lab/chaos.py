"""Starting the chaos proxy and telling it what to do."""

import json
import socket
from typing import Any

from farm_lab import background
from farm_lab.places import LabError, Places
from farm_lab.processes import Process

TIMEOUT_S = 20.0


def start(places: Places) -> Process:
    """The running proxy of this lab, started if there is none. Raises LabError."""
    if not running(places):
        background.start("proxy", places.control, places.root / "proxy.log")
    return running(places)[0]


def running(places: Places) -> list[Process]:
    return background.running("proxy", places.control)


def tell(places: Places, do: str, board: str = "*", **details: Any) -> dict[str, Any]:
    """Sends one command and returns the answer. Raises LabError where the proxy refuses or does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(TIMEOUT_S)
            link.connect(str(places.control))
            link.sendall(json.dumps({"do": do, "board": board, **details}).encode() + b"\n")
            with link.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
    except (OSError, ValueError) as error:
        raise LabError(
            f"the proxy of {places.root} does not answer: {error}; was this lab started with --proxy?"
        ) from error
    if not answer["ok"]:
        raise LabError(f"the proxy refused {do!r} for {board!r}: {answer.get('error', 'no such board')}")
    return answer
