"""`farm lab`: virtual boards on this machine, for trying, testing and showing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from farm_lab.level import Disk
    from farm_lab.places import Places
    from farm_lab.state import State

GIVEN = ("time_scale", "cores", "exact", "drift", "critical", "slow_down")  # what is about the physics
FOLDER = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the lab lives.  [.farm/lab]",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def lab() -> None:
    """Start and stop virtual boards on this machine.

    Each is a real SSH server with its own host key, its own folder and a simulated /sys; `farm run` takes it for a
    board. Nothing of it is left after `farm lab down`.
    """


@lab.command()
@click.option("-n", "count", type=click.IntRange(1, 999), default=3, show_default=True, help="How many boards.")
@click.option("--load", type=click.Choice(["real", "synthetic"]), default="real", show_default=True,
              help="Run models, or invent their times from the lab's truth.json.")  # fmt: skip
@click.option("--profile", metavar="NAME|FILE",
              help="Whose hardware the boards show: pi4, pi5, orin-nano, rock5b, n100, stock, fanless, desktop, ..., "
                   "or a record of a real board (farm boards probe --record).  [generic]")  # fmt: skip
@click.option("--mix", is_flag=True, help="A different profile for each board, in turn.")
@click.option("--python", metavar="PATH", help="The boards' interpreter.  [the farm's own]")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Chance of synthetic times.")
@click.option("--level", type=click.Choice(["auto", "0", "1"]), default="auto", show_default=True,
              help="0: plain folders; 1: own hostname, processes and /sys where the kernel allows it.")  # fmt: skip
@click.option("--physics", is_flag=True, help="Boards heat, throttle and slow down as their load wants it.")
@click.option(
    "--time-scale", type=click.FloatRange(0.1, 1000), metavar="X", help="Heat X times as fast; with --physics."
)
@click.option("--cores", type=click.FloatRange(0.05, 64), metavar="C",
              help="CPUs of this machine that a board is worth at its highest clock; with --physics.  [1]")  # fmt: skip
@click.option("--exact", is_flag=True, help="Sensors without noise, silicon without spread; with --physics.")
@click.option("--drift", type=click.FloatRange(-100, 100), metavar="C",
              help="°C an hour in which the boards' room warms; with --physics.")  # fmt: skip
@click.option("--critical", is_flag=True, help="Boards switch themselves off at 85 °C; with --physics.")
@click.option("--slow-down", type=click.Choice(["auto", "quota", "stops"]),
              help="How a board gets slower: a quota of CPU time, exact, where control groups may be made, or by "
                   "stopping its runner for a part of every 8 ms; with --physics.  [auto]")  # fmt: skip
@click.option("--disk", metavar="SIZE", help="A disk of that size (60MB) for each board, in memory; needs level 1.")
@click.option("--proxy", is_flag=True, help="Put the chaos proxy in front of every board.")
@click.option("--bare-sshd", is_flag=True, help="No ClientAlive*, as on most boards.")
@FOLDER
@JSON
def up(count: int, folder: Path | None, *, as_json: bool, **options: Any) -> None:
    """Start N boards and write the inventory that reaches them; boards that run already stay."""
    with _mendable():
        from farm_lab.lab import disks
        from farm_lab.lab import up as start

        places = _places(folder, proxy=options["proxy"], make=True)
        state = start(places, count, _options(options))
    if as_json:
        click.echo(_json(places, state, {board.name: True for board in state.boards}, disks(places, state)))
    else:
        _contended(state)
        click.echo(f"{_counted(len(state.boards))} at level {state.options.level}. Try:")
        click.echo(f"  farm boards probe --inventory {_shown(places.inventory)}")


@lab.command()
@FOLDER
def down(folder: Path | None) -> None:
    """End the boards and remove the lab's folder."""
    with _mendable():
        from farm_lab.lab import down as stop

        was = stop(_places(folder))
    click.echo("The lab is gone." if was else "There is no lab.", err=True)


