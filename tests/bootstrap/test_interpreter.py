"""Interpreter archives that an operator names: what they are is read from them, and what they are not is said."""

import io
import os
import struct
import tarfile
from pathlib import Path

import pytest

from bootstrap_support import HERE, python_archive
from farm_orchestrator.bootstrap import interpreter
from farm_orchestrator.errors import UsageError


def elf(loader: bytes | None = b"/lib/ld-linux-aarch64.so.1\0", machine: int = 183) -> bytes:
    """A 64-bit program with one program header and nothing else."""
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    text = loader or b"\0"
    return header + struct.pack("<IIQQQQQQ", 3 if loader else 1, 4, 120, 0, 0, len(text), len(text), 1) + text


def packed(path: Path, *members: tuple[str, bytes | str]) -> Path:
    """Bytes are a file, text is where a link leads."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def usual(binary: bytes, version: str = "3.11") -> tuple[tuple[str, bytes | str], ...]:
    return (f"python/bin/python{version}", binary), ("python/bin/python3", f"python{version}")


def test_the_interpreter_of_this_machine_is_told_by_its_archive(tmp_path: Path) -> None:
    found = interpreter.python_archive(python_archive(tmp_path / "py.tar.gz"))
    assert (found.python, found.arch) == (HERE, os.uname().machine)
    assert found.unpacked > found.size > 1 << 20


def test_a_foreign_interpreter_is_told_by_its_header(tmp_path: Path) -> None:
    found = interpreter.python_archive(packed(tmp_path / "py.tar.gz", *usual(elf(), "3.12")))
    assert (found.python, found.arch) == ((3, 12), "aarch64")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (usual(elf(loader=None)), "statically linked"),
        (usual(elf(loader=b"/lib/ld-musl-aarch64.so.1\0")), "made for musl"),
        (usual(b"#!/bin/sh\n" + b"x" * 100), "no 64-bit Linux program"),
        (usual(b""), "no 64-bit Linux program"),
        (usual(elf(), "3.7"), "below the floor"),
        ((("python/bin/python3.11", elf()),), "has no python/bin/python3"),
        ((("bin/python3", elf()),), "has no python/bin/python3"),
        ((*usual(elf()), ("../x", b"")), "would lead out"),
        ((*usual(elf()), ("/x", b"")), "would lead out"),
        ((*usual(elf()), ("python/x", "../../x")), "would lead out"),
        ((*usual(elf()), ("python/x", "/etc/passwd")), "would lead out"),
    ],
    ids=range(11),
)
def test_what_is_no_interpreter_for_a_board_is_refused(
    tmp_path: Path, members: tuple[tuple[str, bytes | str], ...], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        interpreter.python_archive(packed(tmp_path / "py.tar.gz", *members))
    assert "python-build-standalone" in str(caught.value.mend)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x28\xb5\x2f\xfd" * 10, b"\x1f\x8b" + b"x" * 50])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "py.tar.zst").write_bytes(content)
    with pytest.raises(UsageError, match=r"cannot be read as a \.tar\.gz"):
        interpreter.python_archive(tmp_path / "py.tar.zst")
