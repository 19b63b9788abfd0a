"""What must hold for a board to be reached and to take work: facts in, findings out."""

import re
import socket
from collections.abc import Callable

from farm_orchestrator.bootstrap import ground, table
from farm_orchestrator.bootstrap.scan import Scan
from farm_orchestrator.doctor.amounts import size, span, version
from farm_orchestrator.doctor.board_facts import BoardFacts
from farm_orchestrator.doctor.finding import REINSTALL, Answer, fault, ok, warning
from farm_orchestrator.errors import BoardError, FarmError, Unreachable, typed
from farm_orchestrator.transport.room import Room

Check = tuple[str, Callable[[BoardFacts], Answer | None]]

PYTHON_FLOOR = (3, 8)
RUNTIME_FLOOR = (1, 19)  # the oldest that farm is tried with
SLOW_SHELL_S = 0.1
CLOCK_S = 60.0
AGENT_BYTES = 1e6
ROOM_WANTED = 300e6  # a runtime and some models
MEMORY_FLOOR = 64e6  # the runtime alone takes as much
MEMORY_WANTED = 256e6
BUSY = 0.1
STOLEN = 0.01
SIGILL = -4
QUIET = "on the board: put `case $- in *i*) ;; *) return ;; esac` at the top of ~/.bashrc"


def reach(facts: BoardFacts) -> Answer:
    if facts.trouble:
        return _unreached(facts, facts.trouble)
    if facts.local:
        return ok("this machine")
    return ok(
        f"{facts.spec['user']}@{facts.spec['host']}:{facts.spec['port']} in {(facts.connect_s or 0) * 1e3:.0f} ms"
    )


def system(facts: BoardFacts) -> Answer | None:
    seen = facts.scan
    if seen is None:
        return None
    libc = f"{seen.libc[0]} {version(seen.libc[1])}" if seen.libc else None
    words = (seen.model, f"{seen.bits}-bit {seen.arch or seen.machine}", libc, f"{seen.system} {seen.kernel}")
    return ok(", ".join(word for word in words if word))


def shell(facts: BoardFacts) -> Answer | None:
    """The shorter of two measures: one counts the way there and back, either counts other load."""
    if not facts.scan or facts.local or facts.scan.shell_s is None:
        return None
    shell_s = min(facts.scan.shell_s, facts.command_s)
    took = f"{shell_s * 1e3:.0f} ms"
    if shell_s > SLOW_SHELL_S:
        return warning(
            f"the login shell takes {took} before each command", "its start-up files run even without a terminal", QUIET
        )
    return ok(f"{took} before each command")


def banner(facts: BoardFacts) -> Answer | None:
    if facts.scan is None or facts.local:
        return None
    if facts.banner:
        said = facts.banner.decode("utf-8", "replace").strip().splitlines() or [""]
        return warning(f"the login shell prints before each command: {said[0][:60]!r}",
                       "farm skips 64 KiB of it; scp and rsync do not", QUIET)  # fmt: skip
    return ok("the login shell is silent")


def files(facts: BoardFacts) -> Answer | None:
    if facts.scan is None or facts.local:
        return None
    if not facts.sftp:
        return warning("no SFTP: files go through `cat`", "a push that was cut starts again from the beginning",
                       "on the board: add `Subsystem sftp internal-sftp` to /etc/ssh/sshd_config, then `sudo systemctl reload ssh`")  # fmt: skip
    return ok("SFTP")


def clock(facts: BoardFacts) -> Answer | None:
    if facts.offset_s is None:
        return None
    where = "ahead of" if facts.offset_s > 0 else "behind"
    if abs(facts.offset_s) > CLOCK_S:
        return warning(f"the clock is {span(facts.offset_s)} {where} this machine's",
                       "durations come from the monotonic clock, so no result is wrong; dates in its logs are",
                       "on the board: `sudo timedatectl set-ntp true`")  # fmt: skip
    return ok("as this machine's" if abs(facts.offset_s) < 2 else f"{span(facts.offset_s)} {where} this machine's")


def base(facts: BoardFacts) -> Answer | None:
    """Where farm keeps all that it brings."""
    if facts.scan is None:
        return None
    room = facts.scan.base
    if room.read_only:
        return fault(f"mounted read-only: {room.path}", "nothing can be pushed",
                     "on the board: `dmesg` (a failing card is remounted so), then `sudo mount -o remount,rw /`, or name another `base`")  # fmt: skip
    if not room.writable:
        return fault(f"{room.path} cannot be written by {facts.scan.user}", "nothing can be pushed",
                     f"on the board: `sudo chown {facts.scan.user} {room.path}`, or name another `base`")  # fmt: skip
    if room.noexec:
        return warning(f"mounted noexec: {room.path}", "a runtime that farm brings cannot be loaded from there",
                       "name a `base` elsewhere" + _elsewhere(facts.scan))  # fmt: skip
    return ok(room.path)


