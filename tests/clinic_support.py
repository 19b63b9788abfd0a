"""A fleet in which every board is broken in its own way: real servers, real mounts, real interpreters."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import doctor_support as ill
from doctor_support import FLAGS, HWMON, MODEL, Said
from farm_lab.sshd import free_port
from farm_lab.tree import POLICY, ZONE
from farm_orchestrator.transport import open_channel, resolve
from transport_support import Sshd, World, fingerprint, public

PI = {MODEL: "Raspberry Pi 4 Model B Rev 1.1\0"}
TREES = {
    "hot": {f"{ZONE}/temp": "58500\n"},
    "boiling": {f"{ZONE}/temp": "84000\n"},
    "throttled": {**PI, FLAGS: "50004\n"},
    "was-throttled": {**PI, FLAGS: "40000\n"},
    "cooled": {"sys/class/thermal/cooling_device0/cur_state": "2\n"},
    "undervolt": {**PI, FLAGS: "1\n"},
    "was-undervolt": {**PI, FLAGS: "10000\n"},
    "alarm": {**PI, f"{HWMON}/name": "rpi_volt\n", f"{HWMON}/in0_lcrit_alarm": "1\n"},
    "overcurrent": {f"{HWMON}/name": "soctherm_oc\n", f"{HWMON}/oc3_event_cnt": "7\n"},
    "powersave": {f"{POLICY}/scaling_governor": "powersave\n"},
    "capped": {f"{POLICY}/scaling_max_freq": "1000000\n"},
    "promise": {f"{HWMON}/name": "tcpm_source_psy_4_0022\n", f"{HWMON}/curr1_input": "3000\n",
                f"{HWMON}/in0_input": "9000\n", "sys/class/hwmon/hwmon0/power1_input": "1\n"},
}  # fmt: skip


@dataclass(frozen=True)
class Clinic:
    """Boards by name, as an inventory has them, and what the doctor said of them."""

    world: World
    boards: dict[str, dict[str, Any]]
    said: Said


def one_server(world: World) -> dict[str, dict[str, Any]]:
    """Boards that differ in what the inventory says of them, in their interpreter, in their tree."""
    server = world.server("plain")
    shared = _fields(world, server)
    folder = world.folder
    wrong: dict[str, dict[str, Any]] = {
        "well": {},
        "wrong-key": {"key": str(world.keys / "other")},
        "pinned": {"fingerprint": fingerprint(world.keys / "stranger")},
        "closed": {"port": free_port()},
        "nowhere": {"host": "no-such-host.invalid"},
        "no-python": {"python": "/nowhere/python3"},
        "old-python": {"python": ill.old_python(folder)},
        "no-runtime": {"python": ill.bare(folder / "bare")},
        "old-runtime": {"python": ill.bare(folder / "old", ill.old_runtime())},
        "sigill": {"python": ill.bare(folder / "sigill", ill.CRASH)},
        "no-library": {"python": ill.bare(folder / "trap", ill.TRAP)},
        "other-runtime": {"runtime": "1.2.3"},
        "no-provider": {"provider": "CUDAExecutionProvider"},
        "twin": {"base": shared["base"]},
        **{name: {"sysroot": ill.sysroot(folder / "trees" / name, tree)} for name, tree in TREES.items()},
    }
    return {name: {**shared, "base": f"{shared['base']}-{name}", **fields} for name, fields in wrong.items()} | {
        "first": shared
    }


def own_servers(world: World) -> dict[str, dict[str, Any]]:
    """Boards whose machine is broken."""
    sftp = "Subsystem sftp internal-sftp"
    full = world.server("full", mount="size=24m")
    servers = {
        "full": full,
        "small": world.server("small", mount="size=100m"),
        "noexec": world.server("noexec", mount="size=2g,noexec"),
        "read-only": world.server("read-only", mount="size=2g,ro"),
        "slow-shell": world.server("slow-shell", home=_home(world.folder / "slow", "sleep 0.3")),
        "banner": world.server("banner", home=_home(world.folder / "loud", "echo Welcome to the lab")),
        "no-sftp": world.server("no-sftp", options=()),
        "yesterday": world.server("yesterday", options=(sftp, f"SetEnv PATH={_yesterday(world.folder)}:/usr/bin:/bin")),
        "stranger": world.server("stranger", host_keys={"ed25519": world.keys / "stranger"}),
        "changed": world.server("changed", host_keys={"ed25519": world.keys / "stranger"}),
    }
    boards = {name: _fields(world, server) for name, server in servers.items() if name not in ("stranger", "changed")}
    for name in ("stranger", "changed"):
        boards[name] = {**boards["full"], "port": servers[name].port, "base": str(servers[name].disk / "base")}
    record = f"[127.0.0.1]:{servers['changed'].port} {public(world.keys / 'board_ed25519')}\n"
    world.user_file.write_text(world.user_file.read_text() + record)
    pinned = {**boards["full"], "name": "full", "fingerprint": fingerprint(world.host_keys["ed25519"])}
    channel = open_channel(resolve(pinned), world.farm_home)
    channel.exec(["dd", "if=/dev/zero", f"of={full.disk}/filled", "bs=64k"])
    channel.close()
    return boards


def _fields(world: World, server: Sshd) -> dict[str, Any]:
    board = world.board(server, key=str(world.client_key), python=sys.executable, interference="note")
    return {key: value for key, value in board.items() if key != "name"}


def _home(folder: Path, line: str) -> Path:
    folder.mkdir(mode=0o700)
    (folder / ".bashrc").write_text(f"{line}\n")
    return folder


def _yesterday(folder: Path) -> Path:
    """A folder with a `date` that is a day late."""
    place = folder / "yesterday-bin"
    place.mkdir()
    ill.program(place / "date", "#!/bin/sh\necho $(($(/bin/date +%s) - 86400))\n")
    return place
