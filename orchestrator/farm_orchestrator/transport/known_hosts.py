"""Records of host keys in known_hosts files, read by ssh-keygen, which knows hashes, patterns and markers."""

import base64
import fcntl
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator.errors import UsageError
from farm_orchestrator.transport import OfferedKey

FOUND = re.compile(r"# Host .* found: line (?P<line>\d+) ?(?P<marker>\w*)\s*")


@dataclass(frozen=True)
class Recorded:
    """One line that matches a name; `marker`: empty, REVOKED or CA."""

    key: OfferedKey
    marker: str
    file: str
    line: int


def offered(kind: str, text: str) -> OfferedKey:
    digest = hashlib.sha256(base64.b64decode(text)).digest()
    return OfferedKey(kind, text, "SHA256:" + base64.b64encode(digest).decode().rstrip("="))


def find(name: str, files: Sequence[str]) -> list[Recorded]:
    """Every line of the files that speaks of the name."""
    return list(_find_in(name, [(file, content) for file in files if (content := _content(file))]))


def add(file: Path, name: str, key: OfferedKey) -> None:
    """The only line for the name from now on; the file is replaced as a whole."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(file):
        old = file.read_text("utf-8").splitlines() if file.exists() else []
        gone = {record.line for record in find(name, [str(file)])}
        kept = [line for number, line in enumerate(old, 1) if number not in gone]
        fresh = file.with_name(f"{file.name}.new")
        fresh.touch(mode=0o600)
        fresh.write_text("\n".join([*kept, f"{name} {key.kind} {key.text}", ""]), "utf-8")
        fresh.replace(file)


def revoked(file: str, key: OfferedKey) -> bool:
    """Whether the file of RevokedHostKeys (a list of public keys, or a KRL) names the key; true if unreadable."""
    try:
        content = Path(file).read_bytes()
    except OSError:
        return True  # as ssh does
    if content.startswith(b"SSHKRL"):
        text = f"{key.kind} {key.text}\n".encode()
        return _keygen(["-Q", "-f", file, "/dev/stdin"], text).returncode != 0
    return key.text.encode() in content.split()


def _content(file: str) -> bytes:
    """Whole lines; empty where nothing can be read."""
    try:
        content = Path(file).read_bytes()
    except OSError:
        return b""
    return content if not content or content.endswith(b"\n") else content + b"\n"


def _find_in(name: str, contents: Sequence[tuple[str, bytes]]) -> Iterator[Recorded]:
    """One process answers for all files: with many boards its start is what costs."""
    if not contents:
        return
    heading = None
    text = b"".join(content for _, content in contents)
    for line in _keygen(["-F", name, "-f", "/dev/stdin"], text).stdout.decode("utf-8", "replace").split("\n"):
        found = FOUND.fullmatch(line)
        if not found and heading:
            words = line.split()
            kind, key = words[2:4] if words[0].startswith("@") else words[1:3]
            yield Recorded(offered(kind, key), heading["marker"], *_place(contents, int(heading["line"])))
        heading = found


def _place(contents: Sequence[tuple[str, bytes]], line: int) -> tuple[str, int]:
    """The file and its line behind a line of all files together."""
    for file, content in contents:
        lines = content.count(b"\n")
        if line <= lines:
            return file, line
        line -= lines
    raise ValueError(f"ssh-keygen names line {line} beyond the end of {contents[-1][0]}")


def _keygen(arguments: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["ssh-keygen", *arguments], input=stdin, capture_output=True, check=False)
    except OSError as error:
        raise UsageError("no `ssh-keygen` on this machine", mend="install the OpenSSH client") from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    handle = os.open(file.with_name(f"{file.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
