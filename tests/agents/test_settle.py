"""The wait before a launch: until the board is cool and stands, and never for long where nobody sees its heat."""

import math
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import agents_support as parts
import noise
from agents_support import Board, Client
from farm_agents import settle, wire
from farm_agents.spec import read
from farm_agents.wire import Json
from settle_support import Sensors, Told, asked, waited

Start = Callable[..., Client]
NAMES = {"settle_s", "settle_temp_mc", "settle_rate_mc", "settle_broken"}
RULE: dict[str, Any] = {"cooldown_s": 2.0, "cooldown_max_s": 300.0}
STAND_IN = """
import json, sys
job = json.loads(sys.stdin.readline())
print(json.dumps({"msg": "done", "launch": job["launch"], "facts": {"runner": True}}), flush=True)
"""


def falling(from_mc: float, to_mc: float, tau_s: float) -> Callable[[float], int]:
    return lambda t: round(to_mc + (from_mc - to_mc) * math.exp(-t / tau_s))


def stepped(told: Callable[[float], int], step_mc: int) -> Told:
    return lambda t: round(told(t) / step_mc) * step_mc


def trembling(seed: int) -> Told:
    rng = noise.generator(seed)
    return lambda _: round(rng.normal(40_000, 300))


def band(low_mc: int | None, high_mc: int | None) -> Json:
    return {"low_mc": low_mc, "high_mc": high_mc}


# The rule, over a tree of files.


def test_a_board_that_cools_is_waited_for_until_it_is_in_the_band_and_stands(tmp_path: Path) -> None:
    """From 70 to 40 °C with 30 s: in the band after 54 s; half a degree in 10 s is reached after 89 s, over half a minute after 100 s."""
    told = falling(70_000, 40_000, 30)
    facts = waited(tmp_path, told, asked(start=band(None, 45_000), **RULE)).facts
    assert 89 <= facts["settle_s"] <= 110
    assert facts["settle_temp_mc"] == told(facts["settle_s"])
    assert -500 <= facts["settle_rate_mc"] < -400
    assert facts["settle_broken"] == []


def test_a_board_that_stands_too_hot_is_waited_for_until_it_is_in_the_band(tmp_path: Path) -> None:
    """0.3 °C in 10 s stands from the first ten seconds on; the band is reached after 100 s."""
    facts = waited(tmp_path, lambda t: round(48_000 - 30 * t), asked(start=band(35_000, 45_000), **RULE)).facts
    assert (facts["settle_s"], facts["settle_temp_mc"], facts["settle_broken"]) == (100.0, 45_000, [])


def test_without_a_band_only_the_rate_decides(tmp_path: Path) -> None:
    hot = waited(tmp_path, lambda _: 90_000, asked(**RULE))
    assert (hot.facts["settle_s"], hot.facts["settle_rate_mc"], hot.looks) == (10.0, 0.0, 11)
    assert waited(tmp_path, lambda t: round(90_000 - 60 * t), asked(**RULE)).facts["settle_broken"] == ["rate"]


def test_the_wait_ends_with_its_maximum_and_says_what_is_missed(tmp_path: Path) -> None:
    job = asked(start=band(None, 45_000), **RULE)
    hot = waited(tmp_path, lambda _: 80_000, job)
    assert (hot.facts["settle_s"], hot.facts["settle_temp_mc"], hot.facts["settle_broken"]) == (300.0, 80_000, ["band"])
    assert hot.looks <= 303
    heating = waited(tmp_path, lambda t: round(50_000 + 100 * t), job)
    assert (heating.facts["settle_s"], heating.facts["settle_broken"]) == (300.0, ["band", "rate"])
    assert heating.facts["settle_rate_mc"] == 1000.0


def test_a_board_that_stands_too_cold_is_not_waited_for_since_nothing_warms_it(tmp_path: Path) -> None:
    facts = waited(tmp_path, lambda _: 30_000, asked(start=band(35_000, 45_000), **RULE)).facts
    assert (facts["settle_s"], facts["settle_broken"]) == (10.0, ["band"])


@pytest.mark.parametrize("told", [None, "", "n/a", "warm\0", 999_999_999, -274_000, "4e4"])
def test_a_board_without_a_sensor_or_with_nonsense_waits_for_the_minimum_and_says_why_it_knows_nothing(
    tmp_path: Path, told: object
) -> None:
    silent = waited(tmp_path, lambda _: told, asked(start=band(None, 45_000), **RULE))
    absent = waited(tmp_path / "bare", None, asked(start=band(None, 45_000), **RULE))
    for facts in (silent.facts, absent.facts):
        assert facts["settle_s"] == 2.0
        assert [facts[name] for name in NAMES - {"settle_s"}] == [None] * 3
        assert {facts[f"{name}_reason"] for name in NAMES - {"settle_s"}} == {settle.NO_TEMPERATURE}


