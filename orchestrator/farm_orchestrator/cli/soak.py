"""`farm boards soak`: the highest clock that boards keep up at full load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli.calibrate import VARIANT, talk
from farm_orchestrator.cli.times import length
from farm_orchestrator.errors import UsageError

if TYPE_CHECKING:
    from farm_orchestrator.run.sustaining import Outcome


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--for", "soak_s", callback=length, default="10m", show_default=True, metavar="TIME",
              help="The length of a soak; below 10m the clock is provisional.")  # fmt: skip
@click.option(
    "--variant", type=click.Path(path_type=Path), metavar="FILE", help="The .onnx file to run.  [one of the example]"
)
@click.option("--inventory", type=click.Path(path_type=Path), metavar="FILE", help="Boards; without one: those named.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the outcome.")
def soak(names: tuple[str, ...], soak_s: float, variant: Path | None, inventory: Path | None, *,
         as_json: bool, quiet: bool) -> int:  # fmt: skip
    """Find the highest clock that boards keep up, which `farm run --pin sustained` then holds.

    Each board works at full load, at its highest clock first and then one step lower after the other, until one is kept
    to the end without heat or power holding it back. NAME may be a selection as in `farm run --boards`. Exit 4 where no
    clock of a board was found.
    """
    from farm_orchestrator.plan.sustaining import LEAST_S

    if soak_s < LEAST_S:
        raise UsageError(
            f"--for {soak_s:g}s is too short for any heat", mend="10m finds a clock that lasts, 2m a first guess"
        )
    from farm_orchestrator import config
    from farm_orchestrator.cli.demo import example
    from farm_orchestrator.run.sustaining import Soaks, sustain

    soaks = Soaks(",".join(names), variant or example() / VARIANT, soak_s)
    outcome = sustain(soaks, config.load(inventory=inventory), talk(quiet=quiet))
    _print(outcome, as_json=as_json)
    return outcome.code


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps({name: found.to_json() for name, found in outcome.found.items()}, indent=2))
        return
    for name, found in outcome.found.items():
        click.echo(f"{name}: {found.khz} kHz{', provisional' if found.provisional else ''}")
