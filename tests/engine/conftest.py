"""What the engine's tests stand on: a farm per test, on the folder or on a Redis."""

from collections.abc import Iterator

import pytest

from engine_support import close_farms
from redis_support import PrivateRedis


@pytest.fixture(autouse=True)
def farms_end() -> Iterator[None]:
    yield
    close_farms()


@pytest.fixture
def redis_server() -> Iterator[PrivateRedis]:
    with PrivateRedis() as server:
        yield server


@pytest.fixture(params=["folder", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str | None:
    """None: the folder in the farm's home."""
    if request.param == "folder":
        return None
    server: PrivateRedis = request.getfixturevalue("redis_server")
    return server.url
