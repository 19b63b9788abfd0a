"""What `farm init` writes, and what it leaves alone."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from farm_inventory import Board
from farm_inventory.fleet import boards
from farm_inventory.nodes import document
from farm_lab import lab
from farm_lab.places import Places
from farm_orchestrator.errors import UsageError
from farm_orchestrator.probing import UNKNOWN
from farm_orchestrator.setup import documents, writing
from farm_orchestrator.setup.trying import READY, Attempt
from lab_support import at, options
from setup_support import piped

Env = Mapping[str, str]
TABS = "boards:\n\trpi5: {}\n"


@pytest.fixture
def lab_of_two(tmp_path: Path) -> Iterator[Places]:
    place = at(tmp_path)
    lab.up(place, 2, options())
    yield place
    lab.down(place)


def yaml(file: Path) -> Any:
    return YAML(typ="safe", pure=True).load(file.read_text())


def schema_of(file: Path) -> Any:
    """The schema that an editor finds through the first line."""
    first = file.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    return json.loads((file.parent / named).read_text())


def test_both_files_hold_to_the_schema_they_name_and_every_commented_key_too(env: Env, folder: Path) -> None:
    assert piped(folder, env, "init", "--boards", "local").returncode == 0
    for name in ("inventory.yaml", "farm.yaml"):
        jsonschema.Draft202012Validator(schema_of(folder / name)).validate(yaml(folder / name))
    text = (folder / "farm.yaml").read_text()
    (folder / "farm.yaml").write_text(text.replace("\n# preset", "\npreset").replace("\n# runs", "\nruns"))
    assert yaml(folder / "farm.yaml") == {"inventory": "inventory.yaml", "preset": "standard", "runs": "runs"}
    assert piped(folder, env, "boards", "ls").returncode == 0


def test_the_example_of_fields_in_the_comment_is_an_inventory(tmp_path: Path) -> None:
    lines = documents.INVENTORY_TAIL.splitlines()
    fields = [line.removeprefix("#") for line in lines if line.startswith("#   ")]
    (board,) = boards(document("boards:\n" + "\n".join(fields), "i"), tmp_path)
    assert (board.name, board.type, board.threads) == ("rpi5-01", "pi5", 4)


def test_an_inventory_that_is_there_stays_and_its_boards_are_tried(lab_of_two: Places, env: Env, folder: Path) -> None:
    mine = lab_of_two.inventory.read_bytes()
    (folder / "inventory.yaml").write_bytes(mine)
    said = piped(folder, env, "init")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "inventory.yaml is there and stays as it is." in said.stdout
    assert said.stdout.count("ready") == 2
    assert "is this machine" not in said.stdout
    assert "Wrote farm.yaml." in said.stdout
    assert (folder / "inventory.yaml").read_bytes() == mine
    again = piped(folder, env, "init")
    assert again.returncode == 0
    assert "Nothing to write" in again.stdout


def test_a_list_of_boards_never_overwrites_an_inventory(env: Env, folder: Path) -> None:
    (folder / "inventory.yaml").write_text("boards: {mine: }\n")
    said = piped(folder, env, "init", "--boards", "local")
    assert said.returncode == 2
    assert "inventory.yaml is there already; nothing was written" in said.stderr
    assert (folder / "inventory.yaml").read_text() == "boards: {mine: }\n"
    assert [path.name for path in folder.iterdir()] == ["inventory.yaml"]


def test_force_keeps_what_it_replaces_every_time(env: Env, folder: Path) -> None:
    (folder / "inventory.yaml").write_text("first\n")
    for _ in range(2):
        assert piped(folder, env, "init", "--boards", "local", "--force").returncode == 0
    assert (folder / "inventory.yaml.bak").read_text() == "first\n"
    assert (folder / "inventory.yaml.bak2").read_bytes() == (folder / "inventory.yaml").read_bytes()
    assert (folder / "farm.yaml.bak").exists()


def test_an_inventory_with_tabs_is_told_by_its_line_and_nothing_is_written(env: Env, folder: Path) -> None:
    (folder / "inventory.yaml").write_text(TABS)
    said = piped(folder, env, "init")
    assert said.returncode == 2
    assert "inventory.yaml:2:1: a tab cannot indent YAML; use spaces" in said.stderr
    assert [path.name for path in folder.iterdir()] == ["inventory.yaml"]


def test_a_farm_yaml_that_is_there_is_obeyed(env: Env, folder: Path) -> None:
    (folder / "farm.yaml").write_text("inventory: fleet.yaml\n")
    said = piped(folder, env, "init", "--boards", "local")
    assert said.returncode == 0, said.stderr
    assert "Wrote fleet.yaml." in said.stdout
    (folder / "farm.yaml").write_text("preset: ci\n")
    said = piped(folder, env, "init", "--boards", "local")
    assert "add this line to it: inventory: inventory.yaml" in said.stdout
    assert (folder / "farm.yaml").read_text() == "preset: ci\n"


def test_a_farm_above_keeps_its_state_to_itself(env: Env, folder: Path) -> None:
    (folder / "farm.yaml").write_text("preset: ci\n")
    said = piped(folder, env, "init", "--boards", "local", "--dir", "sub")
    assert said.returncode == 0, said.stderr
    assert said.stdout.rstrip().endswith("cd sub && farm demo")
    assert {path.name for path in (folder / "sub").iterdir()} == {"inventory.yaml", "farm.yaml", ".farm"}


def test_without_a_terminal_the_missing_flag_is_named(env: Env, folder: Path) -> None:
    said = piped(folder, env, "init")
    assert said.returncode == 2
    assert "--boards LIST is missing" in said.stderr
    assert list(folder.iterdir()) == []


def test_nothing_is_put_in_place_where_one_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    files = {tmp_path / "a.yaml": "a", tmp_path / "file" / "b.yaml": "b"}
    with pytest.raises(UsageError, match="nothing can be written"):
        writing.write(files, {}, replace=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("theirs")
    with pytest.raises(UsageError, match="is there already"):
        writing.write({tmp_path / "a.yaml": "mine"}, {}, replace=False)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.yaml", "theirs")]


HOSTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
USERS = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,9}", fullmatch=True)


@given(HOSTS | st.sampled_from(["null", "1e3", "0x1F", "yes", "1.5", "~x"]), USERS, st.none() | st.integers(1, 65535),
       st.text(max_size=200))  # fmt: skip
def test_whatever_a_board_is_called_and_says_it_is_read_back_as_it_was(
    name: str, user: str | None, port: int | None, model: str
) -> None:
    name = name.strip("~")
    tried = Attempt(Board(name, user=user, port=port), READY, None, {**UNKNOWN, "model": model})
    (read,) = boards(document(documents.inventory([tried], {}, "s.json"), "i"), Path("/h"))
    assert (read.name, read.user, read.port, read.local) == (name, user, port, False)
