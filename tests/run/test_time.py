"""`--time` and `--until`: what is promised before anything starts, and what is refused."""

import shutil
from datetime import datetime, timedelta

import pytest

from farm_orchestrator.cli.times import coming
from farm_orchestrator.model import Measured
from farm_orchestrator.store import Claim, Store, attach
from run_support import DIGITS, Desk
from store_support import RUN, Clock, Lane, insert, measured, part

PAIR = (DIGITS / "fp32.onnx", DIGITS / "int8.onnx")


def test_a_dry_run_says_preset_blocks_screening_time_and_the_smallest_effect(desk: Desk) -> None:
    said = desk.farm("run", DIGITS, "--time", "1h", "--dry-run")
    assert said.code == 0, said.err
    assert "preset standard, burst: 8 to 40 blocks after a screening of 4 short ones, about 31 " in said.out
    assert "min at most of the 1 h 00 min given, sees effects from 2." in said.out
    said = desk.farm("run", DIGITS, "--time", "5m", "--dry-run")
    assert "preset quick, burst: 8 to 12 blocks, about 2 min of the 5 min given, sees effects from 2." in said.out
    said = desk.farm("run", *PAIR, "--time", "10m", "--preset", "ci", "--dry-run")
    assert "preset ci, burst: 8 to 20 blocks, about 5 min of the 10 min given" in said.out
    assert not desk.state.exists()


def test_a_dry_run_says_how_long_an_open_gate_may_take_more(desk: Desk) -> None:
    spec = desk.folder / "models"
    spec.mkdir()
    for name in PAIR:
        shutil.copy(name, spec)
    document = "baseline: fp32\nlimits: {latency_p50: +5%}\nship: [int8]\n"
    (spec / "variants.yaml").write_text(document, encoding="utf-8")
    said = desk.farm("run", spec, "--preset", "ci", "--dry-run")
    assert "a gate that these blocks leave open is confirmed once by twice as many fresh ones, up to about" in said.out
    assert "is confirmed" not in desk.farm("run", spec, "--preset", "quick", "--dry-run").out


def test_what_does_not_fit_is_refused_with_what_would(desk: Desk) -> None:
    said = desk.farm("run", *PAIR, "--time", "20s", "--dry-run")
    assert (said.code, said.out) == (2, "")
    assert "the planned blocks do not fit into 20 s: standard takes about 9 min 59 s" in said.err
    assert "quick takes about 37 s on local" in said.err
    assert "what would fit: --time 1m (preset quick), or fewer variants or thread counts" in said.err
    said = desk.farm("run", *PAIR, "--time", "20s")
    assert said.code == 2, "and a run that is meant starts nothing either"
    assert desk.launches() == []


def test_what_launches_took_on_the_board_before_is_what_the_plan_counts_with(desk: Desk) -> None:
    clock = Clock()
    desk.state.mkdir(mode=0o700)
    with Store.open(desk.state / "farm.db", clock) as state:
        insert(state, part(board="local", blocks=8))

        def slowly(claim: Claim) -> Measured:
            clock.pass_s(60.0)
            attach(state, RUN, 100.0)
            return measured()

        Lane(state, "local").start().run(slowly)
    before = sorted(path.name for path in desk.state.iterdir())
    said = desk.farm("run", *PAIR, "--time", "10m", "--preset", "quick", "--dry-run")
    assert said.code == 2
    assert "quick takes about 16 min on local" in said.err
    said = desk.farm("run", *PAIR, "--preset", "quick", "--dry-run")
    assert "8 to 12 blocks, about 16 min to 24 min, " in said.out
    assert sorted(path.name for path in desk.state.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "text", "mend"),
    [
        ("--time", "half an hour", "90s, 30m, 2h or 1h30m"),
        ("--time", "0m", "90s, 30m, 2h or 1h30m"),
        ("--time", "-5m", "90s, 30m, 2h or 1h30m"),
        ("--time", "", "90s, 30m, 2h or 1h30m"),
        ("--until", "25:00", "like 06:00"),
        ("--until", "6", "like 06:00"),
        ("--until", "06:60", "like 06:00"),
    ],
)
def test_a_time_that_cannot_be_read_is_told_with_one_that_can(desk: Desk, option: str, text: str, mend: str) -> None:
    said = desk.farm("run", *PAIR, option, text)
    assert said.code == 2
    assert mend in said.err
    assert "Traceback" not in said.err


def test_until_is_the_next_time_that_the_clock_shows_it(desk: Desk) -> None:
    evening = datetime(2026, 1, 1, 22, 30, 15).astimezone()
    assert coming(evening, 6, 0) - evening == timedelta(hours=7, minutes=29, seconds=45)
    assert coming(evening, 22, 31) - evening == timedelta(seconds=45)
    assert coming(evening, 22, 30) - evening == timedelta(hours=23, minutes=59, seconds=45)
    soon = datetime.now().astimezone() + timedelta(hours=2)
    said = desk.farm("run", *PAIR, "--until", f"{soon:%H:%M}", "--dry-run")
    assert "preset standard, burst: 8 to 40 blocks, about 10 min of the " in said.out, said
    assert " of the 1 h 5" in said.out or " of the 2 h 00 min" in said.out