class Faults(click.Command):
    """Its help ends on what can be done to a board."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from farm_lab.faults import FAULTS

        del ctx
        with formatter.section("Faults"):
            formatter.write_dl([(f"{name} {fault.argument or ''}", fault.text) for name, fault in FAULTS.items()])


@lab.command("break", cls=Faults, context_settings={"ignore_unknown_options": True})  # a wrong number may begin with -
@click.argument("name")
@click.argument("fault")
@click.argument("argument", required=False)
@click.option("--for", "for_s", type=float, metavar="SECONDS",
              help="Undo it after that time, whatever becomes of this command.")  # fmt: skip
@FOLDER
def break_board(name: str, fault: str, argument: str | None, for_s: float | None, folder: Path | None) -> None:
    """Break the board NAME, or mend it.

    FAULT is one of those below. `heal` undoes all of the board's faults, `power-on` and `link-heal` the one they are
    named for.
    """
    with _mendable():
        from farm_lab import faults

        places = _places(folder)
        if fault in faults.CURES:
            _no_more(fault, argument, for_s)
            done = [one.fault for one in faults.cure(places, name, fault)]
            said = f"{name}: {', '.join(done)} undone." if done else f"{name} had no fault."
        else:
            faults.strike(places, name, fault, argument, for_s)
            said = f"{name}: {fault}{f' for {for_s:g} s' if for_s else ''}."
    click.echo(said, err=True)


def _no_more(cure: str, argument: str | None, for_s: float | None) -> None:
    from farm_orchestrator.errors import UsageError

    if argument is not None or for_s is not None:
        raise UsageError(f"{cure} undoes what there is; nothing follows it", mend=f"farm lab break NAME {cure}")


@lab.command()
@FOLDER
@JSON
def status(folder: Path | None, *, as_json: bool) -> None:
    """Say which boards run."""
    with _mendable():
        from farm_lab.lab import disks
        from farm_lab.lab import status as ask

        places = _places(folder)
        state, answers = ask(places)
        found = disks(places, state) if state else {}
    if as_json:
        click.echo(_json(places, state, answers, found))
    elif state is None:
        click.echo("There is no lab. Start one: farm lab up -n 3", err=True)
    else:
        click.echo(
            "\n".join(_lines(places, state, answers, found)) or "The lab was never finished. Mend it: farm lab up"
        )


def _lines(places: Places, state: State, answers: dict[str, bool], disks: dict[str, Disk | None]) -> Iterator[str]:
    from farm_lab.journal import standing
    from farm_lab.lab import weather
    from farm_reports.words import size

    skies = weather(places, state)
    for board in state.boards:
        disk = disks.get(board.name)
        room = f"  {size(disk.free)} free of {size(disk.size)}" if disk else ""
        broken = "".join(f"  {fault.fault}" for fault in standing(places, board.name))
        state_of = "up" if answers[board.name] else "down"
        sky = _sky(skies.get(board.name))
        yield f"{board.name}  127.0.0.1:{board.address}  {board.profile}  {state_of}{sky}{room}{broken}"


def _contended(state: State) -> None:
    """Clocks are fair only while the machine has what the boards are worth."""
    import os

    worth, there = len(state.boards) * state.options.cores, len(os.sched_getaffinity(0))
    if state.options.physics and state.options.load == "real" and worth > there:
        click.echo(f"Contended: the boards are worth {worth:g} CPUs and this machine has {there}.", err=True)


def _sky(weather: dict[str, Any] | None) -> str:
    """Clock and temperature, where the board has any."""
    if weather is None:
        return ""
    clock = f"  {weather['khz'] / 1000:.0f} MHz" if "khz" in weather else ""
    return f"{clock}  {weather['temp_mc'] / 1000:.1f} °C  slowed by {weather['slowed_by']}"


@contextmanager
def _mendable() -> Iterator[None]:
    """What the lab objects to is for the person at the terminal."""
    from farm_lab.places import LabError
    from farm_orchestrator.errors import UsageError

    try:
        yield
    except LabError as error:
        raise UsageError(str(error)) from error


def _places(folder: Path | None, *, proxy: bool = False, make: bool = False) -> Places:
    from farm_lab.places import check
    from farm_orchestrator import config

    if folder is not None:
        return check(folder, proxy=proxy)
    settings = config.load()
    return check((config.make_home(settings) if make else settings.home) / "lab", proxy=proxy)


def _options(options: dict[str, Any]) -> Any:
    import sys

    from farm_lab import level, outfit
    from farm_lab.state import Options

    disk = _bytes(options["disk"]) if options["disk"] else None
    return Options(
        python=outfit.interpreter(options["python"]) if options["python"] else sys.executable,
        load=options["load"],
        seed=options["seed"],
        level=level.choose(options["level"], disk),
        disk=disk,
        profile=_profile(options["profile"], mix=options["mix"]),
        **_physics(options),
        proxy=options["proxy"],
        heartbeat=not options["bare_sshd"],
    )


def _physics(options: dict[str, Any]) -> dict[str, Any]:
    from farm_lab.quota import ground
    from farm_orchestrator.errors import UsageError

    given = {name: options[name] for name in GIVEN if options[name]}
    if given and not options["physics"]:
        option = next(iter(given)).replace("_", "-")
        raise UsageError(f"--{option} is about the physics of the boards", mend="add --physics")
    if options["slow_down"] == "quota" and ground() is None:
        raise UsageError("no control group of CPU time can be made here", mend="use --slow-down stops, or be root")
    return {"physics": options["physics"], **given}


def _profile(word: str | None, *, mix: bool) -> str:
    """What the lab is remembered by: a file by its absolute path."""
    from farm_lab import profiles
    from farm_orchestrator.errors import UsageError

    if mix and word:
        raise UsageError("--profile and --mix exclude each other", mend="leave one out")
    if mix:
        return profiles.MIX
    found = profiles.find(word or profiles.GENERIC)
    return found.tree if found.tree.startswith("/") else found.name


def _bytes(text: str) -> int:
    """A size as limits are written, but absolute."""
    from farm_orchestrator.errors import UsageError
    from farm_reports.bounds import parse

    try:
        bound = parse("size", text)
    except ValueError as error:
        raise UsageError(f"--disk: {error}") from error
    if bound.relative:
        raise UsageError(f"--disk {text}: a disk has a size", mend="write bytes with their unit: 60MB, 1GiB")
    return int(bound.value)


def _json(places: Places, state: State | None, answers: dict[str, bool], disks: dict[str, Disk | None]) -> str:
    import dataclasses
    import json

    from farm_lab.journal import standing
    from farm_lab.lab import weather

    skies = weather(places, state) if state else {}
    boards = [
        {"name": b.name, "port": b.address, "profile": b.profile, "up": answers[b.name],
         "faults": [fault.fault for fault in standing(places, b.name)],
         **({"weather": skies.get(b.name)} if state and state.options.physics else {}),
         "disk": dataclasses.asdict(disk) if (disk := disks.get(b.name)) else None}
        for b in (state.boards if state else ())
    ]  # fmt: skip
    level = state.options.level if state else None
    return json.dumps({"dir": str(places.root), "inventory": str(places.inventory), "level": level, "boards": boards})


def _counted(count: int) -> str:
    return "1 virtual board runs" if count == 1 else f"{count} virtual boards run"


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
