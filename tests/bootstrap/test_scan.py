"""What a board says of itself: asked in plain sh, read as if an enemy had written it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap_support import PI4, bare, said, scanned, spec
from farm_orchestrator.bootstrap import scan
from farm_orchestrator.bootstrap.scan import parse, script

SHELLS = [path for name in ("dash", "bash", "busybox", "ksh", "mksh") if (path := shutil.which(name))]


def ask(base: Path, shell: str = "sh", **fields: str) -> scan.Scan:
    words = [shell, "sh", "-s"] if shell.endswith("busybox") else [shell, "-s"]
    home = next(folder for folder in base.parents if folder.exists())
    done = subprocess.run(
        words, input=script(str(base), spec(**fields)).encode(), capture_output=True, check=False,
        env={"PATH": os.defpath, "HOME": str(home)}, cwd=home,
    )  # fmt: skip
    found = parse(done.stdout.decode())
    assert found is not None, (done.stdout, done.stderr)
    return found


def test_the_script_is_small_enough_for_any_pipe() -> None:
    assert len(script("~/.cache/benchfarm", spec())) < 4096


@pytest.mark.parametrize("shell", SHELLS)
def test_this_machine_says_what_it_is_in_any_shell_and_nothing_is_written(tmp_path: Path, shell: str) -> None:
    python = bare(tmp_path / "bare")
    before = sorted(tmp_path.rglob("*"))
    found = ask(tmp_path / "new" / "base", shell, python=str(python))
    assert sorted(tmp_path.rglob("*")) == before
    assert (found.system, found.machine, found.bits) == ("Linux", os.uname().machine, 64)
    assert found.arch == os.uname().machine
    assert found.libc is not None
    assert found.libc[0] == "glibc"
    assert (found.cpus or 0) > 0
    assert (found.memory or 0) > 1 << 20
    assert found.home == str(tmp_path)
    assert (found.base.writable, found.base.missing) == (True, "/new/base")
    assert (found.base.free or 0) > 0
    first = found.pythons[0]
    assert (first.path, first.kind, first.bits, first.runtime) == (str(python), "cpython", 64, False)
    assert {"tar", "gzip", "sha256sum"} <= set(found.tools)


def test_runtimes_that_lie_there_are_told_by_name(tmp_path: Path) -> None:
    runtimes = tmp_path / "base" / "runtimes"
    runtimes.mkdir(parents=True)
    (runtimes / "1.19.2.json").write_text('{"python": "3.9",\n "site": "x"}\n')
    (runtimes / "torn.json").write_text('{"python": ')
    assert ask(tmp_path / "base").runtimes == {"1.19.2": {"python": "3.9", "site": "x"}}


def test_an_interpreter_is_asked_for_its_own_path_behind_a_wrapper(tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapped"
    wrapper.write_text(f'#!/bin/sh\nexec {bare(tmp_path / "bare")} "$@"\n')
    wrapper.chmod(0o755)
    first = ask(tmp_path / "base", python=str(wrapper)).pythons[0]
    assert (first.path, first.executable) == (str(wrapper), str(tmp_path / "bare" / "bin" / "python"))


def test_a_recorded_board_is_read_whole_with_a_banner_before_it() -> None:
    found = scanned(("runtime", '1.30.0.json {"python": "3.11"}'), sudo="yes")
    assert (found.arch, found.bits, found.libc) == ("aarch64", 64, ("glibc", (2, 36)))
    assert (found.parts, found.sudo, found.groups) == (("0xd08",), True, ("pi", "sudo"))
    assert found.pythons[0].minor == (3, 11)
    assert found.base.total == 30_000_000 * 1024
    assert found.runtimes == {"1.30.0": {"python": "3.11"}}


@pytest.mark.parametrize(
    ("text", "libc"),
    [
        ("glibc 2.31", ("glibc", (2, 31))),
        ("ldd (Debian GLIBC 2.36-9+deb12u10) 2.36 Copyright (C) 2022", ("glibc", (2, 36))),
        ("ldd (Ubuntu GLIBC 2.27-3ubuntu1.6) 2.27", ("glibc", (2, 27))),
        ("musl libc (aarch64) Version 1.2.4 ", ("musl", (1, 2, 4))),
        ("", None),
        ("something else", None),
    ],
)
def test_each_libc_is_told_from_what_it_prints(text: str, libc: object) -> None:
    assert scanned(libc=text).libc == libc


@pytest.mark.parametrize(
    ("elf", "arch", "bits"),
    [
        ("127 69 76 70 1 1 1 0 0 0 0 0 0 0 0 0 3 0 40 0", "arm", 32),
        ("127 69 76 70 2 1 1 0 0 0 0 0 0 0 0 0 3 0 62 0", "x86_64", 64),
        ("127 69 76 70 2 1 1 0 0 0 0 0 0 0 0 0 3 0 243 0", "riscv64", 64),
        ("", None, 64),
        ("1 2 3", None, 64),
    ],
)
def test_the_userland_is_told_by_its_shell_and_not_by_the_kernel(elf: str, arch: str | None, bits: int) -> None:
    found = scanned(elf=elf)
    assert (found.arch, found.bits, found.machine) == (arch, bits, "aarch64")


def test_a_torn_or_foreign_answer_is_none_at_all() -> None:
    assert parse("") is None
    assert parse("hello\n") is None
    assert parse(said().replace("end=farm.scan\n", "")) is None
    assert parse(said(base=None)) is None
    assert parse(said(base="nonsense")) is None


@pytest.mark.parametrize("key", sorted(PI4))
@pytest.mark.parametrize(
    "evil",
    ["", "|", "||||||", "=" * 50, "9" * 5000, "\x1b[2J\x1b]0;owned\x07", "\u202eevil", "\0", "-1 -1 -1", "a" * 100_000, "{}", "%s %n"],
    ids=range(12),
)  # fmt: skip
def test_no_word_of_an_enemy_gets_further_than_the_reader(key: str, evil: str) -> None:
    found = parse(said((key, evil)))
    again = parse(said(("runtime", f"x.json {evil}"), **{key: evil}))
    for one in (found, again):
        assert one is None or all(char.isprintable() for char in repr(one))
        assert one is None or len(repr(one)) < 200_000
