"""Raw bytes with their times, in memory that was taken before the first reading; what is full overwrites its oldest."""

import os
import struct
import time
from typing import Iterator, NamedTuple

HEAD = struct.Struct("<qqhh")  # before and after in ns, source, length of the text or -errno
TEXT = 108  # bytes of a file that are kept: a number, or the first line of /proc/pressure
STRIDE = HEAD.size + TEXT


class Raw(NamedTuple):
    """One reading as it was taken; `length` below 0: -errno."""

    before_ns: int
    after_ns: int
    source: int
    length: int
    text: bytes

    @property
    def took_ns(self) -> int:
        return self.after_ns - self.before_ns


class Ring:
    """Room for `most` readings. `taken` counts all that ever were, `length` and `took_ns` are those of the last one."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.memory = bytearray(most * STRIDE)
        self.taken = 0
        self.length = 0
        self.took_ns = 0

    def read(self, source: int, fd: int) -> None:
        """Keeps the start of an open file; `fd` below 0: the -errno for which it is not open."""
        at = self.taken % self.most * STRIDE
        before_ns = time.perf_counter_ns()
        try:
            text = os.pread(fd, TEXT, 0) if fd >= 0 else b""
            self.length = len(text) if fd >= 0 else fd
        except OSError as error:
            text, self.length = b"", -(error.errno or 0)
        after_ns = time.perf_counter_ns()
        HEAD.pack_into(self.memory, at, before_ns, after_ns, source, self.length)
        self.memory[at + HEAD.size : at + HEAD.size + len(text)] = text
        self.taken += 1
        self.took_ns = after_ns - before_ns

    @property
    def overwritten(self) -> int:
        return max(0, self.taken - self.most)

    def kept(self) -> Iterator[Raw]:
        """The oldest first."""
        for number in range(self.overwritten, self.taken):
            at = number % self.most * STRIDE
            before_ns, after_ns, source, length = HEAD.unpack_from(self.memory, at)
            start = at + HEAD.size
            yield Raw(before_ns, after_ns, source, length, bytes(self.memory[start : start + max(0, length)]))
