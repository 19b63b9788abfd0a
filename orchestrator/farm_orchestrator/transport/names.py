"""Which names, places and commands may reach a board; everything else is refused before a byte is sent."""

import re
from collections.abc import Sequence

from farm_orchestrator.errors import AgentLost, UsageError
from farm_orchestrator.model import DIGEST_PATTERN

PYTHON = "python3"
PLACE = re.compile(r"(~/)?[A-Za-z0-9._/][A-Za-z0-9._/-]*")
WORD = re.compile(r"[A-Za-z0-9._/=:,+%-]+")
FILE = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
HOST = re.compile(r"(?!-)[A-Za-z0-9._:%-]{1,255}")
USER = re.compile(r"(?!-)[A-Za-z0-9._@-]{1,128}")


def place(board: str, field: str, text: str) -> str:
    """A folder or program on the board as SFTP and the shell both read it: relative to home without `~/`."""
    if not PLACE.fullmatch(text) or ".." in text:
        raise UsageError(
            f"board {board!r}: {field} {text!r} cannot be used on a board",
            mend="use letters, digits, dots, dashes, underscores and slashes, without '..' and not starting with a dash",
        )
    return text.removeprefix("~/")


def program(board: str, text: str) -> str:
    """As `place`; one that starts with `~/` stays a path where no slash is left."""
    path = place(board, "python", text)
    return f"./{path}" if text.startswith("~/") else path


def host(board: str, text: str) -> str:
    return _matching(HOST, board, "host", text)


def user(board: str, text: str) -> str:
    return _matching(USER, board, "user", text)


def command(board: str, argv: Sequence[str], base: str | None = None) -> str:
    """The shell's line for a constant command; no word of it can mean anything to a shell.

    Plain `python3` is the interpreter that was laid out below `base`, else the one on the board's PATH.
    """
    place(board, "command", argv[0])
    for word in argv[1:]:
        _matching(WORD, board, "argument", word)
    if argv[0] == PYTHON and base is not None:
        return " ".join((f"exec sh -c '{_preferring(place(board, 'base', base))}' {PYTHON}", *argv[1:]))
    return " ".join(("exec", *argv))


def _preferring(base: str) -> str:
    """Absolute, because the agent starts its children elsewhere; `sh`, because a login shell may be any."""
    folder = base if base.startswith("/") else f"$PWD/{base}"
    return f'PATH="{folder}/python/bin:$PATH" exec {PYTHON} "$@"'


def writing(board: str, path: str) -> str:
    """The shell's line that stores its stdin; for boards without SFTP."""
    return f"cat > {place(board, 'path', path)}"


def stored(base: str, sha256: str) -> str:
    """Where a file lies by its content."""
    if not re.fullmatch(DIGEST_PATTERN, sha256):
        raise UsageError(f"{sha256[:80]!r} is no SHA-256 digest", mend="give 64 lower-case hex digits")
    return f"{base}/cas/{sha256[:2]}/{sha256}"


def fetched(board: str, base: str, remote: str) -> str:
    """The path of a file that an agent named; `remote` is below `base`. Raises AgentLost where a name is not plain."""
    below = remote.removeprefix(f"{base}/")
    if not all(FILE.fullmatch(part) for part in below.split("/")):
        raise AgentLost(board, f"board {board!r}: the agent named a file that may not be fetched: {remote[:200]!r}")
    return f"{base}/{below}"


def _matching(pattern: re.Pattern[str], board: str, field: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise UsageError(
            f"board {board!r}: {field} {text!r} cannot be used",
            mend=f"{field} may hold {pattern.pattern.removeprefix('(?!-)').removeprefix('(?!.)')} only",
        )
    return text
