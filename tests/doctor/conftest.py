"""Two fleets, each looked at once: one that is well, one in which every board is broken."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic_support import Clinic, one_server, own_servers
from doctor_support import Said, farm
from farm_lab import chaos, lab
from lab_support import at, inventory, options
from transport_support import World, make_key


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Said]]:
    """Three virtual boards and this machine."""
    folder = tmp_path_factory.mktemp("healthy")
    place = at(folder)
    lab.up(place, 3, options())
    try:
        (folder / "fleet.yaml").write_text(json.dumps({"boards": {**inventory(place), "here": {"local": True}}}))
        yield folder, farm(folder, "--inventory", "fleet.yaml")
    finally:
        lab.down(place)


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    keys = tmp_path_factory.mktemp("keys")
    for name in ("client", "other", "board_ed25519", "stranger"):
        make_key(keys / name)
    world = World(folder, keys, {"ed25519": keys / "board_ed25519"})
    place = at(tmp_path_factory.mktemp("frozen"))
    try:
        boards = {**one_server(world), **own_servers(world)}
        lab.up(place, 1, options(proxy=True))
        boards["frozen"] = inventory(place)["vb001"]
        chaos.tell(place, "freeze", "vb001")
        (folder / "fleet.yaml").write_text(json.dumps({"boards": boards}))
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        yield Clinic(world, boards, farm(folder, "--inventory", "fleet.yaml", PATH=path))
    finally:
        lab.down(place)
        world.close()
