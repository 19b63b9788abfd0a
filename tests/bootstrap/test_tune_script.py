"""The script that lets a group hold a board's clocks: what it lays where, and that systemd and sudo would take it."""

import ast
import inspect
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from farm_agents import grants, guardian, ledger, tune
from farm_orchestrator.bootstrap.tune_script import PLACES, PROGRAM, tune_script
from farm_orchestrator.cli.boards import boards

UNITS = [place for _, place in PLACES.values() if "/systemd/" in place]


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    """Everything below a folder, as the script itself lays it."""
    run(tmp_path)
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "DESTDIR": str(folder)}
    return subprocess.run(
        ["sh", "-s", "--", *words], input=tune_script(), env=env, text=True, check=True, capture_output=True
    )


def below(folder: Path) -> dict[str, int]:
    return {
        f"/{path.relative_to(folder)}": stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_command_prints_the_script_and_nothing_else() -> None:
    said = CliRunner().invoke(boards, ["tune-script"])
    assert (said.exit_code, said.output) == (0, tune_script())


def test_it_lays_the_program_and_its_units_and_nothing_else(laid: Path) -> None:
    assert below(laid) == {PROGRAM: 0o755, **{place: mode for mode, place in PLACES.values()}}


def test_the_program_is_the_agents_own_but_for_the_imports_between_its_parts(laid: Path) -> None:
    text = (laid / PROGRAM[1:]).read_text()
    assert text.startswith("#!/usr/bin/python3 -I\n")
    assert "farm_agents" not in text
    left_out = []
    for part in (grants, ledger, guardian, tune):
        lines = inspect.getsource(part).splitlines()
        left_out += [line for line in lines if line not in text.splitlines()]
    assert left_out
    assert all(line.startswith("from farm_agents.") for line in left_out)


def test_no_part_of_the_program_hides_a_name_of_another(laid: Path) -> None:
    tree = ast.parse((laid / PROGRAM[1:]).read_text())
    made = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    made += [target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
             if isinstance(target, ast.Name)]  # fmt: skip
    assert sorted(made) == sorted(set(made))


def test_the_program_needs_nothing_but_the_standard_library(laid: Path) -> None:
    tree = ast.parse((laid / PROGRAM[1:]).read_text(), feature_version=(3, 8))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= set(sys.stdlib_module_names)


def test_the_laid_program_runs_by_itself(laid: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-I",
        str(laid / PROGRAM[1:]),
        "--journal",
        str(tmp_path / "j" / "lease.json"),
        "restore",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert '"left": []' in done.stdout


def test_laying_it_again_changes_nothing_and_removing_it_leaves_nothing(laid: Path) -> None:
    before = below(laid)
    run(laid)
    assert below(laid) == before
    run(laid, "--remove")
    assert below(laid) == {}


def test_systemd_takes_the_units_without_a_word(laid: Path, tmp_path: Path) -> None:
    """With the laid program in the place of the installed one: systemd looks whether it can be started."""
    folder = tmp_path / "verify"
    folder.mkdir()
    for unit in UNITS:
        text = (laid / unit[1:]).read_text().replace(PROGRAM, str(laid / PROGRAM[1:]))
        (folder / Path(unit).name).write_text(text)
    instance = folder / "farm-lease@1.service"
    shutil.copyfile(folder / "farm-lease@.service", instance)
    names = [str(folder / "farm-lease.socket"), str(instance), str(folder / "farm-restore.service")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "farm-" in line]) == (0, [])


def test_sudo_grants_the_program_without_arguments_and_nothing_else(laid: Path) -> None:
    rules = [line for line in (laid / "etc/sudoers.d/farm-tune").read_text().splitlines() if not line.startswith("#")]
    assert rules == [
        f"Defaults!{PROGRAM} !requiretty",
        f'%farmbench ALL=(root) NOPASSWD: {PROGRAM} ""',
    ]
