"""One interpreter on which the system is a Mac, and a folder for each test."""

from pathlib import Path

import pytest

from macos_support import Mac, interpreter


@pytest.fixture(scope="session")
def mac_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return interpreter(tmp_path_factory.mktemp("mac") / "venv")


@pytest.fixture
def mac(mac_python: Path, tmp_path: Path) -> Mac:
    return Mac(mac_python, tmp_path)
