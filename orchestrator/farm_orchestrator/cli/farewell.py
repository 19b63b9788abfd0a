"""The end of `farm init`: what is wrong, what was written, what is left to do, what to type next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.setup.sameness import at_home, this_machine
from farm_orchestrator.setup.trying import NO_RUNTIME, READY, UNKNOWN_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm_orchestrator.cli.voice import Voice
    from farm_orchestrator.setup.place import Place
    from farm_orchestrator.setup.trying import Attempt

NAMED = 3  # ready boards that are listed by name


def farewell(
    place: Place, attempts: Sequence[Attempt], twins: Mapping[str, str], backups: Sequence[Path], voice: Voice
) -> int:
    """Exit code: 4 where a board is not ready, as `farm boards probe` has it."""
    _faults(attempts, voice)
    _doubts(place, attempts, twins, voice)
    _written(place, backups, voice)
    listed = [each for each in attempts if place.has_inventory or each.board.name not in twins]
    _left(place, listed, voice)
    voice.say()
    voice.say("Next", "bold")
    voice.line("  ", _move(place) + _next(listed))
    return 0 if all(each.word == READY for each in attempts) else 4


def _faults(attempts: Sequence[Attempt], voice: Voice) -> None:
    for each in attempts:
        if each.error is not None and each.word != UNKNOWN_KEY:
            voice.say()
            voice.say(f"{each.board.name}: {each.word}", "bold")
            voice.say(each.error.text, indent=2)
            voice.say(each.error.mend or "", indent=2)


def _doubts(place: Place, attempts: Sequence[Attempt], twins: Mapping[str, str], voice: Voice) -> None:
    here = at_home(attempts, this_machine())
    if here:
        voice.say()
        voice.say(
            f"{' and '.join(here)}: this machine. What measures and what is measured would disturb each other; "
            "`local` names it without ssh, and says so in the report.",
            "yellow",
        )
    for name, first in twins.items():
        voice.say()
        what = "one of them should go" if place.has_inventory else f"only {first} is in the inventory"
        voice.say(f"{name} and {first} are one board: the same host key, the same boot; {what}.", "yellow")


def _written(place: Place, backups: Sequence[Path], voice: Voice) -> None:
    new = [file for file, there in ((place.inventory, place.has_inventory), (place.config, place.has_config))
           if not there]  # fmt: skip
    voice.say()
    voice.say(f"Wrote {' and '.join(map(_shown, new))}." if new else "Nothing to write: the files are there.")
    for backup in backups:
        voice.say(f"The old {backup.name.partition('.bak')[0]} is kept as {_shown(backup)}.")


def _left(place: Place, attempts: Sequence[Attempt], voice: Voice) -> None:
    todo = [(each.board.name, _mend(each)) for each in attempts if each.word != READY]
    if place.points_elsewhere:
        todo.append((place.config.name, f"add this line to it: inventory: {place.inventory.name}"))
    if todo:
        voice.say()
        voice.say("Left to do", "bold")
        width = max(len(name) for name, _ in todo)
        for name, text in todo:
            voice.line("  ", name.ljust(width), "  ", text)


def _mend(tried: Attempt) -> str:
    name = tried.board.name
    if tried.word == UNKNOWN_KEY:
        return f"farm boards enroll {name}"
    if tried.word == NO_RUNTIME:
        return f"farm boards bootstrap {name}"
    return f"farm doctor {name}"


def _next(attempts: Sequence[Attempt]) -> str:
    ready = [each.board.name for each in attempts if each.word == READY]
    if not ready:
        return "farm doctor"
    if all(each.board.local for each in attempts):
        return "farm demo"
    some = [] if len(ready) == len(attempts) else ["--boards", _choice(ready, attempts)]
    return shlex.join(["farm", "run", "--variants", "DIR", "--preset", "quick", *some])


def _choice(ready: Sequence[str], attempts: Sequence[Attempt]) -> str:
    if len(ready) <= NAMED:
        return ",".join(ready)
    return ",".join(f"!{each.board.name}" for each in attempts if each.word != READY)


def _move(place: Place) -> str:
    here = Path.cwd()
    return "" if place.folder == here else f"cd {shlex.quote(str(_shown(place.folder)))} && "


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
