"""Wheels resolved by pip and packed for a board: from a folder alone, checked by tag and digest, the same bytes each time."""

import hashlib
import os
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from bootstrap_support import wheel
from farm_lab.sshd import free_port
from farm_orchestrator.bootstrap import wheelhouse
from farm_orchestrator.bootstrap.archive import pack
from farm_orchestrator.bootstrap.targets import Target, platforms, wheel_name
from farm_orchestrator.bootstrap.wheels import NoWheels, resolve
from farm_orchestrator.errors import UsageError

PI = Target("aarch64", (2, 31), (3, 9))
PI_TAG = "cp39-cp39-manylinux_2_27_aarch64.manylinux_2_28_aarch64"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A runtime for a Pi with its needs, and one for another machine."""
    folder = tmp_path / "house"
    wheel(folder, "onnxruntime", "1.19.2", {"onnxruntime/__init__.py": "x = 1\n"}, tag=PI_TAG, needs="numpy")
    wheel(folder, "onnxruntime", "1.20.0", {"onnxruntime/__init__.py": ""}, tag="cp39-cp39-manylinux_2_28_x86_64")
    wheel(folder, "numpy", "1.26.0", {"numpy/__init__.py": "", "numpy/tests/test_x.py": "", "numpy/x.pyi": ""})
    return folder


def brought(requirement: str, house: Path | None, folder: Path, target: Target = PI) -> dict[str, str]:
    folder.mkdir()
    return {one.path.name: one.sha256 for one in resolve(requirement, target, house, folder)}


def test_what_a_board_needs_comes_from_the_folder_with_its_digests(house: Path, tmp_path: Path) -> None:
    found = brought("onnxruntime<=1.31.1", house, tmp_path / "got")
    assert set(found) == {f"onnxruntime-1.19.2-{PI_TAG}.whl", "numpy-1.26.0-py3-none-any.whl"}
    assert found == {name: hashlib.sha256((house / name).read_bytes()).hexdigest() for name in found}


def test_what_only_conversion_tools_ask_for_stays_here(house: Path, tmp_path: Path) -> None:
    wheel(house, "sympy", "1.0", {"sympy/__init__.py": ""})
    wheel(house, "onnxruntime", "1.19.3", {"onnxruntime/__init__.py": ""}, tag=PI_TAG, needs="sympy")
    assert list(brought("onnxruntime", house, tmp_path / "got")) == [f"onnxruntime-1.19.3-{PI_TAG}.whl"]


def test_the_folder_alone_counts_whatever_pip_is_configured_for(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    wheel(elsewhere, "onnxruntime", "1.19.9", {"onnxruntime/__init__.py": ""}, tag=PI_TAG)
    monkeypatch.setenv("PIP_FIND_LINKS", str(elsewhere))
    assert f"onnxruntime-1.19.2-{PI_TAG}.whl" in brought("onnxruntime", house, tmp_path / "got")


def test_a_need_that_is_not_in_the_folder_is_named_with_the_command_that_fetches_it(
    house: Path, tmp_path: Path
) -> None:
    (house / "numpy-1.26.0-py3-none-any.whl").unlink()
    with pytest.raises(UsageError, match="numpy") as caught:
        brought("onnxruntime==1.19.2", house, tmp_path / "got")
    assert "pip download -d DIR --only-binary=:all: --python-version 3.9" in str(caught.value.mend)
    assert "manylinux_2_28_aarch64" in str(caught.value.mend)


def test_only_wheels_for_another_platform_are_no_wheels(house: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"onnxruntime==1\.20\.0 for aarch64 with glibc 2\.31 and Python 3\.9"):
        brought("onnxruntime==1.20.0", house, tmp_path / "got")


@pytest.mark.parametrize("beside", [False, True], ids=["SHA256SUMS", "a file beside the wheel"])
def test_a_wheel_with_another_digest_than_written_down_is_refused(house: Path, tmp_path: Path, *, beside: bool) -> None:
    name = f"onnxruntime-1.19.2-{PI_TAG}.whl"
    right = hashlib.sha256((house / name).read_bytes()).hexdigest()
    sums = house / (f"{name}.sha256" if beside else "SHA256SUMS")
    sums.write_text(f"{right.upper()} *./{name}\n")
    assert name in brought("onnxruntime", house, tmp_path / "right")
    sums.write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(UsageError) as caught:
        brought("onnxruntime", house, tmp_path / "wrong")
    for words in (str(house / name), right, "0" * 64):
        assert words in caught.value.text


def test_a_vendors_wheel_without_a_digest_is_refused_with_the_line_to_write_down(house: Path, tmp_path: Path) -> None:
    name = f"onnxruntime_gpu-1.19.2-{PI_TAG}.whl"
    (house / f"onnxruntime-1.19.2-{PI_TAG}.whl").rename(house / name)
    with pytest.raises(UsageError, match="no digest is written down for it") as caught:
        brought("onnxruntime-gpu", house, tmp_path / "got")
    line = re.findall("echo '(.+)' >>", str(caught.value.mend))[0]
    assert line == f"{hashlib.sha256((house / name).read_bytes()).hexdigest()}  {name}"


def test_a_folder_without_wheels_and_a_strange_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        wheelhouse.wheels(tmp_path / "gone")
    with pytest.raises(UsageError, match="no wheel in it"):
        wheelhouse.wheels(tmp_path)
    (tmp_path / "onnxruntime-latest.whl").touch()
    with pytest.raises(UsageError, match=r"onnxruntime-latest\.whl: this is no wheel's name"):
        wheelhouse.wheels(tmp_path)


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pip knows one index, at a port where nobody listens."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    port = free_port()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    return port


def test_an_index_that_cannot_be_reached_is_told_from_a_wheel_that_is_not_there(no_index: int, tmp_path: Path) -> None:
    with pytest.raises(NoWheels, match="the package index does not answer") as caught:
        brought("onnxruntime<=1.19.2", None, tmp_path / "got")
    assert str(no_index) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "--wheelhouse" in str(caught.value)


def test_a_release_that_the_index_does_not_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoWheels, match=r"onnxruntime==0\.0\.1 for .* cannot be resolved:\n"):
        brought("onnxruntime==0.0.1", None, tmp_path / "got")


def test_the_real_wheels_of_a_foreign_board_are_resolved_here(tmp_path: Path) -> None:
    found = brought("onnxruntime<=1.19.2", None, tmp_path / "got")
    assert f"onnxruntime-1.19.2-{PI_TAG}.whl" in found
    names = [name for file in found if (name := wheel_name(file))]
    assert {"numpy", "protobuf", "flatbuffers"} <= {name.project for name in names}
    assert all(name.fits(PI) for name in names)
    assert "sympy" not in {name.project for name in names}


def test_onnxruntime_from_before_numpy_2_gets_numpy_1(tmp_path: Path) -> None:
    files = brought("onnxruntime==1.17.3", None, tmp_path / "got")
    assert [file.split("-")[1].split(".")[0] for file in files if file.startswith("numpy-")] == ["1"]


def test_platforms_go_from_the_boards_glibc_down_and_end_with_the_vendors_own() -> None:
    assert platforms(PI)[0] == "manylinux_2_31_aarch64"
    assert platforms(PI)[-3:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64")
    assert "manylinux1_x86_64" in platforms(Target("x86_64", (2, 31), (3, 9)))
    assert not [name for name in platforms(PI) if "2_32" in name]


def test_the_same_wheels_make_the_same_bytes_without_what_only_developers_need(house: Path, tmp_path: Path) -> None:
    wheels = [house / f"onnxruntime-1.19.2-{PI_TAG}.whl", house / "numpy-1.26.0-py3-none-any.whl"]
    first = pack(wheels, tmp_path / "a.tar.gz")
    copies = [Path(shutil.copy(path, tmp_path)) for path in reversed(wheels)]
    for path in copies:
        os.utime(path, (1, 1))
    second = pack(copies, tmp_path / "b.tar.gz")
    assert (first.sha256, first.size, first.unpacked) == (second.sha256, second.size, second.unpacked)
    with tarfile.open(first.path) as archive:
        names = archive.getnames()
    assert {"onnxruntime/__init__.py", "numpy/__init__.py", "numpy-1.26.0.dist-info/METADATA"} <= set(names)
    assert not [name for name in names if "tests/" in name or name.endswith(".pyi")]
    assert first.unpacked == len(names) * 4096 - sum(4096 for name in names if name == "numpy/__init__.py")


@pytest.mark.parametrize(
    "name", ["../x.py", "/x.py", "a/../../x.py", "a//x.py", "..\\x.py", "C:x.py", "a\x1b/x.py", "./x"]
)
def test_a_name_that_leaves_its_folder_stops_everything(tmp_path: Path, name: str) -> None:
    evil = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr(name, "")
    with pytest.raises(UsageError, match="would lead out of its folder"):
        pack([evil], tmp_path / "out.tar.gz")


def test_scripts_stay_out_and_libraries_of_the_data_folder_come_in(tmp_path: Path) -> None:
    path = wheel(
        tmp_path, "x", "1", {"x-1.data/scripts/run.sh": "", "x-1.data/purelib/x/y.py": "", "x/__init__.py": ""}
    )
    with tarfile.open(pack([path], tmp_path / "out.tar.gz").path) as archive:
        assert {name for name in archive.getnames() if "dist-info" not in name} == {"x/y.py", "x/__init__.py"}


def test_links_doubles_and_torn_wheels_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "x-1-py3-none-any.whl"
    entry = zipfile.ZipInfo("x/link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(link, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(UsageError, match="is a link"):
        pack([link], tmp_path / "out.tar.gz")
    one = wheel(tmp_path, "y", "1", {"same.py": ""})
    two = wheel(tmp_path, "z", "1", {"same.py": ""})
    with pytest.raises(UsageError, match=r"both hold same\.py"):
        pack([one, two], tmp_path / "out.tar.gz")
    one.write_bytes(one.read_bytes()[:100])
    with pytest.raises(UsageError, match="cannot be unpacked"):
        pack([one], tmp_path / "out.tar.gz")
