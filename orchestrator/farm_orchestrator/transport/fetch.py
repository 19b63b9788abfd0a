"""Takes a file from a board under limits: plain name, announced size, announced digest."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from farm_orchestrator.errors import AgentLost

SIZE_MAX = 1 << 30


def receive(board: str, pieces: Iterable[bytes], target: Path, sha256: str, size: int) -> Path:
    """Writes the pieces to `target`, which appears only when size and digest are right; raises AgentLost if not."""
    if not 0 <= size <= SIZE_MAX:
        raise AgentLost(
            board, f"board {board!r}: the agent announced {target.name} with {size} bytes; the limit is 1 GiB"
        )
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as sink:
            digest, came = _take(pieces, sink.write, size)
        if (came, digest) != (size, sha256):
            raise AgentLost(
                board,
                f"board {board!r}: {target.name} is not the file the agent announced: {came} bytes, SHA-256 {digest}; "
                f"announced {size} bytes, {sha256}",
            )
        return part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _take(pieces: Iterable[bytes], keep: Callable[[bytes], object], size: int) -> tuple[str, int]:
    digest = hashlib.sha256()
    came = 0
    for piece in pieces:
        came += len(piece)
        if came > size:
            break
        digest.update(piece)
        keep(piece)
    return digest.hexdigest(), came
