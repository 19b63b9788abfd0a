"""Checks 1 to 4: the file as bytes, before anybody reads it as a model."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from farm_orchestrator.variants.arrays import CHUNK, Stored
from farm_orchestrator.variants.checks.refusal import Refusal

SIZE_LIMIT = 4 << 30
NOT_A_MODEL = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the model", "run git lfs pull"),
    (b"PK\x03\x04", "is a zip archive, not a model", "unpack it"),
)
HTML = (b"<html", b"<!doctype", b"<?xml")


@contextmanager
def regular(path: Path) -> Iterator[BinaryIO]:
    """Check 1: a regular file with something in it. What is opened here is what is copied and measured."""
    try:
        # A FIFO would block for ever without O_NONBLOCK; a link in the last place is never followed.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refusal(1, "is a symbolic link", "put the file itself there") from None
        raise Refusal(1, f"cannot be opened: {error.strerror}") from None
    try:
        _check_status(os.fstat(handle))
        with os.fdopen(handle, "rb", closefd=False) as source:
            yield source
    finally:
        os.close(handle)


def _check_status(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refusal(1, "is no regular file")
    if status.st_size == 0:
        raise Refusal(1, "is empty", "copy or export it again")
    if status.st_size > SIZE_LIMIT:
        raise Refusal(1, f"has {status.st_size:,} bytes, more than 4 GiB", "store its weights as external data")


def check_first_bytes(source: BinaryIO) -> None:
    """Check 2: what a failed download or checkout leaves behind."""
    head = source.read(512)
    source.seek(0)
    for start, what, mend in NOT_A_MODEL:
        if head.startswith(start):
            raise Refusal(2, what, mend)
    if head.lstrip().lower().startswith(HTML):
        raise Refusal(2, "is an HTML page, not a model", "download the file itself, not the page about it")


def check_recorded(stored: Stored, recorded: Mapping[str, str]) -> None:
    """Check 4: the bytes are those that were recorded, where any were."""
    before = recorded.get(stored.path.name, stored.sha256)
    if stored.sha256 != before:
        raise Refusal(4, f"has changed: sha256 {stored.sha256[:12]} where {before[:12]} was recorded", "copy it again")


def copy(source: BinaryIO, target: Path) -> Stored:
    """The bytes under our own roof: what is checked afterwards is what will be pushed."""
    total, size = hashlib.sha256(), 0
    with target.open("xb") as sink:
        while chunk := source.read(CHUNK):
            total.update(chunk)
            size += len(chunk)
            sink.write(chunk)
    return Stored(target, total.hexdigest(), size)
