"""From `open` to `hello`: the lock is taken before anything is touched, and every refusal says why."""

import os
import platform
import select
import sys
import time
from dataclasses import dataclass
from typing import List, Optional, Tuple

from farm_agents import board, limit, pin, place, probe, sites, sources, survey
from farm_agents.lines import LineReader, LineWriter
from farm_agents.lock import Held, Lock
from farm_agents.place import Place
from farm_agents.sites import Site
from farm_agents.sysfs import Sysfs
from farm_agents.wire import VERSION, Hello, Json, Open, Refused, WireError, decode

OPEN_S = 60.0  # an agent that nobody speaks to goes


@dataclass(frozen=True)
class Opened:
    """What holds from hello on. `allowed`: the CPUs this agent was given; `runner`: the command of a launch."""

    opening: Open
    where: Place
    tree: Sysfs
    lock: Lock
    runner: List[str]
    allowed: List[int]
    site: Site


class Refusal(Exception):
    """The agent will not serve."""

    def __init__(self, answer: Refused) -> None:
        super().__init__(answer.reason)
        self.answer = answer


def greet(reader: LineReader, writer: LineWriter, commands: Tuple[List[str], Optional[List[str]]]) -> Optional[Opened]:
    """None where nobody opened or the agent refused, which it then said."""
    ask = commands[1]
    try:
        opening = await_open(reader)
        if opening is None:
            return None
        opened = take(opening, commands)
        try:
            writer.send(hello(opened, ask))
        except Refusal:
            opened.lock.close()
            raise
    except Refusal as refusal:
        writer.send(refusal.answer)
        _wait_until_read(writer)
        return None
    return opened


def _wait_until_read(writer: LineWriter) -> None:
    deadline = time.monotonic() + 2.0
    while writer.pending and time.monotonic() < deadline:
        select.select([], [writer.fd], [], 0.1)
        writer.flush()


def await_open(reader: LineReader) -> Optional[Open]:
    """The first line, which must be `open` of this wire version; None at the end of stdin."""
    deadline = time.monotonic() + OPEN_S
    while not reader.ended and time.monotonic() < deadline:
        select.select([reader.fd], [], [], 1.0)
        try:
            lines = reader.read()
            if lines:
                return check_open(lines[0], len(lines))
        except WireError as error:
            raise Refusal(Refused("wire", str(error))) from error
    return None


def check_open(line: bytes, count: int) -> Open:
    message = decode(line)
    if not isinstance(message, Open) or count != 1:
        raise WireError("the first and only word before hello is open: {!r}".format(line[:200]))
    if message.wire != VERSION:
        raise WireError("wire version {} was asked for, this agent speaks {}".format(message.wire, VERSION))
    return message


def take(opening: Open, commands: Tuple[List[str], Optional[List[str]]]) -> Opened:
    """The lock, then a clean folder, the clocks as they were, and the runtime that lies there."""
    lock, tree = None, Sysfs(opening.sysroot)
    try:
        where = place.place(opening.base)
        os.makedirs(where.base, exist_ok=True)
        lock = Lock(where.lock, opening.fence, opening.farm, opening.who)
        place.close_journal(where)
        place.clear_scratch(where)
        limit.clear(where.limit)
        pin.restore_left(tree, where.base)
        site = sites.choose(where, opening.runtime)
    except Held as held:
        raise Refusal(Refused(held.reason, held.detail)) from held
    except WireError as error:
        raise Refusal(Refused("wire", str(error))) from error
    except (sites.NoSite, OSError) as error:
        if lock is not None:
            lock.close()
        raise Refusal(_refused(error)) from error
    runner = commands[0] if commands[1] is None else [*commands[0], *site.words]  # a stand-in imports nothing
    return Opened(opening, where, tree, lock, runner, board.usable_cpus(tree), site)


def _refused(error: Exception) -> Refused:
    return place.refusal(error) if isinstance(error, OSError) else Refused("no_runtime", str(error))


def hello(opened: Opened, ask: Optional[List[str]]) -> Hello:
    """What runs here. Raises Refusal where there is no runtime."""
    site = opened.site
    found: Json = {"providers": ["CPUExecutionProvider"]} if ask is None else probe.ask([*ask, *site.words])
    if "error" in found:
        raise Refusal(Refused("no_runtime", str(found["error"])[:2000]))
    hardware = survey.survey(opened.tree)
    capabilities = {
        **board.capabilities(),
        **survey.capabilities(opened.tree, hardware, opened.allowed),
        **sources.capabilities(opened.tree, opened.allowed),
    }
    runtime: Json = {"ok": ask is not None, "reason": None if ask else "a stand-in runs the launches"}
    return Hello(
        wire=VERSION,
        agent=own_sha256(),
        python=platform.python_version(),
        onnxruntime=found.get("onnxruntime"),
        numpy=found.get("numpy"),
        providers=list(found["providers"]),
        facts={
            **board.facts(opened.tree, opened.allowed),
            "hardware": hardware.to_json(),
            "runtime": site.document,
            "runtimes": site.beside,
        },
        boot_id=board.boot_id(opened.tree),
        capabilities={**capabilities, "runtime": runtime},
    )


def own_sha256() -> str:
    """The digest of the bundle this agent runs from; empty where it runs from a folder of sources."""
    bundle = os.path.abspath(sys.argv[0])
    return place.sha256_of(bundle) if os.path.isfile(bundle) and not bundle.endswith(".py") else ""
