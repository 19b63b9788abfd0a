"""The boards that a lab can stand for: a tree of sensors, and how its hardware heats and draws power."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from farm_lab import notation, record, tree
from farm_lab.places import LabError
from farm_lab.record import Entry, Record

SUFFIX = ".tree"
TREES = resources.files("farm_lab") / "trees"
MIX = "mix"
GENERIC, STOCK = "generic", "stock"
MIXED = ("pi4", "pi5", "orin-nano", "rock5b", "n100", "bb-ai64", GENERIC, STOCK, "fanless", "desktop")


@dataclass(frozen=True)
class Profile:
    """`tree`: the name of one of ours, or the absolute path of a record or a tree.

    `physics`: `t_amb_c`, `r_th_k_w`, `tau_s`, `p_idle_w`, `p_max_w`; `trip_c`, None where heat never throttles;
    `silent` where it does so behind cpufreq; `foreign_load`, None or `share` and `seconds`, each from and to;
    `reconstructed` where the numbers are plausible and nobody measured them.
    """

    name: str
    tree: str
    physics: Mapping[str, Any]


def _physics(t_amb_c: float = 25.0, **changes: Any) -> dict[str, Any]:
    """Those of the generic board but for `changes`."""
    return {"t_amb_c": t_amb_c, "r_th_k_w": 9.0, "tau_s": 12.0, "p_idle_w": 1.2, "p_max_w": 5.5, "trip_c": 60.0,
            "silent": False, "foreign_load": None, "reconstructed": False, **changes}  # fmt: skip


def _plausible(r_th_k_w: float, tau_s: float, p_idle_w: float, p_max_w: float, **changes: Any) -> dict[str, Any]:
    powers = {"p_idle_w": p_idle_w, "p_max_w": p_max_w}
    return _physics(r_th_k_w=r_th_k_w, tau_s=tau_s, **powers, **{"reconstructed": True, **changes})


BURSTS = {"share": (0.05, 0.30), "seconds": (1.0, 5.0)}
SIMULATED = {
    GENERIC: Profile(GENERIC, GENERIC, _physics()),
    STOCK: Profile(STOCK, STOCK, _physics()),
    "fanless": Profile("fanless", GENERIC, _physics(r_th_k_w=13.5, tau_s=120.0)),
    "desktop": Profile("desktop", "n100", _plausible(3.5, 60.0, 2.0, 8.0, trip_c=None, foreign_load=BURSTS)),
}
REAL = {
    "pi4": _plausible(5.3, 60.0, 2.7, 3.7, trip_c=80.0, silent=True),
    "pi5": _plausible(4.5, 45.0, 3.0, 5.5, trip_c=80.0, silent=True),
    "orin-nano": _plausible(4.6, 90.0, 5.1, 5.5, trip_c=95.0),
    "rock5b": _plausible(3.0, 60.0, 1.8, 8.0, trip_c=75.0),
    "n100": _plausible(3.5, 60.0, 2.0, 8.0, trip_c=105.0),
}
LIKE_MOST = _plausible(5.0, 60.0, 2.0, 5.5, trip_c=85.0)


def names() -> list[str]:
    ours = sorted(file.name.removesuffix(SUFFIX) for file in TREES.iterdir() if file.name.endswith(SUFFIX))
    return [*SIMULATED, *ours]


def find(word: str) -> Profile:
    """By name, or a file: a tree of that notation, or a record of `farm boards probe --record`. Raises LabError."""
    if word in SIMULATED:
        return SIMULATED[word]
    if word in names():
        return Profile(word, word, REAL.get(word, LIKE_MOST))
    file = Path(word).absolute()
    if not file.exists() and "/" not in word and "." not in word:
        raise LabError(f"--profile {word}: there is no such board; known are {', '.join(names())}, or name a file")
    found = Profile(file.stem, str(file), LIKE_MOST)
    entries_of(found.tree)  # before anything is started
    return found


def of_board(wanted: str, number: int) -> Profile:
    """That of board `number`, counted from 0, in a lab of `wanted`: a name, a file, or the mix."""
    return find(MIXED[number % len(MIXED)] if wanted == MIX else wanted)


def record_of(profile: Profile, board: str, cpus: int) -> Record:
    """What lies in the tree of a board of that name; `cpus`: how many a simulated one has. Raises LabError."""
    match profile.tree:
        case "generic":
            return tree.generic(board, cpus)
        case "stock":
            return tree.stock(board, cpus)
    return Record(entries_of(profile.tree))


def entries_of(name: str) -> Mapping[str, Entry]:
    """Of a tree by its name or of a file by its path. Raises LabError."""
    if not name.startswith("/"):
        return _ours(name)
    if not name.endswith(SUFFIX):
        return record.load(Path(name)).entries
    try:
        return _read(Path(name).read_text("utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{name} cannot be read: {error}") from error


@functools.cache
def _ours(name: str) -> Mapping[str, Entry]:
    return _read((TREES / f"{name}{SUFFIX}").read_text("utf-8"), f"{name}{SUFFIX}")


def _read(text: str, file: str) -> Mapping[str, Entry]:
    like = notation.base(text)
    if like and (like in SIMULATED or like not in names()):
        raise LabError(f"{file}: like {like}: there is no such tree; known are {', '.join(names()[len(SIMULATED) :])}")
    return notation.read(text, file, _ours(like) if like else None)
