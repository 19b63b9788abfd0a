"""Whatever dies in a pinned launch, agent, runner, farm-tune, guardian, board: the board keeps its clocks."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import agents_support as parts
import pin_support as clocks
from agents_support import Client, wait_for
from farm_agents import wire
from farm_agents.pin import GONE
from pin_support import PIN, SLOW, STOCK, Bench, now, put, restored

Start = Callable[..., Client]


@pytest.fixture
def bench(start: Start, tmp_path: Path) -> Bench:
    root, ones = clocks.lay(tmp_path / "root"), parts.ones(tmp_path / "ones.npz")
    return Bench(start, root, tmp_path, parts.identity(tmp_path / "identity.onnx"), ones)


def test_the_end_of_standard_input_gives_back(bench: Bench) -> None:
    assert bench.held().end() == 0
    assert now(bench.root) == STOCK


def test_a_polite_signal_gives_back(bench: Bench) -> None:
    client = bench.held()
    client.process.send_signal(signal.SIGTERM)
    client.process.wait(parts.PATIENCE_S)
    assert now(bench.root) == STOCK


def test_the_dead_mans_switch_gives_back(bench: Bench) -> None:
    client = bench.begin("--runner", str(bench.runner))
    assert isinstance(client.open(sysroot=str(bench.root), deadman_s=3.0), wire.Hello)
    bench.launch(client, PIN)
    client.until("slot")
    assert now(bench.root) == SLOW
    client.process.wait(parts.PATIENCE_S)
    assert now(bench.root) == STOCK


def test_a_stop_gives_back_and_the_agent_stays(bench: Bench) -> None:
    client = bench.held()
    client.send(wire.Stop("enough"))
    failed = client.hear().failed
    assert (failed.kind, failed.facts["pin"]["held"]) == ("STOPPED", True)
    assert now(bench.root) == STOCK


def test_a_killed_supervisor_gives_back(bench: Bench) -> None:
    clocks.kill(bench.held().process.pid)
    restored(bench)


def test_a_killed_runner_gives_back(bench: Bench) -> None:
    client = bench.held()
    clocks.kill(clocks.children(client.process.pid)["runner"])
    assert client.hear().failed.kind == "CRASH(SIGKILL)"
    assert now(bench.root) == STOCK


def test_a_killed_farm_tune_is_replaced_and_the_launch_says_that_its_clock_was_not_held(bench: Bench) -> None:
    client = bench.held()
    clocks.kill(clocks.children(client.process.pid)["tune"])
    restored(bench)
    bench.go.touch()
    pin = client.hear().done.facts["pin"]
    assert (pin["held"], pin["reason"]) == (False, GONE)
    assert [knob["restored"] for knob in pin["knobs"]] == [True] * 3
    bench.launch(client, "max")
    assert client.hear().done.facts["pin"]["held"]
    assert now(bench.root) == STOCK


def test_where_the_guardian_was_killed_too_the_end_of_the_launch_mends(bench: Bench) -> None:
    client = bench.held()
    clocks.forsake(bench.journal, clocks.children(client.process.pid)["tune"])
    assert now(bench.root) == SLOW
    bench.go.touch()
    pin = client.hear().done.facts["pin"]
    assert (pin["held"], pin["reason"], [knob["restored"] for knob in pin["knobs"]]) == (False, GONE, [True] * 3)
    assert now(bench.root) == STOCK


def test_what_a_killed_agent_and_farm_tune_left_comes_back_though_no_agent_starts_again(bench: Bench) -> None:
    client = bench.held()
    tune = clocks.children(client.process.pid)["tune"]
    clocks.kill(tune)
    clocks.kill(client.process.pid)
    restored(bench)
    wait_for(lambda: not bench.journal.exists(), "the journal stays")


def test_what_an_agent_with_all_of_its_kin_left_is_mended_by_the_next_agent(bench: Bench) -> None:
    client = bench.held()
    tune = clocks.children(client.process.pid)["tune"]
    clocks.forsake(bench.journal, tune, client.process.pid)
    assert now(bench.root) == SLOW
    bench.agent()
    assert now(bench.root) == STOCK


def test_after_a_reboot_the_journal_is_only_removed(bench: Bench) -> None:
    client = bench.held()
    tune = clocks.children(client.process.pid)["tune"]
    clocks.forsake(bench.journal, tune, client.process.pid)
    put(bench.root, clocks.BOOT, "boot-2")
    bench.agent()
    assert now(bench.root) == SLOW  # these files forget nothing; a kernel would have
    assert not bench.journal.exists()


# Nobody starts an agent again unless the guardian was killed too.
VICTIMS = (
    ("agent",), ("runner",), ("tune",), ("agent", "tune"), ("agent", "runner"), ("tune", "agent"),
    ("guardian", "tune"), ("guardian", "tune", "agent"), ("guardian", "agent", "tune"),
    ("guardian", "tune", "agent", "board"),
)  # fmt: skip
BOUND_S, REBOOT_BOUND_S = 12.0, 35.0


def kills(bench: Bench, count: int, seed: int) -> None:
    """At a random moment of a launch some of its processes are killed; the clocks come back in time, every time."""
    chance, slowest = random.Random(seed), {BOUND_S: 0.0, REBOOT_BOUND_S: 0.0}
    for turn, victims in enumerate(chance.sample(VICTIMS * (count // len(VICTIMS)), count)):
        client = bench.agent()
        bench.launch(client, PIN)
        clocks.idle(chance.uniform(0.0, 0.4))
        since = time.monotonic()
        kill(bench, client, victims)
        aftermath(bench, client, victims)
        wait_for(lambda: now(bench.root) == STOCK, f"turn {turn}, {victims}: {now(bench.root)}")
        wait_for(lambda: not bench.journal.exists(), f"turn {turn}: the journal stays")
        bound = REBOOT_BOUND_S if "board" in victims else BOUND_S
        slowest[bound] = max(slowest[bound], time.monotonic() - since)
        client.close()
    print("slowest:", slowest)  # noqa: T201 - what `pytest -s` is asked for
    assert all(took < bound for bound, took in slowest.items())


def kill(bench: Bench, client: Client, victims: tuple[str, ...]) -> None:
    found = {**clocks.children(client.process.pid), "agent": client.process.pid}
    for name in victims:
        if name == "guardian":
            clocks.forsake(bench.journal)
        elif name in found:
            clocks.kill(found[name])


def aftermath(bench: Bench, client: Client, victims: tuple[str, ...]) -> None:
    """Who is left ends as always; an agent starts again only where nobody is left who could give back."""
    if "board" in victims:
        put(bench.root, clocks.BOOT, f"boot-{bench.fence}")
        for name, text in STOCK.items():  # as the kernel does by itself
            put(bench.root, name, text)
    if "agent" not in victims:
        bench.go.touch()
        client.hear()
        client.end()
        bench.go.unlink()
    elif "guardian" in victims:
        bench.agent().end()


def test_twenty_random_kills_leave_the_clocks_as_they_were(bench: Bench) -> None:
    kills(bench, 20, seed=1)


@pytest.mark.long
def test_two_hundred_random_kills_leave_the_clocks_as_they_were(bench: Bench) -> None:
    kills(bench, 200, seed=2)
