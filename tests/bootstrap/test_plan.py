"""From what a board says to what is done with it, or to a refusal that says what, where, why and how to mend it."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap_support import scanned, spec
from farm_orchestrator.bootstrap.case import Wish
from farm_orchestrator.bootstrap.interpreter import PythonArchive
from farm_orchestrator.bootstrap.laying import Need, check_room
from farm_orchestrator.bootstrap.plan import Plan, make
from farm_orchestrator.bootstrap.targets import WheelName, wheel_name
from farm_orchestrator.bootstrap.wanted import Wanted, name, wanted
from farm_orchestrator.errors import DiskFull, FarmError, NoRuntime, ReadOnly, UsageError

BASE = "/home/pi/.cache/benchfarm"
ARCHIVE = PythonArchive(Path("cpython.tar.gz"), "ab" * 32, 30 << 20, 100 << 20, (3, 12), "aarch64")
ARM_ELF = "127 69 76 70 1 1 1 0 0 0 0 0 0 0 0 0 3 0 40 0"
RUNTIME = '{"name": "1.19.2", "site": "' + "cd" * 32 + '", "python": "3.9", "onnxruntime": "1.19.2"}'


def python(version: str, path: str, *, kind: str = "cpython", bits: int = 64, flags: str = "-", own: int = 0) -> str:
    return f"{version} {kind} {bits} {flags} {own} {path}.real|{path}"


def pythons(*lines: str) -> tuple[tuple[str, str], ...]:
    return tuple(("python", line) for line in lines)


def plan(*more: tuple[str, str], wish: Wish | None = None, fields: dict[str, Any] | None = None, **said: Any) -> Plan:
    return make(spec(**fields or {}), scanned(*more, **said), wish or Wish())


def house(*files: str) -> tuple[WheelName, ...]:
    return tuple(found for file in files if (found := wheel_name(file)))


def refusal(*more: tuple[str, str], **given: Any) -> FarmError:
    with pytest.raises(FarmError) as caught:
        plan(*more, **given)
    assert caught.value.mend, "a refusal says how to mend it"
    assert "'b'" in caught.value.text, "a refusal says where"
    return caught.value


def test_a_pi_4_with_debian_12_gets_the_newest_release_and_keeps_its_python() -> None:
    found = plan()
    assert (found.version, found.python, found.link) == ("1.31.1", "/usr/bin/python3", None)
    assert (found.requirement(), found.default) == ("onnxruntime<=1.31.1,!=1.21.0", True)
    assert str(found.target) == "aarch64 with glibc 2.36 and Python 3.11"


def test_a_release_that_dies_on_its_processor_is_never_chosen_and_never_taken() -> None:
    old: dict[str, Any] = {"libc": "glibc 2.27", "python": python("3.10.4", "/usr/bin/python3")}
    assert plan(**old, parts="0xd08 0xd03").requirement() == "onnxruntime<=1.23.2,!=1.21.0"
    assert plan(**old, parts="0xd0b").requirement() == "onnxruntime<=1.23.2"
    error = refusal(wish=Wish(Wanted(version="1.21.0")))
    assert "SIGILL" in error.text
    assert plan(parts="0xd0b", wish=Wish(Wanted(version="1.21.0"))).requirement() == "onnxruntime==1.21.0"


def test_after_a_death_the_version_before_is_asked_for_and_the_board_remembers() -> None:
    assert plan().requirement(["1.31.1"]) == "onnxruntime<=1.31.1,!=1.21.0,!=1.31.1"
    later = plan(("runtime", 'default.json {"denied": ["1.31.1", "; rm -rf /", 7]}'))
    assert later.requirement() == "onnxruntime<=1.31.1,!=1.21.0,!=1.31.1"
    assert later.died == {"1.31.1"}
    named = plan(wish=Wish(Wanted(version="1.30.0")))
    assert named.requirement(["1.30.0"]) is None


def test_another_interpreter_is_chosen_for_a_newer_release_and_linked() -> None:
    more = pythons(python("3.13.1", "/opt/py/bin/python3"), python("3.12.1", "/usr/local/bin/python3.12"))
    found = plan(*more, python=python("3.9.2", "/usr/bin/python3"))
    assert (found.python, found.link, found.version) == ("/opt/py/bin/python3", "/opt/py/bin/python3.real", "1.31.1")


def test_equal_interpreters_leave_the_one_that_runs_use() -> None:
    laid = python("3.12.1", f"{BASE}/python/bin/python3")
    found = plan(*pythons(laid, python("3.13.1", "/opt/py/bin/python3")))
    assert (found.python, found.link) == (f"{BASE}/python/bin/python3", None)


def test_runtimes_that_lie_there_keep_the_interpreter_that_they_are_for() -> None:
    more = (("runtime", f"1.19.2.json {RUNTIME}"), *pythons(python("3.13.1", "/opt/py/bin/python3")))
    found = plan(*more, python=python("3.9.2", "/usr/bin/python3"))
    assert (found.python, found.link, found.version) == ("/usr/bin/python3", None, "1.19.2")
    assert found.already is not None
    assert found.already["site"] == "cd" * 32
    error = refusal(*more, python=python("3.9.2", "/usr/bin/python3"), wish=Wish(Wanted(version="1.31.1")))
    assert "has wheels for Python 3.11 to 3.14, not 3.9" in error.text


@pytest.mark.parametrize("spoilt", ['"site": "../x"', '"name": "../x"', '"python": "3.12"', '"site": 7'])
def test_a_document_of_a_board_that_leads_elsewhere_counts_as_absent(spoilt: str) -> None:
    text = RUNTIME[:-1] + f", {spoilt}}}"
    found = plan(("runtime", f"1.19.2.json {text}"), python=python("3.9.2", "/usr/bin/python3"))
    assert found.already is None


def test_a_board_whose_own_packages_do_is_left_alone_unless_a_version_is_named() -> None:
    own = python("3.11.2", "/usr/bin/python3", own=1)
    assert plan(python=own).version is None
    assert plan(python=own, fields={"runtime": "1.30.0"}).requirement() == "onnxruntime==1.30.0"
    assert plan(python=own, wish=Wish(Wanted(version="1.30.0"))).default


def test_a_named_runtime_lies_beside_the_default_one() -> None:
    there = ("runtime", f"default.json {RUNTIME}")
    old = python("3.9.2", "/usr/bin/python3")
    assert not plan(there, python=old, wish=Wish(Wanted(version="1.17.3"))).default
    assert plan(there, python=old).default


def test_the_interpreter_of_the_inventory_is_taken_as_it_is() -> None:
    more = pythons(python("3.8.10", "/opt/old/bin/python3"))
    found = plan(*more, fields={"python": "/opt/old/bin/python3"})
    assert (found.python, found.link, found.version) == ("/opt/old/bin/python3", None, "1.19.2")
    error = refusal(fields={"python": "/gone/python3"})
    assert "/gone/python3 cannot be used: there is none" in error.text


def test_a_brought_interpreter_is_linked_and_decides_the_wheels() -> None:
    found = plan(python=None, libc="glibc 2.27", wish=Wish(archive=ARCHIVE))
    assert (found.python, found.version) == (None, "1.28.0")
    assert found.link == f"../../interpreters/{ARCHIVE.sha256}/python/bin/python3"
    assert found.target.python == (3, 12)


def test_a_vendors_wheel_comes_from_the_folder_alone() -> None:
    jetson: dict[str, Any] = {"libc": "glibc 2.31", "python": python("3.8.10", "/usr/bin/python3")}
    gpu = Wanted("onnxruntime-gpu", "1.16.0")
    wheels = house(
        "onnxruntime_gpu-1.16.0-cp38-cp38-linux_aarch64.whl", "numpy-1.24.4-cp38-cp38-manylinux2014_aarch64.whl"
    )
    found = plan(wish=Wish(gpu, wheels), **jetson)
    assert (found.project, found.requirement()) == ("onnxruntime-gpu", "onnxruntime-gpu==1.16.0")
    assert isinstance(refusal(wish=Wish(gpu), **jetson), UsageError)
    other = house("onnxruntime_gpu-1.23.0-cp310-cp310-linux_aarch64.whl")
    error = refusal(wish=Wish(Wanted("onnxruntime-gpu"), other), **jetson)
    assert "no onnxruntime-gpu that fits: onnxruntime_gpu-1.23.0-cp310-cp310-linux_aarch64.whl" in error.text


def test_of_a_folder_the_newest_that_fits_is_taken_and_after_it_the_one_before() -> None:
    wheels = house(
        "onnxruntime-1.30.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "onnxruntime-1.29.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "onnxruntime-1.31.1-cp313-cp313-manylinux_2_28_aarch64.whl",
    )
    found = plan(wish=Wish(wheelhouse=wheels))
    assert found.requirement() == "onnxruntime==1.30.0"
    assert found.requirement(["1.30.0"]) == "onnxruntime==1.29.0"
    assert found.requirement(["1.30.0", "1.29.0"]) is None


def test_a_wheel_for_another_platform_in_the_folder_is_named_with_what_is_needed() -> None:
    error = refusal(wish=Wish(wheelhouse=house("onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl")))
    assert "aarch64 with glibc 2.36 and Python 3.11" in error.text
    assert "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl" in error.text
    assert "no wheel of onnxruntime at all" in refusal(wish=Wish(wheelhouse=house("x-1-py3-none-any.whl"))).text


def test_a_32_bit_board_is_served_from_the_operators_own_wheel() -> None:
    wheels = house("onnxruntime-1.19.2-cp311-cp311-linux_armv7l.whl")
    board: dict[str, Any] = {"elf": ARM_ELF, "bits": "32", "python": python("3.11.2", "/usr/bin/python3", bits=32)}
    assert plan(wish=Wish(wheelhouse=wheels), **board).requirement() == "onnxruntime==1.19.2"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ({"python": python("3.6.9", "/usr/bin/python3")}, NoRuntime, ["Python 3.6, below the floor 3.8", "--python-archive"]),
        ({"python": "-|/usr/bin/python3"}, NoRuntime, ["does not start"]),
        ({"python": None}, NoRuntime, ["none was found", "aarch64-unknown-linux-gnu"]),
        ({"python": python("3.10.2", "/usr/bin/python3", kind="pypy")}, NoRuntime, ["no ordinary CPython"]),
        ({"python": python("3.13.0", "/usr/bin/python3", flags="t")}, NoRuntime, ["no ordinary CPython"]),
        ({"python": python("3.11.0", "/usr/bin/python3", bits=32)}, NoRuntime, ["32-bit build in a 64-bit userland"]),
        ({"python": python("3.11.0", "/my dir/python3")}, NoRuntime, ["may not stand in a command"]),
        ({"libc": "musl libc (aarch64) Version 1.2.4"}, NoRuntime, ["musl", "glibc"]),
        ({"libc": ""}, NoRuntime, ["which libc"]),
        ({"libc": "glibc 2.12"}, NoRuntime, ["no onnxruntime was ever released", "--wheelhouse"]),
        ({"elf": ARM_ELF, "bits": "32"}, NoRuntime, ["32-bit userland (armv7l) on a 64-bit kernel (aarch64)", "64-bit image"]),
        ({"elf": ARM_ELF, "bits": "32", "machine": "armv7l"}, NoRuntime, ["is armv7l", "--wheelhouse"]),
        ({"elf": ""}, NoRuntime, ["what its programs are made for"]),
        ({"system": "Darwin"}, NoRuntime, ["runs Darwin"]),
        ({"base": f"1 1 no 1:1 ext4 rw|/x|{BASE}"}, ReadOnly, [f"{BASE} cannot be written by pi", "tmp/benchfarm"]),
        ({"base": f"1 1 yes 1:1 ext4 ro|/x|{BASE}"}, ReadOnly, ["read-only", "tmp/benchfarm"]),
        ({"base": f"1 1 yes 1:1 tmpfs rw,noexec|/x|{BASE}"}, ReadOnly, ["noexec", "tmp/benchfarm (3808 MiB free)"]),
        ({"base": f"1 1 no 1:1 ext4 rw|/x|{BASE}", "other": "9 9 no 1:1 ext4 rw||/opt"}, ReadOnly, ["make a folder writable"]),
    ],
    ids=range(18),
)  # fmt: skip
def test_what_cannot_be_prepared_is_refused_with_its_reason(
    said: dict[str, Any], kind: type[FarmError], words: list[str]
) -> None:
    error = refusal(**said)
    assert type(error) is kind
    assert error.exit_code == 4
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize(
    ("fields", "wish", "word"),
    [
        ({"runtime": "jetpack"}, Wish(), "vendor's build"),
        ({"runtime": "1..2"}, Wish(), "names no runtime"),
        ({"python": "/usr/bin/python3"}, Wish(archive=ARCHIVE), "runs under /usr/bin/python3"),
        ({"local": True, "python": "/usr/bin/python3"}, Wish(archive=ARCHIVE), "would never be used"),
    ],
)
def test_what_contradicts_itself_is_the_persons_to_mend(fields: dict[str, Any], wish: Wish, word: str) -> None:
    error = refusal(fields=fields, wish=wish)
    assert isinstance(error, UsageError)
    assert word in error.text


def test_an_interpreter_archive_for_another_architecture_is_refused() -> None:
    other = PythonArchive(Path("x.tar.gz"), "ab" * 32, 1, 1, (3, 12), "x86_64")
    assert "is made for x86_64, board 'b' is aarch64" in refusal(wish=Wish(archive=other)).text


def test_too_little_room_is_refused_with_both_numbers_and_a_better_place() -> None:
    small = scanned(base=f"60000 60000 yes 1:1 tmpfs rw|/x|{BASE}")
    with pytest.raises(DiskFull) as caught:
        check_room("b", small.base, Need(31_000_000, 103_000_000), small.others)
    assert (
        "134.0 MB are needed (31.0 MB to push, 103.0 MB unpacked), 61.4 MB are free, of which 30.7 MB"
        in caught.value.text
    )
    assert "tmp/benchfarm" in str(caught.value.mend)
    check_room("b", scanned().base, Need(31_000_000, 103_000_000), ())
    check_room("b", scanned(base=f"- - yes - |/x|{BASE}").base, Need(1 << 40, 0), ())


@pytest.mark.parametrize(
    ("text", "project", "version", "named"),
    [
        ("1.19.2", "onnxruntime", "1.19.2", "1.19.2"),
        ("onnxruntime==1.19.2", "onnxruntime", "1.19.2", "1.19.2"),
        ("onnxruntime-gpu==1.16.0", "onnxruntime-gpu", "1.16.0", "onnxruntime-gpu-1.16.0"),
        ("onnxruntime_gpu-1.16.0", "onnxruntime-gpu", "1.16.0", "onnxruntime-gpu-1.16.0"),
        ("onnxruntime-gpu==1.16.0+nv23.8", "onnxruntime-gpu", "1.16.0+nv23.8", "onnxruntime-gpu-1.16.0-nv23.8"),
    ],
)
def test_a_runtime_is_named_as_people_write_it(text: str, project: str, version: str, named: str) -> None:
    assert wanted(text, "--runtime") == Wanted(project, version)
    assert name(project, version) == named
    assert wanted(named, "runtime") == Wanted(project, version)


@pytest.mark.parametrize("text", ["", "==1", "1.2.3; rm", "-r x", "../x", "1 2", "--index-url=x", "1..2"])
def test_what_names_no_runtime_is_refused_before_pip_sees_it(text: str) -> None:
    with pytest.raises(UsageError, match="names no runtime"):
        wanted(text, "--runtime")
