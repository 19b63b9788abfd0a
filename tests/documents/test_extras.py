"""What only a shared broker needs is not installed unasked, and its absence is told before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from run_support import DIGITS, ROOT, Desk

URL = "redis://:hunter2@127.0.0.1:1/0"
WITHOUT = "import sys\nsys.modules['redis'] = None\n"  # as if it were not installed: neither found nor imported


@pytest.fixture
def plain(tmp_path: Path) -> Desk:
    """A desk of a plain installation, whose settings name a Redis."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT)
    (tmp_path / "farm").mkdir()
    return Desk(tmp_path / "farm", (("PYTHONPATH", str(tmp_path / "site")), ("FARM_BROKER", URL)))


def test_the_clients_are_in_the_extra_alone_and_the_tests_take_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert not any(text.startswith(("redis", "psycopg")) for text in project["dependencies"])
    assert [text.partition(">")[0] for text in project["optional-dependencies"]["shared"]] == [
        "psycopg[binary]",
        "redis",
    ]
    assert "benchfarm[shared]" in project["optional-dependencies"]["test"]


def test_a_run_over_a_redis_says_what_to_install_and_starts_nothing(plain: Desk) -> None:
    for command in (("run", DIGITS), ("run", "--resume", "last")):
        said = plain.farm(*command)
        assert said.code == 2, said.err
        assert "pip install 'benchfarm[shared]'" in said.err
        assert "hunter2" not in said.err
    assert [path.name for path in plain.folder.iterdir()] == ["home"]


def test_the_doctor_says_it_too(plain: Desk) -> None:
    said = plain.farm("doctor", "--json")
    assert said.code == 4
    broker = next(each for each in said.results if each["check"] == "broker")
    assert broker["state"] == "fault"
    assert "its client is not installed here" in broker["why"]
    assert "pip install 'benchfarm[shared]'" in broker["mend"]


def test_what_speaks_of_stored_runs_does_not_need_it(plain: Desk) -> None:
    assert plain.farm("runs").code == 0
