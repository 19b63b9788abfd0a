"""What is done to a farm while it measures; each fault is over, or mended by the crew, before long.

Each says whether it found something to strike.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chaos.crews import Crew, line_of, strike
from engine_support import TTL_S, Farm, agents_of
from farm_lab import faults as lab_faults
from farm_lab.places import LabError, Places
from postgres_support import PrivatePostgres
from redis_support import PrivateRedis

CLOCKS = ("7200", "-7200", "45", "-45", "0")  # seconds off


@dataclass(frozen=True)
class Stage:
    """A farm under way, its crew, its servers where it has any, and the dice. `disk`: of a board, small enough to fill."""

    farm: Farm
    crew: Crew
    redis: PrivateRedis | None
    postgres: PrivatePostgres | None
    dice: random.Random
    lab: Places | None = None
    disk: Path | None = None


def worker_killed(on: Stage) -> bool:
    return _strike_one(on, on.crew.workers(), signal.SIGKILL)


def worker_frozen(on: Stage) -> bool:
    """Longer than its lease lives, so that it wakes up fenced."""
    return _frozen(on, TTL_S + 1.5)


def worker_stuttered(on: Stage) -> bool:
    """Shorter than its lease lives: it must go on as if nothing had been."""
    return _frozen(on, TTL_S / 4)


def command_killed(on: Stage) -> bool:
    return _strike_one(on, on.crew.commands(), signal.SIGKILL)


def agent_killed(on: Stage) -> bool:
    return _strike_one(on, [pid for pid in agents_of(on.farm) if b"runner" not in line_of(pid)], signal.SIGKILL)


def hints_wiped(on: Stage) -> bool:
    on.crew.wipe()
    return True


def worker_killed_and_hints_wiped(on: Stage) -> bool:
    on.crew.wipe()
    return worker_killed(on)


def redis_killed(on: Stage) -> bool:
    assert on.redis is not None
    on.redis.kill()
    on.redis.start()
    return True


def postgres_restarted(on: Stage) -> bool:
    assert on.postgres is not None
    on.postgres.restart()
    return True


def postgres_killed(on: Stage) -> bool:
    assert on.postgres is not None
    on.postgres.kill()
    on.postgres.start()
    return True


def postgres_sessions_ended(on: Stage) -> bool:
    """As a network that drops connections: each is found dead at the next use, some in the middle of a commit."""
    assert on.postgres is not None
    return bool(
        on.postgres.say("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'benchfarm'")
    )


def clock_jumped(on: Stage) -> bool:
    """Of one host and all that runs on it; a step back too."""
    now = on.crew.clock.read_text()
    on.crew.clock.write_text(on.dice.choice([each for each in CLOCKS if each != now]))
    return True


def disk_filled(on: Stage) -> bool:
    """Not a byte more for some seconds."""
    assert on.disk is not None
    balloon = on.disk / "balloon"
    with suppress(OSError), balloon.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    threading.Timer(4.0, balloon.unlink, [True]).start()
    return True


def board_powered_off(on: Stage) -> bool:
    """Gone without a farewell; it boots a little later."""
    return _break(on, "power-off", 3.0)


def link_cut_shortly(on: Stage) -> bool:
    """Half-open, and back before anybody gives up."""
    return _break(on, "link-cut", 1.5)


def link_cut_long(on: Stage) -> bool:
    """Half-open until both sides have given up."""
    return _break(on, "link-cut", 20.0)


def link_reset(on: Stage) -> bool:
    return _break(on, "reset")


def agent_stuck(on: Stage) -> bool:
    return _break(on, "agent-stuck", 8.0)


def runner_killed(on: Stage) -> bool:
    return _break(on, "runner-killed")


def _break(on: Stage, word: str, for_s: float | None = None) -> bool:
    """One of the virtual boards; one that is broken in that way already stays so."""
    assert on.lab is not None
    names = sorted(path.name for path in on.lab.boards.iterdir())
    with suppress(LabError):
        lab_faults.strike(on.lab, on.dice.choice(names), word, for_s=for_s)
        return True
    return False


Fault = Callable[[Stage], bool]
ANYWHERE: tuple[Fault, ...] = (
    clock_jumped, worker_killed, worker_frozen, worker_stuttered, agent_killed, hints_wiped, worker_killed_and_hints_wiped,
)  # fmt: skip
OF_A_COMMAND: tuple[Fault, ...] = (command_killed,)
OF_REDIS: tuple[Fault, ...] = (redis_killed,)
OF_A_LAB: tuple[Fault, ...] = (
    board_powered_off, link_cut_shortly, link_cut_long, link_reset, agent_stuck, runner_killed,
)  # fmt: skip
OF_POSTGRES: tuple[Fault, ...] = (postgres_restarted, postgres_killed, postgres_sessions_ended)


def possible(on: Stage) -> tuple[Fault, ...]:
    return (
        *ANYWHERE,
        *(OF_A_COMMAND if on.crew.commands() else ()),
        *((disk_filled,) if on.disk else ()),
        *(OF_A_LAB if on.lab else ()),
        *(OF_REDIS if on.redis else ()),
        *(OF_POSTGRES if on.postgres else ()),
    )


def _strike_one(on: Stage, pids: list[int], number: int) -> bool:
    return bool(pids) and strike(on.dice.choice(sorted(pids)), number)


def _frozen(on: Stage, for_s: float) -> bool:
    pids = on.crew.workers()
    if not pids or not strike(pid := on.dice.choice(pids), signal.SIGSTOP):
        return False
    threading.Timer(for_s, strike, [pid, signal.SIGCONT]).start()
    return True
