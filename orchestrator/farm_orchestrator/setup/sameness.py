"""Boards that are not what their names say: two names for one machine, or this machine by another name."""

from collections.abc import Sequence
from pathlib import Path

from farm_orchestrator.setup.trying import Attempt

Identity = tuple[str | None, str | None]  # machine-id, boot_id


def doubles(attempts: Sequence[Attempt]) -> dict[str, str]:
    """Name to the earlier name of the same machine: it shows the same host key, machine-id and boot."""
    first: dict[tuple[str, Identity], str] = {}
    found: dict[str, str] = {}
    for each in attempts:
        if each.reached and each.key and identity_of(each)[1]:
            earlier = first.setdefault((each.key.fingerprint, identity_of(each)), each.board.name)
            if earlier != each.board.name:
                found[each.board.name] = earlier
    return found


def at_home(attempts: Sequence[Attempt], here: Identity) -> list[str]:
    """Names of boards that are reached over ssh and are the machine this command runs on."""
    if here[1] is None:
        return []
    return [each.board.name for each in attempts if not each.board.local and each.reached and identity_of(each) == here]


def identity_of(tried: Attempt) -> Identity:
    return tried.facts["machine_id"], tried.facts["boot_id"]


def this_machine() -> Identity:
    """Both None where the system keeps no such files."""
    return _text("/etc/machine-id"), _text("/proc/sys/kernel/random/boot_id")


def _text(file: str) -> str | None:
    try:
        return Path(file).read_text("utf-8").strip() or None
    except (OSError, ValueError):
        return None
