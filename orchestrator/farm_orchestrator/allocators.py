"""Memory of a process of many threads: what one has freed is there for the others."""

import ctypes
import os

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # malloc.h of glibc
ARENAS = 2
LARGE = 128 * 1024  # bytes; written down it stays, else the first large file that is freed raises it


def share_memory() -> None:
    """To be called before there are lanes, and before Arrow is loaded.

    glibc gives threads arenas of their own, and Arrow's allocator some MB to each that ever wrote a file; neither gives
    much back, and each board has its threads.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # elsewhere than on glibc there is nothing to bound
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE)
