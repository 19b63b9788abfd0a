"""A lab per module, ended whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_lab import lab
from farm_lab.places import Places
from farm_lab.state import State
from lab_support import at, options


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Places]:
    """A place for a lab; what was started there ends with the test."""
    place = at(tmp_path)
    yield place
    lab.down(place)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Places, State]]:
    """Two boards behind the chaos proxy."""
    place = at(tmp_path_factory.mktemp("proxied"))
    yield place, lab.up(place, 2, options(proxy=True))
    lab.down(place)
