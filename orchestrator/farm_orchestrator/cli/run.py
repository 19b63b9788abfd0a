"""`farm run`: variants x boards -> a verdict, a report and an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm_orchestrator.cli.pins import clocks
from farm_orchestrator.cli.sizes import memory
from farm_orchestrator.cli.times import length, moment
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import BURST, MODES, PRESETS

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.request import Request, View


def _threads(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, ...]:
    """`1,2,4` -> (1, 2, 4)."""
    del ctx, param
    parts = text.split(",") if text else []
    if any(not part.strip().isdigit() or int(part) < 1 for part in parts):
        raise click.BadParameter(f"{text!r} is no list of thread counts; write them like 1,2,4")
    return tuple(dict.fromkeys(int(part) for part in parts))


@click.command(short_help="Measure variants on boards and say what to ship.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR | A.onnx B.onnx ...]")
@click.option("--variants", type=click.Path(path_type=Path), metavar="DIR", help="Directory of .onnx variants.")
@click.option(
    "--inventory",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Boards; without one: those of --boards, else this machine.",
)
@click.option(
    "--boards",
    metavar="SELECT",
    help="Globs and labels: 'rpi5-*,site=lab,!rpi5-03'; without an inventory: pi@rpi5.local,jetson.",
)
@click.option("--baseline", metavar="NAME", help="The variant the others are compared with.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Warm-up, slot and blocks.  [standard; ci under CI]")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default=BURST,
    show_default=True,
    help="Short launches from one start temperature, or 60 s each once the heat stands still (standard only).",
)
@click.option("--max-blocks", type=click.IntRange(1), metavar="N", help="At most so many blocks per point.")
@click.option("--time", "time_s", callback=length, metavar="30m", help="Time for each board; the preset that fits.")
@click.option("--until", callback=moment, metavar="06:00", help="The same, by its end.")
@click.option("--threads", callback=_threads, metavar="LIST", help="Sweep thread counts, e.g. 1,2,4.")
@click.option("--pace-hz", type=click.FloatRange(0.01, 10000.0), metavar="F", help="Call at this rate, not in a loop.")
@click.option(
    "--pin",
    callback=clocks,
    metavar="max|stock|sustained|sweep|KHZ",
    help="Hold this clock during launches; sustained: the one that `farm boards soak` found; sweep: one after the other "
    "up to 6 of each board's own, sweep:all or sweep:KHZ,KHZ others.  [the boards', else stock]",
)
@click.option(
    "--memory-limit",
    callback=memory,
    metavar="SIZE",
    help="End a launch that takes more (180MB), where the board can; limits: peak_memory judges instead.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Order of the blocks.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Copy the outputs there.")
@click.option("--name", metavar="TEXT", help="A label for the run.")
@click.option("--min-boards", type=click.IntRange(1), metavar="N", help="Fewer measured boards are invalid.  [all]")
@click.option("--strict", is_flag=True, help="One bad variant stops the run.")
@click.option("--on-inconclusive", type=click.Choice(["pass", "warn", "fail"]), default="warn", show_default=True)
@click.option("--dry-run", is_flag=True, help="Print the plan and its estimated time, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json to stdout and nothing else.")
@click.option("--resume", metavar="RUN", help="Go on with an interrupted run: an id, a unique prefix, or last.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the outcome.")
def run(paths: tuple[Path, ...], variants: Path | None, **options: Any) -> int:
    """Measure variants on boards and say what to ship.

    DIR holds one .onnx file per variant and, if you like, a variants.yaml; of single files the first is the baseline.
    """
    from farm_orchestrator import config

    settings = config.load(inventory=options.pop("inventory"), preset=options["preset"])
    again, dry, as_json, quiet = (options.pop(name) for name in ("resume", "dry_run", "as_json", "quiet"))
    if again:
        _check_alone(paths, variants)
        return _resume(again, settings, options["out"], quiet=quiet, as_json=as_json)
    return measure(_request(paths, variants, options), settings, dry=dry, quiet=quiet, as_json=as_json)


def measure(request: Request, settings: Settings, *, dry: bool, quiet: bool, as_json: bool) -> int:
    """What is wrong with the command is told before anything heavy is imported."""
    from farm_orchestrator.run.look import look

    asked = look(request, settings)
    from farm_orchestrator.cli.outcome import say
    from farm_orchestrator.run.command import dry_run, start

    if dry:
        click.echo(dry_run(asked, settings))
        return 0
    return say(start(asked, settings, _view(quiet=quiet)), as_json=as_json)


def _resume(run: str, settings: Settings, out: Path | None, *, quiet: bool, as_json: bool) -> int:
    from farm_orchestrator.cli.outcome import say
    from farm_orchestrator.run.command import resume

    return say(resume(run, settings, _view(quiet=quiet), out), as_json=as_json)


def _request(paths: tuple[Path, ...], variants: Path | None, options: dict[str, Any]) -> Request:
    from farm_orchestrator.run.request import Request

    if bool(paths) == bool(variants):
        raise UsageError(
            "say what to measure, once: a directory or files",
            mend="farm run --variants DIR, farm run DIR, or farm run A.onnx B.onnx (the first is the baseline)",
        )
    return Request(paths=paths or (Path(str(variants)),), **options)


def _check_alone(paths: tuple[Path, ...], variants: Path | None) -> None:
    if paths or variants:
        raise UsageError("--resume goes on with the variants the run was started with", mend="leave the paths out")


def _view(*, quiet: bool) -> View:
    from farm_orchestrator.cli.live import make_view

    return make_view(quiet=quiet)
