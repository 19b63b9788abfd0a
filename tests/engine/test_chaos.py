"""Seeded chaos: workers die, sleep and lose their broker while boards are measured; the invariants hold all the same."""

import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import engine_support as support
from engine_support import Farm, make_farm, tend, wait_for
from farm_orchestrator import store
from farm_orchestrator.engine import start_worker
from farm_orchestrator.model import State

Worker = subprocess.Popen[bytes]


@dataclass
class Crew:
    """Two workers on one farm; a dead one is replaced at once."""

    farm: Farm
    workers: list[Worker]

    def replace(self, place: int) -> None:
        stop(self.workers[place])
        self.workers[place] = start_worker(self.farm.settings, self.farm.home / "worker.log")

    def asleep(self, place: int) -> None:
        """Longer than its lease lives, so that it wakes up fenced; not so long that others give up on its locks."""
        self.workers[place].send_signal(signal.SIGSTOP)
        threading.Timer(support.TTL_S + 1.0, self.workers[place].send_signal, [signal.SIGCONT]).start()

    def wiped(self, place: int) -> None:
        self.workers[place].kill()
        shutil.rmtree(self.farm.home / "broker", ignore_errors=True)
        self.replace(place)


def stop(worker: Worker) -> None:
    worker.kill()
    worker.wait()
    if worker.stdin:
        worker.stdin.close()


@contextmanager
def crew_of(farm: Farm) -> Iterator[Crew]:
    log = farm.home / "worker.log"
    crew = Crew(farm, [start_worker(farm.settings, log), start_worker(farm.settings, log)])
    try:
        yield crew
    finally:
        for worker in crew.workers:
            stop(worker)


def survive(folder: Path, seed: int, boards: int, blocks: int, faults: int) -> Farm:
    """A run through so many faults, at moments that the seed chooses by the number of launches done."""
    dice = random.Random(seed)
    farm = make_farm(folder, boards=boards, blocks=blocks, python=support.stand_in(folder / "stand-in"))
    owed = len(farm.rows())
    moments = sorted(dice.sample(range(owed - 1), faults))
    tending = tend(farm, None)
    with crew_of(farm) as crew:
        kinds: list[Callable[[int], None]] = [crew.replace, crew.wiped, crew.asleep]
        for moment in moments:
            wait_for(partial(has_done, farm, moment), f"{moment} launches", tending)
            dice.choice(kinds)(dice.randrange(2))
        wait_for(lambda: store.load_run(farm.store, support.RUN).state == "closed", "the end of the run", tending)
    wait_for(lambda: not support.agents_of(farm), "the end of the agents")
    return farm


def has_done(farm: Farm, launches: int) -> bool:
    return len(farm.rows(state=State.DONE)) >= launches


def test_a_run_through_four_faults_has_one_result_for_each_launch_it_owed(tmp_path: Path) -> None:
    farm = survive(tmp_path, seed=1, boards=3, blocks=3, faults=4)
    assert support.broken_promises(farm) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_chaos_of_ten_seeds(seed: int, tmp_path: Path) -> None:
    farm = survive(tmp_path, seed=seed, boards=8, blocks=4, faults=8)
    assert support.broken_promises(farm) == []