def disk(facts: BoardFacts) -> Answer | None:
    room = facts.scan and facts.scan.base
    if not room or room.free is None or room.total is None:
        return None
    usable = Room(room.free, room.total).usable
    left = f"{size(room.free)} free of {size(room.total)}"
    mend = f"on the board: make room, or name a `base` elsewhere{_elsewhere(facts.scan)}"
    if usable < AGENT_BYTES:
        return fault(left, "a tenth stays free, at least 200 MiB of a large disk: no model fits", mend)
    if usable < ROOM_WANTED:
        return warning(left, f"{size(usable)} of it for a runtime, models and inputs", mend)
    return ok(left)


def memory(facts: BoardFacts) -> Answer | None:
    if facts.scan is None or facts.scan.available is None:
        return None
    left = f"{size(facts.scan.available)} available"
    mend = "on the board: end what is not needed: `ps aux --sort=-rss | head`"
    if facts.scan.available < MEMORY_FLOOR:
        return fault(left, "the runtime alone takes as much", mend)
    if facts.scan.available < MEMORY_WANTED:
        return warning(left, "loading a model takes up to three times its size", mend)
    return ok(left)


def memory_limit(facts: BoardFacts) -> Answer | None:
    """Whether `--memory-limit` would hold; a run goes on without it."""
    seen = facts.inside.memory_limit if facts.inside else None
    if seen is None:
        return None
    return ok("a launch can be limited" if seen.reason is None else f"no launch can be limited: {seen.reason}")


def python(facts: BoardFacts) -> Answer | None:
    if facts.scan is None:
        return None
    if facts.inside is None:
        return fault(f"{facts.spec['python']} does not run", _short(facts, facts.refused or ""), _other_python(facts))
    if _minor(facts.inside.python) < PYTHON_FLOOR:
        return fault(f"Python {facts.inside.python}", "a board needs 3.8 or newer", _other_python(facts))
    return ok(f"Python {facts.inside.python}, {facts.inside.executable}")


def runtime(facts: BoardFacts) -> Answer | None:
    """As a launch would: imported in a process of its own, one inference."""
    found = facts.inside.runtime if facts.inside else None
    if not found:
        return None
    if found.error is not None or found.onnxruntime is None:
        return _no_runtime(facts, found.error or "", found.code)
    provider = str(facts.board.get("provider") or "CPUExecutionProvider")
    words = f"onnxruntime {found.onnxruntime}, numpy {found.numpy}"
    if provider not in found.providers:
        return fault(f"{words} without {provider}", f"it has {', '.join(found.providers)}",
                     f"`farm boards bootstrap {typed(facts.board)} --wheelhouse DIR` with a wheel that has it, or another `provider`")  # fmt: skip
    if _minor(found.onnxruntime) < RUNTIME_FLOOR:
        return warning(f"{words}: old", f"farm is tried with 1.19 and newer, new models load in newer ones only{_newest(facts)}",
                       _bootstrap(facts))  # fmt: skip
    return ok(words)


def _minor(text: str) -> tuple[int, int]:
    """(3, 8) of 3.8.18."""
    first, second = re.findall(r"\d+", text)[:2]
    return int(first), int(second)


def _newest(facts: BoardFacts) -> str:
    """By the table of what was released."""
    if not facts.scan or not facts.scan.libc or not facts.inside or len(facts.scan.libc[1]) < 2:
        return ""
    glibc = facts.scan.libc[1][:2]
    found = table.newest(facts.scan.arch or "", (glibc[0], glibc[1]), _minor(facts.inside.python))
    return f"; {found} fits this board" if found else ""


