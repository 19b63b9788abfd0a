"""What the engine's tests stand on: a farm per test, on the folder or on a Redis."""

from collections.abc import Iterator

import pytest

from engine_support import farms_end
from redis_support import PrivateRedis

__all__ = ["farms_end"]


@pytest.fixture
def redis_server() -> Iterator[PrivateRedis]:
    with PrivateRedis() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """None: a file in the farm's home."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("pg_url")
    return url


@pytest.fixture(params=["folder", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str | None:
    """None: the folder in the farm's home."""
    if request.param == "folder":
        return None
    server: PrivateRedis = request.getfixturevalue("redis_server")
    return server.url
