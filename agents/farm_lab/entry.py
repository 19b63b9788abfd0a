"""Faults of how one comes onto a board: its host key, and what its SSH server puts into every session."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from farm_lab import shift, sshd, state
from farm_lab.journal import Json
from farm_lab.places import LabError
from farm_lab.victim import Fault, Victim, nothing_more, number

START_UP = {"bash": ".bashrc", "zsh": ".zshenv"}  # what they read before a command that came over SSH


def _key(victim: Victim, argument: str | None) -> Json:
    return {**nothing_more(victim, argument), "key": str(victim.here.other_key)}


def _clock(victim: Victim, argument: str | None) -> Json:
    return {"env": shift.env(victim.here, argument or "+1000d")}


def _shell(victim: Victim, argument: str | None) -> Json:
    pause_s = number(argument, 0.3, "seconds")
    shell = Path(pwd.getpwuid(os.getuid()).pw_shell).name
    if shell not in START_UP:
        raise LabError(
            f"{victim.name}: its login shell is {shell}; only {' and '.join(START_UP)} read a file before a command"
        )
    return {"file": START_UP[shell], "pause_s": pause_s}


def _strike(victim: Victim, kept: Mapping[str, Any]) -> None:
    if "key" in kept:
        sshd.make_key(Path(kept["key"]), victim.name)
    if "FAKETIME" in kept.get("env", {}):
        shift.share(victim.here)
    if "file" in kept:
        (victim.here.home / kept["file"]).write_text(f"sleep {kept['pause_s']:g}\n")
    _apply(victim)


def _undo(victim: Victim, kept: Mapping[str, Any]) -> None:
    if "file" in kept:
        (victim.here.home / kept["file"]).unlink(missing_ok=True)
    _apply(victim)


def _apply(victim: Victim) -> None:
    """What its faults come to; sessions that are open go on as they are."""
    victim.here.sshd_faults.write_text(_settings(victim))
    if victim.runs:
        options, board = victim.lab.options, victim.board
        listener = sshd.reload(victim.here, board.process, board.port, options.level)
        if listener != board.process:
            state.write(victim.places, state.exchanged(victim.lab, replace(board, process=listener)))


def _settings(victim: Victim) -> str:
    """Read before the server's own configuration, in which the first word counts."""
    keys = [f"HostKey {fault.kept['key']}\n" for fault in victim.standing if "key" in fault.kept]
    env = {name: value for fault in victim.standing for name, value in fault.kept.get("env", {}).items()}
    return "".join([*keys, *([f"SetEnv {sshd.environment(victim.here, **env)}\n"] if env else [])])


FAULTS = {
    "wrong-clock": Fault("Its wall clock is so far ahead.", _clock, _strike, _undo, "[SHIFT: +1000d]"),
    "host-key-changed": Fault("Its SSH server shows another key.", _key, _strike, _undo),
    "slow-shell": Fault("Its login shell takes so long before each command.", _shell, _strike, _undo, "[SECONDS: 0.3]"),
}
