"""`farm boards calibrate`: boards measured against themselves, and what that says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli.pins import clock
from farm_orchestrator.model import PRESETS, Json
from farm_reports.clocks import mhz
from farm_reports.tables import STOCK

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.calibrate import Talk
    from farm_reports.tables import Calibration

VARIANT = "fp32.onnx"  # of the example


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--runs", type=click.IntRange(1), metavar="N", help="So many more runs.  [until there are 20]")
@click.option(
    "--variant", type=click.Path(path_type=Path), metavar="FILE", help="The .onnx file to run.  [one of the example]"
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Warm-up, slot and blocks.  [standard; ci under CI]")
@click.option(
    "--pin",
    callback=clock,
    metavar="max|stock|sustained|KHZ",
    help="The clock that is held.  [the boards', else stock]",
)
@click.option("--inventory", type=click.Path(path_type=Path), metavar="FILE", help="Boards; without one: those named.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the outcome.")
def calibrate(names: tuple[str, ...], runs: int | None, variant: Path | None, preset: str | None, *,
              pin: str | None, inventory: Path | None, as_json: bool, quiet: bool) -> int:  # fmt: skip
    """Measure boards against themselves: one file under two names, and what it shows is the board's own bias.

    20 runs are needed before a board's own figure replaces the floor that every interval holds by default; they add up
    over several calls, at each --pin by itself. NAME may be a selection as in `farm run --boards`. Exit 4 where a board
    gave nothing.
    """
    from farm_orchestrator import config
    from farm_orchestrator.cli.demo import example

    settings = config.load(inventory=inventory, preset=preset)
    boards = [board.to_json() for board in config.boards(settings, ",".join(names))]
    from farm_orchestrator.run import kept
    from farm_orchestrator.run.calibrate import Order
    from farm_orchestrator.run.calibrate import calibrate as measure

    boards = list(kept.pinned(boards, kept.kept(boards, pin, settings.home)))
    order = Order(",".join(names), variant or example() / VARIANT, runs, pin)
    code = measure(order, settings, talk(quiet=quiet))
    _print({board["name"]: order.pin_of(board) for board in boards}, settings, as_json=as_json)
    return code


def in_words(known: Calibration) -> str:
    """`floor 0.25 %, typical, idle 41 °C, pin max`, `2 of 20 runs`, `no`."""
    from farm_reports.stats.calibration import RUNS

    pin = "" if known.pin == STOCK else f", pin {known.pin}"
    if known.floor is not None:
        idle = "" if known.idle_mc is None else f", idle {known.idle_mc / 1000:.0f} °C"
        return f"floor {_percent(known.floor)}, {known.noise}{idle}{pin}"
    return f"{known.runs} of {RUNS} runs{pin}" if known.runs else "no"


def document(known: Calibration) -> Json:
    return asdict(known)


def talk(*, quiet: bool) -> Talk:
    from farm_orchestrator.cli.live import make_view
    from farm_orchestrator.run.calibrate import Talk

    return Talk(lambda: make_view(quiet=quiet), lambda text: click.echo(text, err=True))


def _print(pins: dict[str, str], settings: Settings, *, as_json: bool) -> None:
    import json

    from farm_orchestrator.run.calibrate import held, sights

    known = {board: held(settings, board, pin) for board, pin in pins.items()}
    if as_json:
        body = [
            {"board": name, **document(one), "sees": [asdict(each) for each in sights(one)]}
            for name, one in known.items()
        ]
        click.echo(json.dumps(body, indent=2))
        return
    for name, one in known.items():
        click.echo("\n".join((f"{name}: {_outcome(one)}", *(f"  {line}" for line in _lines(one)))))


def _outcome(known: Calibration) -> str:
    if known.floor is None:
        return f"not calibrated: {known.reason}; the default floor holds"
    return f"calibrated with {known.runs} runs: bias {_percent(known.bias)}, intervals hold a floor of {_percent(known.floor)}"


def _lines(known: Calibration) -> Iterator[str]:
    """Noise, canary, and what the board can see in which time."""
    from farm_orchestrator.plan import duration
    from farm_orchestrator.run.calibrate import sights

    if known.launch_sd is not None:
        yield f"{known.noise}: launches vary by {_percent(known.launch_sd)}"
        yield f"canary after / before a slot: clock {_canary(known.clock_sd, known)}, memory {_canary(known.memory_sd, known)}"
    if known.runs and known.pin != STOCK:
        clock = f"not measured ({known.eff_khz_reason})" if known.eff_khz is None else mhz(known.eff_khz)
        yield f"clock at pin {known.pin}: {clock}"
    for one in sights(known):
        if one.effect is not None:
            yield f"sees {one.effect:.1%} in {duration(one.seconds)} ({one.preset}, two variants, {one.blocks} blocks)"


def _canary(sd: float | None, known: Calibration) -> str:
    return f"varies by {_percent(sd)}" if sd is not None else f"unknown ({known.canary_reason})"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.2%}"
