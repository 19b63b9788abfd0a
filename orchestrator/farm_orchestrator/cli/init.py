"""`farm init`: the conversation that ends with an inventory, settings and the next command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm_orchestrator.errors import FarmError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm_inventory import Board
    from farm_orchestrator.cli.voice import Voice
    from farm_orchestrator.setup.place import Place
    from farm_orchestrator.setup.trying import Attempt

QUESTION = """\
Which boards? As you would tell ssh: [user@]host[:port], separated by commas.
Nothing means: only this machine."""


@click.command(short_help="Name your boards, try them, write inventory.yaml and farm.yaml.")
@click.option("--boards", metavar="LIST", help="Do not ask: [user@]host[:port],...; local: this machine.")
@click.option("--yes", is_flag=True, help="Ask nothing. Runtimes are brought; a host key is never taken unseen.")
@click.option("--force", is_flag=True, help="Write the files again; those that are there are kept as .bak.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="Where.  [here]")
def init(boards: str | None, folder: Path, *, yes: bool, force: bool) -> int:
    """Name your boards, try them, and write inventory.yaml and farm.yaml.

    Each board is tried as `ssh -o BatchMode=yes` would. A host key that is not known is shown, and recorded after a
    yes; a board without a runtime can be given one. An inventory that is there stays as it is, and its boards are
    tried.
    """
    from farm_orchestrator.cli.voice import Voice
    from farm_orchestrator.setup.place import leaving_nothing, look

    place = look(folder, boards_given=boards is not None, force=force)
    voice = Voice(asks=sys.stdin.isatty() and not yes)
    with leaving_nothing(place):
        return _set_up(place, _boards(place, boards, voice), voice, yes=yes)


def _set_up(place: Place, boards: Sequence[Board], voice: Voice, *, yes: bool) -> int:
    from farm_orchestrator.cli.farewell import farewell
    from farm_orchestrator.setup.place import write
    from farm_orchestrator.setup.sameness import doubles

    attempts = _try(place, boards, voice)
    attempts = [_meet(place, each, voice) for each in attempts]
    twins = doubles(attempts)
    attempts = _equip(place, attempts, twins, voice, yes=yes)
    return farewell(place, attempts, twins, write(place, attempts, twins), voice)


def _boards(place: Place, text: str | None, voice: Voice) -> tuple[Board, ...]:
    """From the inventory that is there, from the flag, or from the person."""
    from farm_orchestrator.setup.place import listed, read_list

    if place.has_inventory:
        voice.say(f"{place.inventory.name} is there and stays as it is.\n")
        return listed(place)
    if text is not None:
        return read_list(place, text)
    if not voice.asks:
        raise UsageError(
            "there is nobody to ask: --boards LIST is missing",
            mend="farm init --boards pi@rpi5.local,jetson (or --boards local: this machine alone)",
        )
    voice.say(QUESTION)
    while True:
        try:
            boards = read_list(place, voice.ask("boards"))
        except UsageError as error:
            voice.say(error.text.removeprefix("--boards: "), "yellow")
        else:
            voice.say()
            return boards


def _try(place: Place, boards: Sequence[Board], voice: Voice) -> list[Attempt]:
    """In the order they were named, shown as they come."""
    from farm_orchestrator.setup.trying import try_all

    voice.say("Trying this machine." if all(b.local for b in boards) else f"Trying {_count(len(boards))}.")
    came = {}
    for each in try_all(boards, place.home):
        voice.board(each, max(len(board.name) for board in boards))
        came[each.board.name] = each
    return [came[board.name] for board in boards]


def _meet(place: Place, tried: Attempt, voice: Voice) -> Attempt:
    """A board whose key is not known is introduced; only a yes to what is shown records it."""
    from farm_orchestrator.setup.trying import UNKNOWN_KEY, attempt

    if tried.word != UNKNOWN_KEY or tried.key is None:
        return tried
    voice.introduce(tried.board.name, tried.key)
    if not voice.asks or not voice.confirm("Is it the same? Record it", default=False):
        return tried
    try:
        _enroll(place, tried)
    except FarmError as error:
        voice.say(str(error), "red")
        return tried
    again = attempt(tried.board, place.home)
    voice.board(again, len(tried.board.name))
    return again


def _enroll(place: Place, tried: Attempt) -> None:
    from farm_orchestrator import config, transport
    from farm_orchestrator.transport import hostkeys

    if tried.key is not None:
        spec = transport.resolve(tried.board.to_json())
        hostkeys.enroll(config.make_home(place.settings), spec, tried.key.fingerprint)


def _equip(
    place: Place, attempts: list[Attempt], twins: Mapping[str, str], voice: Voice, *, yes: bool
) -> list[Attempt]:
    """Boards without a runtime get one, if the person wants that; each is then tried again."""
    from farm_orchestrator.setup.trying import NO_RUNTIME, attempt

    lacking = [each.board for each in attempts if each.word == NO_RUNTIME and each.board.name not in twins]
    if not lacking or not (yes or (voice.asks and _wanted(lacking, voice))):
        return attempts
    made = _bootstrap(place, lacking, voice)
    again = {board.name: attempt(board, place.home) for board in lacking if board.name in made}
    for each in again.values():
        voice.board(each, max(map(len, again)))
    return [again.get(each.board.name, each) for each in attempts]


def _wanted(lacking: Sequence[Board], voice: Voice) -> bool:
    names = ", ".join(board.name for board in lacking)
    voice.say()
    voice.say(f"No onnxruntime yet: {names}. It can be fetched here and laid into a folder of its own there; "
              "no root, no internet on the board.")  # fmt: skip
    return voice.confirm("Do that now", default=True)


def _bootstrap(place: Place, boards: Sequence[Board], voice: Voice) -> set[str]:
    """Names of those that have a runtime now; what went wrong with the others is said."""
    from farm_orchestrator import config
    from farm_orchestrator.bootstrap.case import Wish
    from farm_orchestrator.bootstrap.ready import Order, bootstrap
    from farm_orchestrator.bootstrap.workshop import Workshop

    def say(board: str, text: str) -> None:
        voice.say(f"{board}: {text}", indent=2)

    try:
        with Workshop(None) as workshop:
            order = Order(Wish(), workshop, config.make_home(place.settings), check=False, say=say)
            outcomes = bootstrap([board.to_json() for board in boards], order)
    except FarmError as error:
        voice.say(str(error), "red", indent=2)
        return set()
    for outcome in outcomes:
        if outcome.error is not None:
            voice.say(f"{outcome.board}: {outcome.error}", "red", indent=2)
    return {outcome.board for outcome in outcomes if outcome.error is None}


def _count(number: int) -> str:
    return "1 board" if number == 1 else f"{number} boards"
