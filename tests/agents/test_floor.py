"""The Python floor of boards: 3.8, with nothing but the standard library, numpy and onnxruntime."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import agents_support as parts
import farm_agents
from agents_support import Client
from farm_agents import wire

Start = Callable[..., Client]
SOURCES = sorted(Path(farm_agents.__file__).parent.glob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "numpy", "onnxruntime", "farm_agents"}
SINCE_38 = {"graphlib", "zoneinfo", "tomllib", "_typing"}


def old_pythons() -> list[str]:
    """Interpreters of the floor's version that have a runtime."""
    known = [os.environ.get("FARM_TEST_PYTHON38"), shutil.which("python3.8")]
    ask = [*["-I", "-c"], "import sys, onnxruntime; sys.exit(sys.version_info[:2] != (3, 8))"]
    return [
        path
        for path in known
        if path and subprocess.run([path, *ask], capture_output=True, check=False).returncode == 0
    ]


def imported(source: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_file_is_python_3_8(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_file_imports_the_standard_library_numpy_and_onnxruntime_only(source: Path) -> None:
    roots = {name.split(".")[0] for name in imported(source)}
    assert roots <= ALLOWED - SINCE_38


def test_onnxruntime_is_imported_in_one_file() -> None:
    found = [path.name for path in SOURCES if any(name.split(".")[0] == "onnxruntime" for name in imported(path))]
    assert found == ["runtime.py"]


def test_a_peak_that_is_inherited_over_exec_is_never_read() -> None:
    word = "ru_" + "maxrss"
    assert [path.name for path in SOURCES if word in path.read_text()] == []


def test_exceptions_are_caught_blindly_in_one_place_only() -> None:
    blind = ("except " + "Exception", "except " + "BaseException", "except" + ":")
    found = [
        (path.name, line.strip())
        for path in SOURCES
        for line in path.read_text().splitlines()
        if line.strip().startswith(blind)
    ]
    assert [name for name, _ in found] == ["supervisor.py"]


@pytest.mark.parametrize(
    "python", [sys.executable, *old_pythons()], ids=["this Python", *["the floor"] * len(old_pythons())]
)
@pytest.mark.parametrize("kind", ["measure", "evaluate", "profile"])
def test_a_launch_of_each_kind_is_done(start: Start, tmp_path: Path, python: str, kind: str) -> None:
    client = start(python=python)
    hello = client.open()
    assert isinstance(hello, wire.Hello)
    files = (parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz"))
    done = client.launch(*files, kind=kind, recipe={"cooldown_max_s": 0.1}).done
    assert done.facts["python"] == hello.python
    assert done.facts["onnxruntime"] == hello.onnxruntime
    canary = [value for name, value in done.facts.items() if name.startswith("canary_")]
    assert [type(value) for value in canary] == [int] * 4 * (kind == "measure")
    settled = [name for name in done.facts if name.startswith("settle_") and not name.endswith("_reason")]
    assert len(settled) == 4 * (kind == "measure")
    absent = done.facts["options"]["absent"]
    assert all(reason for reason in absent.values())


def test_an_interpreter_below_the_floor_says_so(pyz: Path, tmp_path: Path) -> None:
    """The first lines of the bundle run on any Python 3; here they are told that it is an old one."""
    code = "import sys, runpy; sys.version_info = (3, 6, 9); sys.argv = [sys.argv[1]]; runpy.run_path(sys.argv[0], run_name='__main__')"
    answer = subprocess.run(
        [sys.executable, "-I", "-c", code, str(pyz)], input=b"{}\n", capture_output=True, check=True, cwd=tmp_path
    )
    refused = wire.decode(answer.stdout.strip())
    assert refused == wire.Refused("no_runtime", "Python 3.6 is below the floor 3.8")
