"""`farm nightly`: nights that measure variants against what was good last."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm_orchestrator import hours
from farm_orchestrator.cli.budgets import budgets
from farm_orchestrator.cli.times import written
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import PRESETS

if TYPE_CHECKING:
    from farm_orchestrator.plan.nights import Schedule
    from farm_orchestrator.run.nightly import Standing
    from farm_orchestrator.store import CellRow

CATCH_UP = "6h"
ZONE = "UTC"


def _read(check: Callable[[str], str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    def callback(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
        del ctx, param
        return None if text is None else written(check, text)

    return callback


@click.group()
def nightly() -> None:
    """Measure variants every night, against what was good last, and say what changed."""


@nightly.command()
@click.argument("name")
@click.option("--variants", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The newest variants.")
@click.option("--at", callback=_read(hours.check_clock), metavar="02:30", help="When a night begins.")
@click.option("--zone", callback=_read(hours.check_zone), metavar="ZONE", help="Whose clocks: Europe/Berlin.  [UTC]")
@click.option("--days", callback=_read(hours.check_days), metavar="DAYS", help="mon-fri, sat,sun.  [daily]")
@click.option("--until", callback=_read(hours.check_clock), metavar="06:00", help="When it must end.")
@click.option("--catch-up", callback=_read(hours.check_catch_up), metavar="6h", help="How late it may begin.  [6h]")
@click.option("--boards", metavar="SELECT", help="As of `farm run`.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="As of `farm run`.")
@click.option("--max-blocks", type=click.IntRange(1), metavar="N", help="At most so many blocks per point.")
@click.option("--min-boards", type=click.IntRange(1), metavar="N", help="Fewer measured boards are invalid.  [all]")
@click.option("--budget", "budgets", multiple=True, callback=budgets, metavar="METRIC=CHANGE",
              help="How much worse a night may be, e.g. latency_p50=+5%; may be given again.  [variants.yaml]")  # fmt: skip
def add(name: str, variants: Path, **options: Any) -> None:
    """Add the schedule NAME. DIR is read anew each night, where the night is planned: it holds what is newest then.

    What was good last is kept by NAME: a schedule that was removed and is added again goes on from there, whatever its DIR.
    """
    from farm_orchestrator import config
    from farm_orchestrator.plan.nights import following, when
    from farm_orchestrator.store import Store, add_schedule, last_good

    settings = config.load()
    _check_preset(options["preset"] or settings.preset)
    made = _schedule(name, variants, {**settings.nightly, **_given(options)})
    config.make_home(settings)
    with Store.open(settings.store) as store:
        add_schedule(store, made)
        click.echo(f"{name}: the next night begins {when(following(made, store.now()), made.zone)}")
        kept = len(last_good(store, schedule=name))
    if kept:
        click.echo(_goes_on(name, kept), err=True)
    _hint(made, shared=settings.shared)


@nightly.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_(*, as_json: bool) -> None:
    """List the schedules: when each is due next, and how its last night ended."""
    from farm_orchestrator import config
    from farm_orchestrator.run.nightly import standing

    found = standing(config.load())
    if as_json:
        click.echo(json.dumps([_document(each) for each in found], indent=2))
    elif not found:
        click.echo("No schedules yet. Add one: farm nightly add NAME --variants DIR --at 02:30", err=True)
    else:
        click.echo("\n".join(line for each in found for line in _lines(each)))


@nightly.command()
@click.argument("name")
@click.option(
    "--forget",
    is_flag=True,
    help="And what was good last in it: the first night of a new NAME has no past, those runs may be pruned.",
)
def rm(name: str, *, forget: bool) -> None:
    """Remove the schedule NAME. Its runs and what was good last stay: added again under this name, with whatever DIR, it
    goes on from there. Other runs ask it no more, but for `farm run --against last-good:NAME`.
    """
    from farm_orchestrator import config
    from farm_orchestrator.store import Store, forget_good, remove_schedule, schedule_names

    with Store.open(config.load().store) as store:
        gone = forget_good(store, name) if forget else 0
        if not gone or name in schedule_names(store):  # else it was removed before
            remove_schedule(store, name)


@nightly.command()
@click.argument("name")
@click.option("--run", "night", metavar="RUN", help="Another night of NAME than the last one.")
@click.option("--reason", metavar="TEXT", help="Why; noted with your name.")
def accept(name: str, night: str | None, reason: str | None) -> None:
    """Take what the last night of NAME measured for good, although it regressed: the next ones are held against it.

    Cells that were not measured keep what they had. A night that is being measured ends as it began.
    """
    from farm_orchestrator import config
    from farm_orchestrator.store import Store, accept_night, find_run

    with Store.open(config.load().store) as store:
        accepted = accept_night(store, name, None if night is None else find_run(store, night), reason)
    click.echo(f"{name}: good from now on: {_cells(len(accepted.moved))} as run {accepted.run} measured them")
    for each in accepted.left:
        click.echo(f"not measured, so it keeps what it had: {each.variant} on {each.board} ({_why(each)})", err=True)


@nightly.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print results.json to stdout and nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the outcome.")
def run(name: str, *, as_json: bool, quiet: bool) -> int:
    """Measure the night of NAME now, and wait for it: what a pipeline, cron or a timer calls. Exit codes of `farm run`."""
    from farm_orchestrator import config
    from farm_orchestrator.cli.live import make_view
    from farm_orchestrator.cli.outcome import say
    from farm_orchestrator.run.nightly import run_now

    return say(run_now(name, config.load(), make_view(quiet=quiet)), as_json=as_json)


@nightly.command(hidden=True)
@click.argument("name")
@click.argument("at", type=float)
def begin(name: str, at: float) -> None:
    """Plan the night of NAME that was due AT seconds since the epoch, and leave it to the farm's workers."""
    from farm_orchestrator import config
    from farm_orchestrator.cli.live import make_view
    from farm_orchestrator.run.nightly import begin as begin_night

    click.echo(begin_night(name, at, config.load(), make_view(quiet=True)))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value not in (None, {})}