def load(facts: BoardFacts) -> Answer | None:
    """Where interference is only noted (virtual boards, this machine), it is no fault of the board."""
    seen = facts.inside.load if facts.inside else None
    if not facts.inside or not seen or seen.busy is None:
        return None
    busy = f"{min(seen.busy, 1.0):.0%} of a CPU busy"
    if facts.inside.holder:
        what = f"{busy}; an agent of farm is at work here (process {facts.inside.holder})"
        return warning(what, "one board measures one launch at a time", "wait until that run has ended: `farm runs`")
    if facts.board.get("interference") == "note":
        return ok(f"{busy}; noted in reports, nothing is dropped")
    if seen.busy > BUSY:
        top = ", ".join(f"{one.name} {one.share:.0%}" for one in seen.top)
        why = f"it disturbs what is measured: {top}" if top else "by the kernel, or by processes that just ended"
        return warning(busy, why, "on the board: stop what need not run: `top -b -n 1 | head -n 15`")
    if seen.stolen and seen.stolen > STOLEN:
        what = f"{busy}, {seen.stolen:.0%} stolen by a hypervisor"
        return warning(
            what, "its neighbours are measured too", "expect wider intervals, or measure on a machine of its own"
        )
    return ok(busy)


def _unreached(facts: BoardFacts, trouble: FarmError) -> Answer:
    first, _, rest = trouble.text.partition("\n")
    return fault(_short(facts, first), rest.strip() or None, _way_out(facts, trouble) or trouble.mend)


def _way_out(facts: BoardFacts, trouble: FarmError) -> str | None:
    """A failed dial says more by its cause than by its words."""
    cause = trouble.__cause__
    host, port = facts.spec.get("host"), facts.spec.get("port")
    if not isinstance(trouble, Unreachable) or cause is None:
        return None
    if isinstance(cause, socket.gaierror):
        return f"set the board's `host` to an address, or the name in ~/.ssh/config; try: `getent hosts {host}`"
    if isinstance(cause, ConnectionRefusedError):
        return f"nothing listens on port {port}: on the board `sudo systemctl enable --now ssh`, or set `port`"
    if "SSH did not come up" in trouble.text:
        return f"the port answers and says nothing more: try `ssh -v -p {port} {host}`, restart its sshd or the board"
    if isinstance(cause, TimeoutError) and "be reached" in trouble.text:
        return f"is it switched on and on this network? try: `ping -c 3 {host}`"
    return None


def _other_python(facts: BoardFacts) -> str:
    fit = [one for one in (facts.scan.pythons if facts.scan else ()) if one.version and one.version >= PYTHON_FLOOR]
    fit.sort(key=lambda one: not one.runtime)
    if fit:
        return f"set `python: {fit[0].path}` ({version(fit[0].version or ())}) of the board"
    return _bootstrap(facts)


def _no_runtime(facts: BoardFacts, said: str, code: int | None) -> Answer:
    """`code`: how the process ended that tried it, negative for a signal; None where there was nothing to try."""
    obstacle = None if facts.local else _obstacle(facts)
    said = said.rstrip(": ")
    why = "; ".join((said, _short(facts, obstacle.text))) if obstacle else said
    missing = re.search(r"No module named '(\w+)'", said)
    if code == SIGILL:
        what = "onnxruntime dies of an illegal instruction: this build is for another processor"
    elif code is not None and code < 0:
        what = f"onnxruntime dies of signal {-code} when it is tried"
    elif missing:
        what = f"its Python has no {missing[1]}"
    else:
        what = "onnxruntime does not work there" if code is not None else said
    mend = REINSTALL if facts.local else (obstacle and obstacle.mend) or _bootstrap(facts)
    return fault(what, why if why != what else None, mend)


def _bootstrap(facts: BoardFacts) -> str:
    named = str(facts.board.get("runtime") or "default")
    return f"`farm boards bootstrap {typed(facts.board)}{'' if named == 'default' else f' --runtime {named}'}`"


def _obstacle(facts: BoardFacts) -> BoardError | None:
    """Why no runtime can be brought to this board at all."""
    try:
        if facts.scan:
            ground.check_ground(facts.name, facts.scan, wheelhouse=False)
    except BoardError as error:
        return error
    return None


def _short(facts: BoardFacts, text: str) -> str:
    """Below the board's own name."""
    return text.removeprefix(f"board {facts.name!r}").removeprefix(":").strip()


def _elsewhere(seen: Scan | None) -> str:
    """The roomiest place that would do."""
    rooms = [room for room in (seen.others if seen else ()) if room.writable and not room.noexec and not room.read_only]
    best = max(rooms, key=lambda room: room.free or 0, default=None)
    return f", e.g. {best.path}/benchfarm ({size(best.free)} free)" if best and best.free else ""


CHECKS: tuple[Check, ...] = (
    ("reach", reach),
    ("system", system),
    ("shell", shell),
    ("banner", banner),
    ("files", files),
    ("clock", clock),
    ("base", base),
    ("disk", disk),
    ("memory", memory),
    ("memory limit", memory_limit),
    ("python", python),
    ("runtime", runtime),
    ("load", load),
)
