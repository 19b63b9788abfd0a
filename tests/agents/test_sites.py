"""Runtimes that lie on the board: which one an agent runs, and how one is laid out or leaves nothing."""

import fcntl
import io
import json
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

import agents_support as parts
from agents_support import Board, Client
from bootstrap_support import HERE_TEXT, bare, tree
from farm_agents import probe, sites, wire
from farm_agents.place import Place

Start = Callable[..., Client]
SITE = "ab" * 32


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(bare(tmp_path_factory.mktemp("bare") / "venv"))


def document(**changes: Any) -> dict[str, Any]:
    return {"format": sites.FORMAT, "onnxruntime": "1", "site": SITE, "python": HERE_TEXT, **changes}


@pytest.fixture
def laid(board: Board) -> Callable[..., None]:
    """Lays this machine's packages on the board as a runtime."""

    def lay(name: str = "default", **changes: Any) -> None:
        (board.base / "runtimes").mkdir(parents=True, exist_ok=True)
        (board.base / "runtimes" / f"{name}.json").write_text(json.dumps(document(**changes)))
        folder = board.base / "sites" / SITE
        folder.parent.mkdir(exist_ok=True)
        if not folder.exists():
            folder.symlink_to(sysconfig.get_path("purelib"))

    return lay


def test_a_bare_interpreter_runs_launches_with_the_runtime_that_lies_there(
    start: Start, laid: Callable[..., None], bare_python: str, tmp_path: Path
) -> None:
    laid()
    laid("1.19.2")
    client = start(python=bare_python)
    hello = client.open()
    assert isinstance(hello, wire.Hello), hello
    assert hello.facts["runtime"]["site"] == SITE
    assert hello.facts["runtimes"] == ["1.19.2", "default"]
    done = client.launch(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz")).done
    assert done.facts["onnxruntime"] == hello.onnxruntime


def test_without_any_runtime_there_the_interpreters_own_is_run(start: Start) -> None:
    hello = start().open()
    assert isinstance(hello, wire.Hello)
    assert (hello.facts["runtime"], hello.facts["runtimes"]) == (None, [])


def refused(start: Start, python: str, runtime: str | None = None) -> str:
    answer = start(python=python).open(runtime=runtime)
    assert isinstance(answer, wire.Refused), answer
    assert answer.reason == "no_runtime"
    return answer.detail


def test_a_bare_interpreter_with_nothing_there_says_what_is_missing(start: Start, bare_python: str) -> None:
    assert "numpy" in refused(start, bare_python)


def test_a_named_runtime_that_is_not_there_is_refused_and_the_others_are_named(
    start: Start, laid: Callable[..., None]
) -> None:
    laid("1.19.2")
    assert refused(start, sys.executable, "1.23.0") == "there is no runtime 1.23.0 on this board; there are 1.19.2"
    assert "there is no runtime ../x" in refused(start, sys.executable, "../x")


def test_a_runtime_for_another_python_is_refused_with_both(start: Start, laid: Callable[..., None]) -> None:
    laid(python="3.7", onnxruntime="1.14.1")
    detail = refused(start, sys.executable)
    assert "onnxruntime 1.14.1 is for Python 3.7" in detail
    assert f"the board's interpreter is Python {HERE_TEXT}" in detail


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "farm.runtime/9"}, "this agent reads farm.runtime/1"),
        ({"site": "../../x"}, "names no site"),
        ({"site": "cd" * 32}, "is gone"),
        ({"python": 3}, "names no site and no Python"),
    ],
)
def test_a_spoilt_document_is_refused_with_its_path(
    start: Start, laid: Callable[..., None], changes: dict[str, Any], words: str
) -> None:
    laid(**changes)
    assert words in refused(start, sys.executable)


def test_a_torn_document_is_refused(board: Board, laid: Callable[..., None]) -> None:
    laid()
    (board.base / "runtimes" / "default.json").write_text('{"format": ')
    with pytest.raises(sites.NoSite, match="cannot be read"):
        sites.choose(Place(str(board.base)), None)