def test_a_sensor_that_refuses_every_third_reading_is_good_enough(tmp_path: Path) -> None:
    cooling = falling(70_000, 40_000, 30)
    facts = waited(tmp_path, lambda t: None if int(t) % 3 == 1 else cooling(t), asked(**RULE)).facts
    assert 89 <= facts["settle_s"] <= 115
    assert facts["settle_broken"] == []


@pytest.mark.parametrize(("step_mc", "most_mc"), [(1, 500), (487, 550), (923, 700), (1000, 700)])
def test_a_sensor_that_counts_in_steps_lets_no_board_go_that_still_cools(
    tmp_path: Path, step_mc: int, most_mc: int
) -> None:
    """From 60 to 40 °C with 120 s, 1.7 °C in 10 s at first: how fast it still cools when the launch begins."""
    for offset_mc in (0, 250, 500, 750):
        cooling = falling(60_000 + offset_mc, 40_000 + offset_mc, 120)
        facts = waited(tmp_path, stepped(cooling, step_mc), asked(**RULE)).facts
        assert facts["settle_broken"] == []
        assert 20_000 / 120 * 10 * math.exp(-facts["settle_s"] / 120) < most_mc


def test_a_sensor_that_trembles_is_no_board_that_heats(tmp_path: Path) -> None:
    """A third of a degree either way: half a minute at most, mostly the shortest wait."""
    found = [waited(tmp_path, trembling(seed), asked(**RULE)).facts["settle_s"] for seed in range(20)]
    assert max(found) <= 30
    assert median(found) <= 13


def test_a_sensor_that_falls_silent_is_given_up_after_half_a_minute(tmp_path: Path) -> None:
    facts = waited(tmp_path, lambda t: 80_000 if t < 20 else None, asked(start=band(None, 45_000), **RULE)).facts
    assert facts["settle_s"] == 50.0
    assert (facts["settle_temp_mc"], facts["settle_broken"]) == (None, None)


def test_the_minimum_counts_from_the_end_of_the_last_runner(tmp_path: Path) -> None:
    assert [waited(tmp_path, None, asked(**RULE), rested_s).facts["settle_s"] for rested_s in (-60.0, -0.5, 0.0)] == [
        0.0,
        1.5,
        2.0,
    ]


@pytest.mark.parametrize(
    ("start", "broken"), [(band(None, None), None), (band(None, 45_000), []), (band(None, 39_000), ["band"])]
)
def test_a_wait_too_short_to_see_a_rate_tells_what_it_can(
    tmp_path: Path, start: Json, broken: list[str] | None
) -> None:
    job = asked(start=start, cooldown_s=0.0, cooldown_max_s=4.0)
    facts = waited(tmp_path, lambda _: 40_000, job).facts
    assert (facts["settle_s"], facts["settle_temp_mc"], facts["settle_rate_mc"]) == (4.0, 40_000, None)
    assert facts["settle_rate_mc_reason"] == settle.TOO_FEW
    assert facts["settle_broken"] == broken
    assert ("settle_broken_reason" in facts) == (broken is None)


def test_no_launch_settles_beyond_its_deadline(tmp_path: Path) -> None:
    assert (
        waited(tmp_path, lambda _: 80_000, asked(start=band(None, 1), deadline_s=7.5, **RULE)).facts["settle_s"] == 7.5
    )


def test_only_timed_launches_with_a_maximum_settle() -> None:
    assert settle.wanted(read(asked(**RULE)))
    assert not settle.wanted(read(asked("evaluate", **RULE)))
    assert not settle.wanted(read(asked(cooldown_s=2.0)))
    assert not settle.wanted(read(asked()))


@pytest.mark.parametrize("wrong", [{"low_mc": "cold"}, {"high_mc": 4.5}, {"high_mc": 10**9}, {"low_mc": True}], ids=str)
def test_a_band_that_is_none_is_refused(wrong: Json) -> None:
    with pytest.raises(wire.WireError, match="no temperature"):
        read(asked(start=wrong))


# The agent.


@pytest.fixture
def sensors(tmp_path: Path) -> Sensors:
    return Sensors(tmp_path / "board")


@pytest.fixture
def begin(start: Start, tmp_path: Path, sensors: Sensors) -> Callable[..., Client]:
    """Sends a job that settles to an agent with a stand-in for a runner."""

    def started(job_start: Json, cooldown_max_s: float = 50.0, *, deadman_s: float = 60.0, **changes: Any) -> Client:
        client = start("--runner", str(parts.script(tmp_path / "stand-in", STAND_IN)))
        assert isinstance(client.open(sysroot=str(sensors.root), deadman_s=deadman_s), wire.Hello)
        recipe = {"cooldown_s": 0.0, "cooldown_max_s": cooldown_max_s}
        model, ones = parts.identity(tmp_path / "identity.onnx"), parts.ones(tmp_path / "ones.npz")
        client.start(model, ones, start=job_start, recipe=recipe, **changes)
        return client

    return started


