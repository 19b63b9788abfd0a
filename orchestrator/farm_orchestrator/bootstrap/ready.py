"""Making boards ready: look at all of them, refuse what cannot be, then lay on each what it lacks."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from farm_orchestrator.bootstrap import plan as planning
from farm_orchestrator.bootstrap.case import Wish
from farm_orchestrator.bootstrap.making import Outcome, Seen, as_it_is, make
from farm_orchestrator.bootstrap.scan import scan
from farm_orchestrator.bootstrap.workshop import Workshop
from farm_orchestrator.errors import FarmError, UsageError
from farm_orchestrator.model import Json
from farm_orchestrator.transport import open_channel, resolve

AT_ONCE = 16
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Order:
    """What one command does to all its boards. `check`: nothing is touched; `say`: hears (board, what happens now)."""

    wish: Wish
    workshop: Workshop
    farm_home: Path
    check: bool
    say: Callable[[str, str], None]


def bootstrap(boards: Sequence[Json], order: Order) -> list[Outcome]:
    """One outcome per board, in order. Raises UsageError where two names lead to one board: nothing is touched then."""
    with ExitStack() as ends, ThreadPoolExecutor(min(AT_ONCE, len(boards))) as pool:
        seen = list(pool.map(lambda board: _look(board, order, ends), boards))
        check_names([one for one in seen if isinstance(one, Seen)])
        return list(pool.map(lambda one: one if isinstance(one, Outcome) else _attend(one, order), seen))


def check_names(seen: Sequence[Seen]) -> None:
    """Two names for one folder of one machine would measure at once, each as if it were alone."""
    first: dict[tuple[str, str, str], Seen] = {}
    for one in seen:
        boot, base = one.scan.boot_id, one.scan.base
        other = first.setdefault((boot, base.inode, base.missing), one) if boot and base.inode else one
        if other is not one:
            raise UsageError(
                f"{other.board!r} and {one.board!r} are one board: the same machine, and the same folder {base.path}",
                mend="take one of the names out of the inventory, or give one of them another `base`",
            )


def _look(board: Json, order: Order, ends: ExitStack) -> Seen | Outcome:
    try:
        spec = resolve(board)
        channel = open_channel(spec, order.farm_home)
        ends.callback(channel.close)
        return Seen(spec, channel, scan(channel, spec))
    except FarmError as error:
        return _failed(str(board["name"]), error)


def _attend(seen: Seen, order: Order) -> Outcome:
    def say(text: str) -> None:
        order.say(seen.board, text)

    try:
        plan = planning.make(seen.spec, seen.scan, order.wish)
        done = as_it_is(seen, plan, order.workshop, check=order.check)
        done = done or make(seen, plan, order.workshop, say, check=order.check)
        return replace(done, notes=(*done.notes, *_notes(seen)))
    except FarmError as error:
        return _failed(seen.board, error)


def _failed(board: str, error: FarmError) -> Outcome:
    return Outcome(board, "failed", error=str(error), exit_code=error.exit_code)


def _notes(seen: Seen) -> tuple[str, ...]:
    """What is worth knowing and stops nothing."""
    if seen.spec.get("local") or seen.spec.get("lab") or seen.scan.boot_id != _boot_id():
        return ()
    return ("it is this machine, reached over ssh; the board field `local: true` spares the way",)


def _boot_id() -> str | None:
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return None
