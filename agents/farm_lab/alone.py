"""One virtual board as all that a container does: its files, then an SSH server in the foreground, without root."""

import os
import shutil
import socket
import sys
from pathlib import Path

from farm_lab import outfit, profiles, sshd
from farm_lab.places import BoardPlaces, LabError, Places
from farm_lab.state import Options

USAGE = "usage: python -m farm_lab.alone FOLDER PORT HOST_KEY AUTHORIZED_KEYS"
EVERYWHERE = "0.0.0.0"  # noqa: S104 # the networks of a container are chosen outside of it


def main(words: list[str]) -> None:
    """Makes a board called like the host in FOLDER and becomes its SSH server."""
    if len(words) != 4:
        sys.exit(USAGE)
    folder, port, host_key, authorized_keys = words
    board = BoardPlaces(Path(folder).absolute() / socket.gethostname())
    try:
        prepare(board, int(port), Path(host_key), Path(authorized_keys))
        server = sshd.program()
    except (LabError, OSError) as error:
        sys.exit(f"{board.name}: {error}")
    os.execv(server, [server, "-D", "-e", "-f", str(board.sshd_config)])  # noqa: S606 # it is what is wanted


def prepare(board: BoardPlaces, port: int, host_key: Path, authorized_keys: Path) -> None:
    """The board's files, as after a boot. Raises LabError, OSError."""
    shown = outfit.hardware(board.name, profiles.find(profiles.GENERIC))
    outfit.dress(board, Places(board.root.parent), Options(python=sys.executable), shown)
    _take_key(host_key, board.host_key)
    sshd.write_config(board, port, authorized_keys, host=EVERYWHERE)


def _take_key(given: Path, own: Path) -> None:
    """An sshd refuses a key that others may read, as a file handed into a container often is."""
    own.unlink(missing_ok=True)
    own.touch(mode=0o600)
    shutil.copyfile(given, own)


if __name__ == "__main__":
    main(sys.argv[1:])
