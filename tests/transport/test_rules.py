"""Rules of the house that a look at the source keeps."""

import re
from pathlib import Path

import pytest

import farm_orchestrator

ORCHESTRATOR = Path(farm_orchestrator.__file__).parent
TRANSPORT = ORCHESTRATOR / "transport"
ROOT = ORCHESTRATOR.parent.parent
PACKAGES = [ORCHESTRATOR, *(ROOT / part for part in ("agents", "inventory", "reports"))]


def found(pattern: str) -> set[str]:
    """Files of the product that hold the pattern, without comments and docstrings' backticks."""
    files = [file for package in PACKAGES for file in package.rglob("*.py")]
    assert len(files) > 20
    return {str(file.relative_to(ROOT)) for file in files if re.search(pattern, file.read_text("utf-8"))}


@pytest.mark.parametrize(
    "pattern", ["AutoAddPolicy", "WarningPolicy", "shell=True", "request_forward_agent", "get_pty", "load_host_keys"]
)
def test_what_would_open_a_door_stands_nowhere(pattern: str) -> None:
    assert found(pattern) == set()


def test_no_variables_are_sent_to_a_board() -> None:
    assert not {file for file in found(r"\benv=") if "/transport/" in file}


@pytest.mark.parametrize(
    ("pattern", "file"),
    [
        (r"SSHClient\(", "connect.py"),
        (r"paramiko\.Transport\(", "connect.py"),
        (r"(?m)^\s*(from|import) fabric", "oneshot.py"),
    ],
)
def test_connections_are_made_in_one_place(pattern: str, file: str) -> None:
    assert found(pattern) == {str((TRANSPORT / file).relative_to(ROOT))}


def test_only_the_transport_knows_the_libraries() -> None:
    assert all("/transport/" in name for name in found(r"(?m)^\s*(from|import) (paramiko|fabric|invoke)\b"))
