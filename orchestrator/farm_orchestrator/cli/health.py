"""`farm boards check|quarantine|release|drain|power`: which boards are well and take work, and what switches them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm_orchestrator.errors import UsageError
from farm_orchestrator.mains import ACTIONS
from farm_orchestrator.model import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import Health, Store

INFRASTRUCTURE = 4
INVENTORY = click.option("--inventory", type=click.Path(path_type=Path), metavar="FILE",
                         help="Boards; without one: those named.")  # fmt: skip
SELECT = click.argument("select", metavar="SELECT")


@click.command()
@SELECT
@click.option("--reason", required=True, metavar="TEXT", help="Why; told by every run that wants the board.")
@INVENTORY
def quarantine(select: str, reason: str, inventory: Path | None) -> None:
    """Give boards no work until they are released; what runs want of them is not run, with the reason.

    The launch that is running ends, its block does not count.
    """
    from farm_orchestrator.store import quarantine

    why, (settings, boards) = _reason(reason), _chosen(select, inventory)
    with _store(settings) as store:
        for name in (str(board["name"]) for board in boards):
            quarantine(store, name, why)
            click.echo(f"{name} is in quarantine; farm boards release {shlex.quote(name)} ends that", err=True)


@click.command()
@SELECT
@click.option("--reason", default="on request", metavar="TEXT", help="Why; told by every run that wants the board.")
@INVENTORY
def drain(select: str, reason: str, inventory: Path | None) -> None:
    """Let boards finish the block that they measure, then give them no work until they are released.

    What runs want of them beyond that block is not run, with the reason.
    """
    from farm_orchestrator.store import drain_board

    why, (settings, boards) = _reason(reason), _chosen(select, inventory)
    with _store(settings) as store:
        for name in (str(board["name"]) for board in boards):
            drain_board(store, name, why)
            click.echo(f"{name} is drained; farm boards release {shlex.quote(name)} ends that", err=True)


@click.command()
@SELECT
@INVENTORY
def release(select: str, inventory: Path | None) -> None:
    """Give boards work again that were in quarantine or drained; their losses are forgiven.

    Runs that went without them stay as they are.
    """
    from farm_orchestrator.store import release_boards

    settings, boards = _chosen(select, inventory)
    with _store(settings) as store:
        names = [str(board["name"]) for board in boards]
        released = release_boards(store, names)
    for name in names:
        click.echo(f"{name} {'is released' if name in released else 'was neither in quarantine nor drained'}", err=True)


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@SELECT
@INVENTORY
def power(action: str, select: str, inventory: Path | None) -> int:
    """Switch boards by the commands of their inventory field `power`; exit 4 where one fails.

    A board that is being measured loses its launch by that: drain it first.
    """
    from farm_orchestrator.mains import switch

    settings, boards = _chosen(select, inventory)
    unfit = [board for board in boards if action not in (board["power"] or {})]
    if unfit:
        switch(unfit[0], action)  # raises: nothing is switched where not all can be
    done = [switch(board, action) for board in boards]
    if action != "status":
        with _store(settings) as store:
            _note(store, done)
    for each in done:
        click.echo(f"{each.board}: {each.line}")
    return INFRASTRUCTURE if any(each.code != 0 for each in done) else 0


@click.command()
@click.argument("select", required=False, metavar="[SELECT]")
@INVENTORY
def check(select: str | None, inventory: Path | None) -> int:
    """Look at boards that nobody measures on: connect, run an empty model, compare with their last good looks.

    A board that is well has its losses forgiven; one that is not is lost once more. Exit 4 where one is not well.
    """
    from farm_orchestrator.run.checkups import BUSY, check_boards

    settings, boards = _chosen(select, inventory)
    found = list(check_boards(boards, settings))
    for each in found:
        word = "ok" if each.lost is None else BUSY if each.lost.reason == BUSY else "not well"
        click.echo(f"{each.board}: {word}: {each.text}")
    return INFRASTRUCTURE if any(not each.well for each in found) else 0


def healths(settings: Settings, names: list[str]) -> Mapping[str, Health]:
    """Nothing is made where no run was ever made."""
    from farm_orchestrator.store import Health, Store, database_path, healths
    from farm_orchestrator.store.postgres import is_postgres

    if not is_postgres(settings.store) and not database_path(settings.store).exists():
        return {name: Health(name) for name in names}
    with Store.open(settings.store) as store:
        return healths(store, names)


def in_words(health: Health) -> str:
    """`quarantined since 2026-01-01 06:00Z: no answer`; nothing of a board that is well."""
    word = "quarantined" if health.quarantined is not None else "drained"
    if health.held is not None:
        return f"{word}{_since(health.since)}: {health.quarantined or health.drained}"
    return f"lost {health.losses} times in a row: {health.reason}" if health.losses else ""


def document(health: Health) -> Json:
    """Of `--json`."""
    told = {"quarantined": health.quarantined, "drained": health.drained, "losses": health.losses}
    return {**told, "reason": health.reason, "since": _moment(health.since), "checked": _moment(health.checked or None)}


def _since(at: float | None) -> str:
    return "" if at is None else f" since {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%MZ}"


def _moment(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reason(text: str) -> str:
    """One line: it is shown in tables."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not words:
        raise UsageError("--reason is empty", mend="say why, for whoever finds the board missing")
    return words


def _chosen(select: str | None, inventory: Path | None) -> tuple[Settings, list[dict[str, Any]]]:
    from farm_orchestrator import config
    from farm_orchestrator.run.choosing import check_named

    settings = config.load(inventory=inventory)
    check_named(settings, select)
    return settings, [board.to_json() for board in config.boards(settings, select)]


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    from farm_orchestrator import config
    from farm_orchestrator.store import Store

    config.make_home(settings)
    with Store.open(settings.store) as store:
        yield store


def _note(store: Store, done: list[Any]) -> None:
    from farm_orchestrator.store import note_switched

    for each in done:
        note_switched(store, each.board, each.line, {"action": each.action, "code": each.code})