def _check_preset(preset: str) -> None:
    if not PRESETS[preset].compare:
        raise UsageError(
            f"preset {preset} has one launch a variant, so no night could be held against what was good last",
            mend="--preset quick, ci or standard",
        )


def _schedule(name: str, variants: Path, options: dict[str, Any]) -> Schedule:
    from farm_orchestrator.plan.nights import Schedule, check_name

    try:
        check_name(name)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if "at" not in options:
        raise UsageError("say when a night begins", mend="add --at 02:30, or `nightly: {at: '02:30'}` to farm.yaml")
    run = {key: options.get(key) for key in ("boards", "preset", "max_blocks", "min_boards")}
    return Schedule(
        name, options["at"], options.get("zone", ZONE),
        {**run, "variants": str(variants.absolute()), "budgets": options.get("budgets", {})},
        hours.read_days(options.get("days", hours.DAILY)), hours.read_length(options.get("catch_up", CATCH_UP)),
        options.get("until"),
    )  # fmt: skip


def _document(one: Standing) -> dict[str, Any]:
    from farm_orchestrator.plan.nights import stamp

    return {"name": one.schedule.name, **one.schedule.to_json(), "next": stamp(one.following), "variants_here": one.here, "not_begun": one.refused,
            "last": one.last and {"run": one.last.id, "word": one.last.word, "state": one.last.state}}  # fmt: skip


def _lines(one: Standing) -> Iterator[str]:
    from farm_orchestrator.plan.nights import when

    own, last = one.schedule, one.last
    until = f" until {own.until}" if own.until else ""
    yield f"{own.name}  {hours.days_text(own.days)} {own.at}{until} {own.zone}"
    yield f"  next      {when(one.following, own.zone)}"
    yield f"  last      {f'{last.id} {last.word or last.state}' if last else 'none yet'}"
    if one.refused:
        yield f"  not begun {one.refused}"
    yield f"  variants  {own.run['variants']}{'' if one.here else '  (not on this machine)'}"


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def _why(cell: CellRow) -> str:
    return f"{cell.state}: {cell.reason}" if cell.reason else str(cell.state)


def _goes_on(name: str, count: int) -> str:
    return (
        f"it goes on from what was good last in the schedule {name} that was removed ({_cells(count)}); to begin without "
        f"a past: farm nightly rm {name} --forget, and add it again"
    )


def _hint(made: Schedule, *, shared: bool) -> None:
    """What a person may not know: who begins the nights, and that nobody finds the directory yet."""
    folder = Path(made.run["variants"])
    if not folder.exists():
        click.echo(f"there is no {folder} here: it must be there on the machine that begins the nights", err=True)
    who = (
        "`farm worker --beat` begins it"
        if shared
        else f"nothing here begins it by itself: let cron or a timer call `farm nightly run {made.name}`"
    )
    click.echo(who, err=True)
