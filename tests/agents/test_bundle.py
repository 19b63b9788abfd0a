"""The bundle: the same bytes each time, and a program that Python runs from any name."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import agents_support as parts
from farm_orchestrator import bundle


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, pyz: Path) -> None:
    again = bundle.build(tmp_path / "elsewhere")
    assert again.read_bytes() == pyz.read_bytes()
    assert bundle.build(tmp_path / "elsewhere").read_bytes() == pyz.read_bytes()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [bundle.NAME]


def test_the_bundle_holds_every_module_and_family_in_order_and_nothing_else(pyz: Path) -> None:
    import farm_agents

    root = Path(farm_agents.__file__).parent
    found = (*root.glob("*.py"), *root.glob("families/*.json"))
    expected = {f"farm_agents/{path.relative_to(root)}" for path in found}
    with zipfile.ZipFile(pyz) as archive:
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {bundle.EPOCH}
    assert names == sorted({"__main__.py", *expected})


def test_building_imports_nothing_of_the_agent() -> None:
    code = (
        "import sys, tempfile, pathlib; from farm_orchestrator import bundle;"
        "bundle.build(pathlib.Path(tempfile.mkdtemp()));"
        "print([name for name in sys.modules if name.startswith('farm_agents')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_the_bundle_runs_under_its_digest_alone_and_leaves_nothing_behind(pyz: Path, tmp_path: Path) -> None:
    bare = tmp_path / parts.sha256(pyz.read_bytes())
    shutil.copy(pyz, bare)
    answer = subprocess.run(
        [sys.executable, "-I", str(bare), "probe"], capture_output=True, check=True, text=True, cwd=tmp_path
    )
    assert '"onnxruntime"' in answer.stdout
    assert list(tmp_path.iterdir()) == [bare]


def test_unknown_arguments_are_answered_with_the_usage(pyz: Path) -> None:
    answer = subprocess.run([sys.executable, "-I", str(pyz), "--help"], capture_output=True, check=False, text=True)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("usage: agent")
