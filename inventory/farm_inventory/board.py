"""A board: one machine of the fleet, with every field decided."""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from farm_inventory.fields import Fields

BASE = "~/.cache/benchfarm"
PYTHON = "python3"


@dataclass(frozen=True)
class Board:
    """`host` None: ssh knows the board by its name. `groups`: the groups it was listed in, nearest last.

    `address`: what a person typed for a board that no inventory names, where it is not the name.
    """

    name: str
    host: str | None = None
    user: str | None = None
    port: int | None = None
    key: str | None = None
    gateway: str | None = None
    agent: bool | None = None
    proxy_command: Literal["allow"] | None = None
    cipher: str | None = None
    fingerprint: str | None = None
    python: str = PYTHON
    base: str = BASE
    sysroot: str = "/"
    labels: dict[str, str] = field(default_factory=dict)
    type: str | None = None
    cpus: str = "big"
    threads: int | None = None
    pin: str = "stock"
    meter: str | None = None
    power: dict[str, list[str]] | None = None
    provider: str = "CPUExecutionProvider"
    runtime: str = "default"
    interference: Literal["drop", "note"] = "drop"
    local: bool = False
    lab: bool = False
    groups: tuple[str, ...] = ()
    address: str | None = None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def make_board(name: str, layers: list[Fields], home: Path, groups: tuple[str, ...] = ()) -> Board:
    """`layers`: farthest group first, the board's own fields last; a later layer wins, labels are united."""
    merged: dict[str, Any] = {}
    for layer in layers:
        written = layer.written()
        labels = {**merged.get("labels", {}), **written.get("labels", {})}
        merged = {**merged, **written, "labels": labels}
    return Board(name=name, groups=groups, **{**_defaults(name, merged, home), **merged})


def local_board(home: Path) -> Board:
    """This machine, the only board where there is no inventory."""
    return make_board("local", [Fields(local=True, interference="note")], home)


def _defaults(name: str, merged: Mapping[str, Any], home: Path) -> dict[str, Any]:
    """What the kind of board decides; a board on this machine has its store inside `home`."""
    here = {"python": sys.executable, "base": str(home.absolute() / "boards" / name)} if merged.get("local") else {}
    return {**here, **({"interference": "note"} if merged.get("lab") else {})}