def test_the_model_of_the_trial_is_right_and_old_enough() -> None:
    model = onnx.load_from_string(probe.DOUBLE)
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version, len(model.graph.node)) == (7, 13, 1)


def install(pyz: Path, board: Board, python: str = sys.executable, **changes: Any) -> dict[str, Any]:
    order = {"base": str(board.base), "site": SITE, "document": document(), "names": ["1", "default"], "link": None}
    done = subprocess.run(
        [python, "-I", str(pyz), "install"], input=json.dumps({**order, **changes}), text=True, capture_output=True,
        check=True,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def pushed(board: Board, tmp_path: Path, files: dict[str, str]) -> str:
    """An archive in the store, as a push leaves it."""
    path = tmp_path / "site.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return board.push(path)


def test_a_runtime_that_works_is_written_down_last_and_python_is_linked(
    pyz: Path, board: Board, laid: Callable[..., None], bare_python: str
) -> None:
    laid("seed")
    answer = install(pyz, board, bare_python, link=bare_python)
    assert answer["made"] is False
    written = json.loads((board.base / "runtimes" / "default.json").read_text())
    assert written == json.loads((board.base / "runtimes" / "1.json").read_text())
    assert (written["site"], written["onnxruntime"]) == (SITE, answer["found"]["onnxruntime"])
    assert (board.base / "python" / "bin" / "python3").resolve() == Path(bare_python).resolve()


@pytest.mark.parametrize(
    ("files", "ended"),
    [
        ({"numpy/__init__.py": "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"}, ("no_runtime", -4)),
        ({"numpy/__init__.py": "raise ImportError('broken')\n"}, ("no_runtime", 0)),
        ({"numpy/__init__.py": "raise SystemError('broken')\n"}, ("no_runtime", 1)),
        ({"../x": ""}, ("io", None)),
        ({"a/../../x": ""}, ("io", None)),
        ({"/x": ""}, ("io", None)),
    ],
    ids=range(6),
)  # fmt: skip
def test_of_a_runtime_that_fails_nothing_is_left(
    pyz: Path, board: Board, tmp_path: Path, files: dict[str, str], ended: tuple[str, int | None]
) -> None:
    answer = install(pyz, board, site=pushed(board, tmp_path, files), link="/bin/sh")
    assert (answer["refused"], answer["code"]) == ended, answer
    assert tree(board.base) == {"lock"}


def test_what_an_attempt_left_that_was_cut_off_is_swept(pyz: Path, board: Board, tmp_path: Path) -> None:
    stale = board.base / "sites" / f".fresh-{SITE}"
    stale.mkdir(parents=True)
    (stale / "half").touch()
    assert install(pyz, board)["refused"] == "missing"
    assert tree(board.base) == {"lock"}


def test_nothing_is_laid_out_while_a_run_measures(pyz: Path, board: Board, laid: Callable[..., None]) -> None:
    laid("seed")
    with (board.base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert install(pyz, board)["refused"] == "busy"
    assert "found" in install(pyz, board)


@pytest.mark.parametrize(
    "changes",
    [
        {"site": "../x"},
        {"names": ["../x"]},
        {"base": "/a/../b"},
        {"document": 7},
        {"names": 7},
        {"link": 7, "site": "x"},
    ],
)
def test_an_order_that_leads_elsewhere_touches_nothing(pyz: Path, board: Board, changes: dict[str, Any]) -> None:
    assert install(pyz, board, **changes)["refused"] == "wire"
    assert not board.base.exists()


def test_only_the_interpreters_own_packages_are_tried_where_no_site_is_named(
    pyz: Path, board: Board, bare_python: str
) -> None:
    assert "found" in install(pyz, board, site=None, document={}, names=[])
    answer = install(pyz, board, bare_python, site=None, document={}, names=[])
    assert (answer["refused"], answer["code"]) == ("no_runtime", 0)
    assert tree(board.base) == {"lock"}
