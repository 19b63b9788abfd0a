"""`farm demo` as one has it who installed the wheel and has no checkout."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from run_support import DIGITS, ROOT, Desk
from transport_support import own_mounts


def _run(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; what it depends on comes from ours, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    built = _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    fresh = folder / "venv"
    _run([sys.executable, "-m", "venv", "--without-pip", str(fresh)], folder)
    python = fresh / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    done = _run([sys.executable, "-m", "pip", "--python", str(python), *install], folder)
    assert done.returncode == 0, done.stderr
    (site,) = fresh.glob("lib/python*/site-packages")
    (site / "theirs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return fresh


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "home").mkdir()
    return {"PATH": os.defpath, "HOME": str(tmp_path / "home")}


def test_the_wheel_holds_its_packages_and_the_whole_example(installed: Path, env: Mapping[str, str]) -> None:
    program = "import farm_orchestrator.cli.demo as d; print(d.__file__); print(d.example())"
    said = _run([str(installed / "bin" / "python"), "-c", program], installed, env)
    module, example = map(Path, said.stdout.split())
    assert module.is_relative_to(installed)
    assert example.is_relative_to(installed)
    for file in ("variants.yaml", "digits.npz", *(path.name for path in DIGITS.glob("*.onnx"))):
        assert (example / file).read_bytes() == (DIGITS / file).read_bytes()


def test_the_wheel_holds_every_tree_of_the_lab(installed: Path, env: Mapping[str, str]) -> None:
    program = "from farm_lab import profiles as p; print(*(len(p.entries_of(n)) > 50 and n for n in p.names()[4:]))"
    said = _run([str(installed / "bin" / "python"), "-c", program], installed, env)
    trees = ROOT / "agents" / "farm_lab" / "trees"
    assert said.stdout.split() == sorted(file.stem for file in trees.iterdir())


@pytest.mark.long
def test_the_demo_of_a_wheel_ends_on_a_verdict_and_a_report(installed: Path, tmp_path: Path) -> None:
    """Also where the folder's own settings name boards: the demo reaches none."""
    desk = Desk(tmp_path)
    (tmp_path / "inventory.yaml").write_text("boards: {nowhere: {host: 192.0.2.1}}\n")
    (tmp_path / "farm.yaml").write_text("inventory: inventory.yaml\n")
    (tmp_path / "home").mkdir()
    said = _run([str(installed / "bin" / "farm"), "demo"], tmp_path, desk.env)
    assert said.returncode == 0, said.stderr
    assert "Passed" in said.stdout
    assert said.stdout.rstrip().endswith(str(desk.runs()[0] / "report.html"))
    assert {row["board"] for row in desk.launches()} == {"local"}


def test_a_folder_that_cannot_be_written_is_told_without_a_traceback(
    installed: Path, tmp_path: Path, env: Mapping[str, str]
) -> None:
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1"'
    (tmp_path / "shut").mkdir()
    command = own_mounts(script, [str(tmp_path / "shut")], [str(installed / "bin" / "farm"), "demo"])
    said = _run(command, tmp_path, {**env, "PATH": os.environ["PATH"]})
    assert said.returncode == 4
    assert "the state folder cannot be made: Read-only file system" in said.stderr
    assert "FARM_HOME" in said.stderr
    assert "Traceback" not in said.stderr
