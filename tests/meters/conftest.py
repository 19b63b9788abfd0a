"""What a test of the meters opened ends with it."""

from collections.abc import Iterator

import pytest

from engine_support import close_farms


@pytest.fixture(autouse=True)
def farms_end() -> Iterator[None]:
    yield
    close_farms()
