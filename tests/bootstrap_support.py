"""Bare boards, tiny wheels and recorded answers of boards for the tests of bootstrap."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from farm_orchestrator.bootstrap.scan import Scan, parse
from farm_orchestrator.bootstrap.targets import Target

BARE = ("3.8", "3.9", "3.11", "3.13")
HERE = (sys.version_info[0], sys.version_info[1])
UNPACKED_BY_NOBODY = {"test", "idlelib", "ensurepip", "tkinter", "site-packages", "dist-packages", "__pycache__"}

# What a Raspberry Pi 4 with Debian 12 says.
PI4 = {
    "uptime": "100.00", "stat": "", "ticks": "100", "time": "1700000000", "system": "Linux", "machine": "aarch64",
    "kernel": "6.6.31", "elf": "127 69 76 70 2 1 1 0 0 0 0 0 0 0 0 0 3 0 183 0", "bits": "64", "libc": "glibc 2.36",
    "model": "Raspberry Pi 4 Model B Rev 1.4", "memory": "3884000", "available": "3000000", "cpus": "4",
    "parts": "0xd08", "tools": "tar gzip sha256sum", "user": "pi", "groups": "pi sudo", "home": "/home/pi",
    "boot": "e1e0830b-b841-48da-9d76-481678f297cf",
    "base": "30000000 20000000 yes 179:42 ext4 rw,noatime|/.cache/benchfarm|/home/pi/.cache/benchfarm",
    "other": "4000000 3900000 yes 0:1 tmpfs rw||/var/tmp",
    "python": "3.11.2 cpython 64 - 0 /usr/bin/python3.11|/usr/bin/python3",
}  # fmt: skip


def said(*more: tuple[str, str], **changes: str | None) -> str:
    """A board's answer; None leaves a line out, `more` are lines beside it."""
    lines = [(key, value) for key, value in {**PI4, **changes}.items() if value is not None]
    text = "".join(f"{key}={value}\n" for key, value in (*lines, *more))
    return f"Welcome to the board\n\nbegin=farm.scan\n{text}end=farm.scan\n"


def scanned(*more: tuple[str, str], **changes: str | None) -> Scan:
    found = parse(said(*more, **changes))
    assert found is not None
    return found


def spec(**fields: Any) -> dict[str, Any]:
    return {"name": "b", "python": "python3", "base": ".cache/benchfarm", "runtime": "default", **fields}


def here() -> Target:
    """Wheels for this machine and this Python."""
    glibc = os.confstr("CS_GNU_LIBC_VERSION")
    assert glibc, "the tests need a Linux with glibc"
    major, minor = glibc.split()[1].split(".")[:2]
    return Target(os.uname().machine, (int(major), int(minor)), HERE)


def bare_pythons(folder: Path) -> dict[str, str]:
    """Interpreters without any package, by version: those of this machine, and one that is made."""
    found = {HERE_TEXT: str(bare(folder))}
    for version in BARE:
        known = [shutil.which(f"python{version}"), *_managed(version)]
        path = next((path for path in known if path and _is_bare(path, version)), None)
        if path is not None:
            found.setdefault(version, path)
    return found


HERE_TEXT = f"{HERE[0]}.{HERE[1]}"


def bare(folder: Path) -> Path:
    """This Python without a package."""
    if not folder.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def _managed(version: str) -> Iterator[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return (str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python3")))


def _is_bare(path: str, version: str) -> bool:
    code = (
        "import sys, importlib.util as u; "
        f"sys.exit('%d.%d' % sys.version_info[:2] != '{version}' or any(map(u.find_spec, ('numpy', 'onnxruntime'))))"
    )
    return subprocess.run([path, "-I", "-c", code], capture_output=True, check=False).returncode == 0


def wheel(
    folder: Path, name: str, version: str, files: Mapping[str, str], *, tag: str = "py3-none-any", needs: str = ""
) -> Path:
    """A small but right wheel; `needs`: one requirement."""
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{member},sha256={_sum(text)},{len(text)}\n" for member, text in members.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**members, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(member, text)
    return path


def dying(folder: Path, version: str) -> Path:
    """An onnxruntime with an instruction that this processor does not have."""
    body = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
    return wheel(folder, "onnxruntime", version, {"onnxruntime/__init__.py": body}, needs="numpy")


def python_archive(path: Path) -> Path:
    """This machine's own interpreter in the layout of python-build-standalone."""
    version = f"python{HERE_TEXT}"
    prefix = Path(sys.base_prefix)
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add((prefix / "bin" / version).resolve(), f"python/bin/{version}")
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, version
        archive.addfile(link)
        archive.add(prefix / "lib" / version, f"python/lib/{version}", filter=_plain_member)
    return path


def _plain_member(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = set(member.name.split("/"))
    config = any(part.startswith("config-") for part in parts)
    return member if (member.isreg() or member.isdir()) and not config and not parts & UNPACKED_BY_NOBODY else None


def tree(folder: Path) -> set[str]:
    """Files and links below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def _sum(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
