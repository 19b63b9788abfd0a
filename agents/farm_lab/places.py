"""Where a lab keeps its things."""

import re
from dataclasses import dataclass
from pathlib import Path

SAFE = re.compile(r"/[A-Za-z0-9._/-]*")  # what may stand in a board's `base` and `python`
SOCKET_LIMIT = 100  # bytes of a unix socket's path


class LabError(RuntimeError):
    """What the person who started the lab can mend; the text says how."""


@dataclass(frozen=True)
class BoardPlaces:
    """One virtual board's folder."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def host_key(self) -> Path:
        return self.root / "host_key"

    @property
    def sshd_config(self) -> Path:
        return self.root / "sshd_config"

    @property
    def pid(self) -> Path:
        return self.root / "sshd.pid"

    @property
    def log(self) -> Path:
        return self.root / "sshd.log"

    @property
    def base(self) -> Path:
        return self.root / "base"

    @property
    def sysroot(self) -> Path:
        return self.root / "root"

    @property
    def python(self) -> Path:
        return self.root / "python"

    @property
    def runner(self) -> Path:
        return self.root / "runner"

    @property
    def weather(self) -> Path:
        return self.root / "weather.json"

    @property
    def climate(self) -> Path:
        return self.root / "climate.json"

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def sshd_faults(self) -> Path:
        return self.root / "sshd_faults"

    @property
    def other_key(self) -> Path:
        return self.root / "other_key"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def kept_disk(self) -> Path:
        return self.root / "kept_disk"


@dataclass(frozen=True)
class Places:
    """The lab's folder."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def key(self) -> Path:
        return self.root / "id_ed25519"

    @property
    def inventory(self) -> Path:
        return self.root / "inventory.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    @property
    def truth(self) -> Path:
        return self.root / "truth.json"

    @property
    def stand_in(self) -> Path:
        return self.root / "synthetic.pyc"

    @property
    def control(self) -> Path:
        return self.root / "proxy.sock"

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def boards(self) -> Path:
        return self.root / "boards"

    def board(self, name: str) -> BoardPlaces:
        return BoardPlaces(self.boards / name)


def check(root: Path, *, proxy: bool) -> Places:
    """Raises LabError for a folder whose path could not be handed to a board."""
    places = Places(root.absolute())
    if not SAFE.fullmatch(str(places.root)):
        raise LabError(
            f"the lab cannot live in {str(places.root)!r}: its path may hold letters, digits, `.`, `_`, `-` and `/` only; "
            "choose another folder with --dir"
        )
    if proxy and len(bytes(places.control)) > SOCKET_LIMIT:
        raise LabError(f"{places.control}: too long for a socket; choose a shorter folder with --dir")
    return places
