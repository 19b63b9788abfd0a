"""`farm run`: variants x boards -> a verdict, a report and an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm_orchestrator.cli.budgets import budgets
from farm_orchestrator.cli.pins import clocks
from farm_orchestrator.cli.sizes import memory
from farm_orchestrator.cli.times import length, moment
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import BURST, MODES, PRESETS

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.request import Request, View

TOLD = {"--inventory", "--out", "--json", "--quiet"}  # what goes with a run that is there already


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
    help="Globs and labels: 'rpi5-*,site=lab,!rpi5-03'; 'type=pi5:2': any two, free ones first; without an inventory: "
    "pi@rpi5.local,jetson.",
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
@click.option(
    "--until",
    callback=moment,
    metavar="06:00",
    help="The same, by its end: nothing is begun after it, however long the run had to wait for its boards.",
)
@click.option(
    "--priority",
    type=click.IntRange(-10, 10),
    default=0,
    show_default=True,
    help="Higher ones go first, from the next block of a board on; equal ones share it. Below 0: what can wait; above "
    "0: what people wait for.",
)
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
@click.option(
    "--profile",
    is_flag=True,
    help="After all that is timed one more launch of each variant: its time by operator.",
)
@click.option(
    "--against",
    metavar="RUN|last-good[:NAME]",
    help="Did something get worse since then? The old files run again in the same blocks. last-good: what the nights "
    "found good; NAME: those of this schedule.",
)
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    callback=budgets,
    metavar="METRIC=CHANGE",
    help="With --against: how much worse a variant may be, e.g. latency_p50=+3%; may be given again.",
)
@click.option(
    "--changed", is_flag=True, help="Leave out cells whose file, point and board are those of the last good night."
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
@click.option(
    "--watch",
    "watched",
    is_flag=False,
    flag_value="",
    metavar="[RUN]",
    help="Look in on a run that another command started, and end with its outcome; without RUN: on the whole fleet.",
)
@click.option("--detach", is_flag=True, help="Leave once the run is stored; the workers of a shared farm measure it.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the outcome.")
def run(paths: tuple[Path, ...], variants: Path | None, **options: Any) -> int:
    """Measure variants on boards and say what to ship.

    DIR holds one .onnx file per variant and, if you like, a variants.yaml; of single files the first is the baseline.
    """
    from farm_orchestrator import config

    given = _given(click.get_current_context())
    settings = config.load(inventory=options.pop("inventory"), preset=options["preset"])
    again, dry, as_json, quiet = (options.pop(name) for name in ("resume", "dry_run", "as_json", "quiet"))
    watched, detach = options.pop("watched"), options.pop("detach")
    if watched is not None:
        from farm_orchestrator.cli.watch import watch

        _check_alone(paths, variants, "--watch looks in on a run as it is")
        _check_used("--watch", given - TOLD)
        return watch(watched, settings, options["out"], quiet=quiet, as_json=as_json)
    if again:
        _check_alone(paths, variants, "--resume goes on with the variants the run was started with")
        _check_used("--resume", given - TOLD)
        return _resume(again, settings, options["out"], quiet=quiet, as_json=as_json)
    request = _request(paths, variants, options)
    if detach and not dry:
        _check_used("--detach", given & {"--json", "--out"})
        return _detach(request, settings, quiet=quiet)
    return measure(request, settings, dry=dry, quiet=quiet, as_json=as_json)


def measure(request: Request, settings: Settings, *, dry: bool, quiet: bool, as_json: bool) -> int:
    """What is wrong with the command is told before anything heavy is imported."""
    from farm_orchestrator.run.look import look

    asked = look(request, settings, hold=not dry)
    from farm_orchestrator.cli.outcome import say
    from farm_orchestrator.run.against import NothingLeft
    from farm_orchestrator.run.command import dry_run, start

    try:
        if not dry:
            return say(start(asked, settings, _view(quiet=quiet)), as_json=as_json)
        click.echo(dry_run(asked, settings))
    except NothingLeft as nothing:
        click.echo(nothing.text, err=as_json)
    return 0


def _detach(request: Request, settings: Settings, *, quiet: bool) -> int:
    from farm_orchestrator.run.look import look

    asked = look(request, settings)
    from farm_orchestrator.run.against import NothingLeft
    from farm_orchestrator.run.detach import hand_over

    try:
        stored = hand_over(asked, settings, _view(quiet=quiet))
    except NothingLeft as nothing:
        click.echo(nothing.text)
        return 0
    click.echo(stored)
    click.echo(f"look in again, on any machine: farm run --watch {stored}", err=True)
    return 0


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


def _check_alone(paths: tuple[Path, ...], variants: Path | None, why: str) -> None:
    if paths or variants:
        raise UsageError(why, mend="leave the paths out")


def _given(context: click.Context) -> set[str]:
    """The options of the command line, by their long names."""
    return {
        max(param.opts, key=len)
        for param in context.command.params
        if isinstance(param, click.Option)
        and context.get_parameter_source(str(param.name)) is click.core.ParameterSource.COMMANDLINE
    }


def _check_used(of: str, others: set[str]) -> None:
    """An option that does nothing is a mistake that nobody sees."""
    idle = sorted(others - {of})
    if idle:
        raise UsageError(
            f"{of}: {', '.join(idle)} would do nothing beside it",
            mend=f"leave {'it' if len(idle) == 1 else 'them'} out",
        )


def _view(*, quiet: bool) -> View:
    from farm_orchestrator.cli.live import make_view

    return make_view(quiet=quiet)