def test_the_runner_is_started_when_the_board_has_cooled(begin: Callable[..., Client], sensors: Sensors) -> None:
    """Too hot for as long as the test wants, then cool: from there on ten seconds or so until it stands."""
    sensors.heat(60_000)
    client = begin(band(None, 45_000))
    client.until("settle")
    for _ in range(3):
        assert isinstance(wire.decode(client.line()), wire.Beat)
    sensors.heat(44_000)
    facts = client.hear().done.facts
    assert facts["runner"]
    assert (facts["settle_temp_mc"], facts["settle_broken"]) == (44_000, [])
    assert facts["settle_s"] > 3


def test_a_board_that_stays_hot_is_launched_after_the_maximum(begin: Callable[..., Client], sensors: Sensors) -> None:
    sensors.heat(60_000)
    launch = begin(band(None, 45_000), cooldown_max_s=0.5).hear()
    assert launch.stages == ["settle"]
    facts = launch.done.facts
    assert (facts["settle_temp_mc"], facts["settle_broken"]) == (60_000, ["band"])
    assert facts["settle_s"] >= 0.5
    assert facts["boot_id"]


def test_a_board_without_a_sensor_is_launched_at_once(begin: Callable[..., Client]) -> None:
    """Within a maximum that the test would not outlive."""
    facts = begin(band(None, 45_000), cooldown_max_s=3600.0, deadline_s=7200.0).hear().done.facts
    assert {name for name in facts if name.startswith("settle_") and not name.endswith("_reason")} == NAMES
    assert (facts["settle_temp_mc"], facts["settle_broken"]) == (None, None)


def test_without_a_maximum_there_is_no_settling_and_no_word_of_it(begin: Callable[..., Client]) -> None:
    launch = begin({}, cooldown_max_s=0.0).hear()
    assert launch.stages == []
    assert [name for name in launch.done.facts if name.startswith("settle_")] == []


def test_a_stop_in_the_middle_ends_the_launch_and_the_agent_stays(
    begin: Callable[..., Client], sensors: Sensors, board: Board
) -> None:
    sensors.heat(60_000)
    client = begin(band(None, 45_000), cooldown_max_s=3600.0)
    client.until("settle")
    client.send(wire.Stop("cancelled"))
    failed = client.hear().failed
    assert (failed.stage, failed.kind, failed.detail) == ("settle", "STOPPED", "cancelled")
    assert failed.facts["settle_temp_mc"] == 60_000
    assert not (board.base / "journal.jsonl").exists(), "there was no runner"
    sensors.heat(None)
    path = board.base.parent
    again = client.launch(path / "identity.onnx", path / "ones.npz", launch="2.1", recipe={"cooldown_max_s": 50.0})
    assert again.done.launch == "2.1"


def test_the_end_of_stdin_in_the_middle_ends_the_agent(begin: Callable[..., Client], sensors: Sensors) -> None:
    sensors.heat(60_000)
    client = begin(band(None, 45_000), cooldown_max_s=3600.0)
    client.until("settle")
    assert client.end() == 0
    assert client.hear().failed.kind == "STOPPED"


def test_a_silent_orchestrator_trips_the_dead_mans_switch_in_the_middle(
    begin: Callable[..., Client], sensors: Sensors
) -> None:
    sensors.heat(60_000)
    client = begin(band(None, 45_000), cooldown_max_s=3600.0, deadman_s=1.0)
    assert client.process.wait(parts.PATIENCE_S) == 0
    assert "silent" in client.errors()


def test_a_second_job_in_the_middle_is_a_breach_of_protocol(
    begin: Callable[..., Client], sensors: Sensors, board: Board
) -> None:
    sensors.heat(60_000)
    client = begin(band(None, 45_000), cooldown_max_s=3600.0)
    client.until("settle")
    path = board.base.parent
    client.send(parts.job(path / "identity.onnx", board.push(path / "ones.npz"), launch="2.1"))
    assert client.process.wait(parts.PATIENCE_S) == 2
    assert not (board.base / "journal.jsonl").exists()


def test_the_wait_counts_in_the_deadline(begin: Callable[..., Client], sensors: Sensors) -> None:
    """The wait took all of it: a runner that would be done at once has nothing left."""
    sensors.heat(60_000)
    failed = begin(band(None, 45_000), cooldown_max_s=3600.0, deadline_s=3.0).hear().failed
    assert failed.kind == "TIMEOUT"
    assert failed.facts["settle_broken"] == ["band"]
