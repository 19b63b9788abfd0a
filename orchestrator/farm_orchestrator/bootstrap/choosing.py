"""Which of a board's interpreters shall run the agent."""

from collections.abc import Sequence

from packaging.version import Version

from farm_orchestrator.bootstrap import table
from farm_orchestrator.bootstrap.case import Case
from farm_orchestrator.bootstrap.scan import Interpreter
from farm_orchestrator.bootstrap.table import dotted
from farm_orchestrator.errors import NoRuntime
from farm_orchestrator.transport.names import PLACE, PYTHON


def choose(case: Case) -> Interpreter:
    """The one that runs use anyway, unless another one takes a newer runtime. Raises NoRuntime."""
    candidates = _candidates(case)
    usable = [one for one in candidates if why_unusable(one, case.ground.bits) is None]
    if not usable:
        raise _none_usable(case, candidates)
    if own(case, usable[0]):
        return usable[0]
    return max(usable, key=lambda one: Version(case.version(one.minor) or "0"))  # the first of equals


def current(case: Case) -> Interpreter | None:
    """The one that a run would start now."""
    if case.explicit:
        return next((one for one in case.scan.pythons if one.path == case.spec["python"]), None)
    laid = f"{case.scan.base.path}/python/bin/{PYTHON}"
    plain = [one for one in case.scan.pythons if one.path == laid or one.path.endswith(f"/{PYTHON}")]
    return next((one for one in plain if one.path == laid), plain[0] if plain else None)


def own(case: Case, one: Interpreter) -> bool:
    """Whether nothing needs to be laid out: it has packages of its own, and nothing else was asked for."""
    return one.runtime and case.runtime is None and not case.scan.runtimes and one is current(case)


def why_unusable(one: Interpreter, bits: int) -> str | None:
    """Why an interpreter cannot run the agent with released wheels; None where it can."""
    if one.version is None:
        return "does not start"
    if one.minor < table.FLOOR:
        return f"is Python {dotted(one.minor)}, below the floor {dotted(table.FLOOR)}"
    if one.kind != "cpython" or one.threads:
        return "is no ordinary CPython, for which wheels are made"
    if one.bits != bits:
        return f"is a {one.bits}-bit build in a {bits}-bit userland"
    if not PLACE.fullmatch(one.path) or ".." in one.path:
        return "has a path that may not stand in a command"
    return None


def _candidates(case: Case) -> list[Interpreter]:
    """The current one first; it alone where runtimes lie there for it, which another one could not use."""
    now = current(case)
    if case.explicit or (now and _serves(case, now)):
        return [now] if now else []
    return [*([now] if now else []), *(one for one in case.scan.pythons if one is not now)]


def _serves(case: Case, now: Interpreter) -> bool:
    return any(document.get("python") == dotted(now.minor) for document in case.scan.runtimes.values())


def _none_usable(case: Case, candidates: Sequence[Interpreter]) -> NoRuntime:
    found = "; ".join(f"{one.path} {why_unusable(one, case.ground.bits)}" for one in candidates)
    other = (
        f"install a Python {dotted(table.FLOOR)} or newer there, or bring one: --python-archive "
        f"cpython-3.11...-{case.ground.arch}-unknown-linux-gnu-install_only_stripped.tar.gz (python-build-standalone)"
    )
    if case.explicit:
        text = f"board {case.board!r}: its interpreter {case.spec['python']} cannot be used: {found or 'there is none'}"
        return NoRuntime(case.board, text, mend=f"set the board's field `python`, or take it out and {other}")
    text = f"board {case.board!r} has no Python that can be used: {found or 'none was found'}"
    return NoRuntime(case.board, text, mend=other)
