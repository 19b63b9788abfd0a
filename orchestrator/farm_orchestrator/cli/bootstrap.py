"""`farm boards bootstrap`: what a bare board needs to be measured, laid there without root and without internet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from farm_orchestrator.bootstrap.case import Wish
    from farm_orchestrator.bootstrap.making import Outcome

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--check", is_flag=True, help="Say what would be done, and touch nothing on the boards.")
@click.option("--runtime", metavar="VERSION", help="This onnxruntime, or a vendor's: onnxruntime-gpu==1.16.0.")
@click.option("--wheelhouse", type=FOLDER, metavar="DIR", help="Take wheels from this folder alone, not from an index.")
@click.option(
    "--python-archive", type=FILE, metavar="FILE", help="An interpreter for boards without Python 3.8 or newer."
)
@click.option("--inventory", type=click.Path(path_type=Path), metavar="FILE", help="Boards; without one: those named.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bootstrap(names: tuple[str, ...], inventory: Path | None, *, check: bool, as_json: bool, **options: Any) -> int:
    """Make bare boards ready: onnxruntime and what it needs, laid into each board's own folder.

    Nothing is installed on the board: no root, no internet, no pip, no package manager. NAME may be a selection as in
    `farm run --boards`. Exit 4 where a board could not be made ready.
    """
    from farm_orchestrator import config
    from farm_orchestrator.bootstrap.ready import Order
    from farm_orchestrator.bootstrap.ready import bootstrap as make_ready
    from farm_orchestrator.bootstrap.workshop import Workshop

    settings = config.load(inventory=inventory)
    boards = [board.to_json() for board in config.boards(settings, ",".join(names))]
    wish = _wish(options)
    with Workshop(options["wheelhouse"]) as workshop:
        order = Order(wish, workshop, config.make_home(settings), check, _say)
        outcomes = make_ready(boards, order)
    _print(outcomes, as_json=as_json)
    _next(outcomes, inventory)
    return min((outcome.exit_code for outcome in outcomes if outcome.exit_code), default=0)


def _wish(options: dict[str, Any]) -> Wish:
    from farm_orchestrator.bootstrap import wheelhouse
    from farm_orchestrator.bootstrap.case import Wish
    from farm_orchestrator.bootstrap.interpreter import python_archive
    from farm_orchestrator.bootstrap.wanted import wanted

    house, archive = options["wheelhouse"], options["python_archive"]
    return Wish(
        wanted(options["runtime"], "--runtime") if options["runtime"] is not None else None,
        wheelhouse.wheels(house) if house else None,
        python_archive(archive) if archive else None,
    )


def _say(board: str, text: str) -> None:
    from farm_orchestrator.cli.progress import plain

    click.echo(f"{board}: " + "\n".join(map(plain, text.splitlines())), err=True)


def _print(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    import json

    for outcome in outcomes:
        if outcome.error is not None:
            _say(outcome.board, outcome.error)
    if as_json:
        click.echo(json.dumps([outcome.to_json() for outcome in outcomes], indent=2))
        return
    for outcome in outcomes:
        if outcome.error is None:
            click.echo(f"{outcome.board}: {_sentence(outcome)}")
            for note in outcome.notes:
                click.echo(f"  {note}")


def _next(outcomes: Sequence[Outcome], inventory: Path | None) -> None:
    ready = [outcome.board for outcome in outcomes if outcome.state in {"made", "ready"}]
    named = f" --inventory {inventory}" if inventory else ""
    if ready:
        click.echo(f"Next: farm run --variants DIR --boards {','.join(ready)}{named}", err=True)


def _sentence(outcome: Outcome) -> str:
    """What holds on the board now, or would."""
    what = f"onnxruntime {outcome.onnxruntime or 'of its own'} for Python {outcome.python}"
    sizes = f"{outcome.push / 1e6:.1f} MB to push, {outcome.unpacked / 1e6:.1f} MB unpacked"
    named = "" if outcome.default or outcome.runtime is None else f"; use it with `runtime: {outcome.runtime}`"
    return {
        "ready": f"ready: {what}{named}",
        "made": f"ready: {what}, {outcome.sent / 1e6:.1f} MB sent{named}",
        "would": f"would get {what}: {sizes}",
    }[outcome.state]
