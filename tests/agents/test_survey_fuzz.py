"""Trees that lie, lose files and go round in circles: the agent makes something of each, and never raises."""

import errno
import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import hardware_golden as golden
from farm_agents import beside, board, cores, health, survey
from farm_agents.sysfs import Sysfs
from farm_lab import tree
from farm_lab.record import Entry

CPUS = [0, 1, 2, 3]
AT_ONCE = 5  # mutations of one tree
ERRORS = [errno.EAGAIN, errno.ENODATA, errno.EIO, errno.EINVAL, errno.ETIMEDOUT, errno.ENODEV, errno.EACCES]
WORDS = [
    "48",
    "-256000",
    "",
    "nan",
    "1e9",
    "-1",
    "0x7f",
    "9" * 70_000,
    "\x1b[2J",
    "4294967296",
    "٤٢",
    "0-9999999999",
    "<unsupported>",
]


@dataclass(frozen=True)
class Failing(Sysfs):
    """A kernel whose files fail now and then, as sensors do and policies that go away."""

    chance: random.Random = field(default_factory=random.Random)

    def content(self, name: str) -> bytes:
        if self.chance.random() < 0.05:
            raise OSError(self.chance.choice(ERRORS), "it fails")
        return super().content(name)


def truncate(place: Path, entries: Mapping[str, Entry], chance: random.Random) -> None:
    text = place.read_bytes()
    write(place, text[: chance.randrange(len(text) + 1)])


def swap(place: Path, entries: Mapping[str, Entry], chance: random.Random) -> None:
    write(place, (chance.choice(list(entries.values())).text or "").encode())


def garbage(place: Path, entries: Mapping[str, Entry], chance: random.Random) -> None:
    write(place, chance.randbytes(chance.randrange(200)))


def word(place: Path, entries: Mapping[str, Entry], chance: random.Random) -> None:
    write(place, chance.choice(WORDS).encode())


def vanish(place: Path, entries: Mapping[str, Entry], chance: random.Random) -> None:
    place.unlink()


def refuse(place: Path, entries: Mapping[str, Entry], chance: random.Random) -> None:
    place.unlink()
    place.mkdir()


def circle(place: Path, entries: Mapping[str, Entry], chance: random.Random) -> None:
    place.unlink()
    place.symlink_to(chance.choice([".", "..", place.name, "../..", "/nowhere"]))


def write(place: Path, content: bytes) -> None:
    place.unlink()
    place.write_bytes(content)


Mutation = Callable[[Path, Mapping[str, Entry], random.Random], None]
OF_FILES: list[Mutation] = [truncate, swap, garbage, word, word, vanish, refuse, circle]
OF_LINKS: list[Mutation] = [vanish, circle, circle]


def mutated(root: Path, entries: Mapping[str, Entry], chance: random.Random) -> list[str]:
    """Paths that are no longer what they were."""
    whole = sorted(path for path, entry in entries.items() if entry.error in (None, *tree.CLOSED))
    chosen = chance.sample(whole, AT_ONCE)
    for path in chosen:
        place = root / path
        chance.choice(OF_LINKS if place.is_symlink() else OF_FILES)(place, entries, chance)
    return chosen


def mend(root: Path, entries: Mapping[str, Entry], paths: list[str]) -> None:
    for path in paths:
        place = root / path
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        tree._lay(place, entries[path])


def seen(found: Sysfs) -> str:
    """All that the agent makes of a tree, as it goes over the wire."""
    hardware = survey.survey(found)
    facts: dict[str, object] = {}
    beside.look(facts, found, CPUS, "start")
    cores.resolve("big", CPUS, cores.capacities(found, CPUS))
    told = [hardware.to_json(), survey.capabilities(found, hardware, CPUS), board.facts(found, CPUS), facts]
    checked = [health.clocks(found, CPUS), health.heat(found), health.supply(found), health.power(found)]
    return json.dumps([*told, *checked, beside.readings(found, 1)], allow_nan=False)


def torment(folder: Path, mutations: int, seed: int) -> int:
    """How many trees were looked at."""
    chance, names, looked = random.Random(seed), golden.names(), 0
    each = -(-mutations // AT_ONCE // len(names))
    for name in names:
        root, entries = folder / name, golden.record(name).entries
        golden.laid(root, name)
        for _ in range(each):
            paths = mutated(root, entries, chance)
            found = Failing(str(root), random.Random(chance.random())) if looked % 3 == 0 else Sysfs(str(root))
            assert len(seen(found)) < 1 << 19
            mend(root, entries, paths)
            looked += 1
        shutil.rmtree(root)
    return looked


def test_a_thousand_mutations_never_raise(tmp_path: Path) -> None:
    assert torment(tmp_path, 1_000, 20_26) * AT_ONCE >= 1_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_ten_thousand_mutations_never_raise(tmp_path: Path) -> None:
    assert torment(tmp_path, 10_000, 11_21) * AT_ONCE >= 10_000


def test_a_tree_that_was_mended_is_the_tree_it_was(tmp_path: Path) -> None:
    entries, chance = golden.record("rock5b").entries, random.Random(7)
    found = golden.laid(tmp_path, "rock5b")
    before = seen(found)
    paths = mutated(tmp_path, entries, chance)
    mend(tmp_path, entries, paths)
    assert seen(found) == before


def test_every_kind_of_harm_is_done(tmp_path: Path) -> None:
    """One that changed nothing would prove nothing."""
    golden.laid(tmp_path, "pi5")
    entries, zone = golden.record("pi5").entries, tmp_path / "sys/devices/virtual/thermal/thermal_zone0/temp"
    for mutation in (garbage, word, vanish, refuse, circle):
        before = seen(Sysfs(str(tmp_path)))
        mutation(zone, entries, random.Random(3))
        assert seen(Sysfs(str(tmp_path))) != before, mutation
        mend(tmp_path, entries, [str(zone.relative_to(tmp_path))])
