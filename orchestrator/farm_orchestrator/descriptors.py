"""How many files a worker may have open: each board takes some, and a shell gives 1,024 to all of them."""

from __future__ import annotations

import logging
import resource

OF_A_BOARD = 6  # its connection, its agent's streams, the launch's transcript and file
OF_THE_REST = 100  # the store, the broker, libraries that are being loaded
LOG = logging.getLogger(__name__)


def enough_for(boards: int) -> bool:
    """Raises this process's own bound to what the system allows; False, and told, where that is too little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = OF_THE_REST + OF_A_BOARD * boards
    most = needed if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return True
    LOG.warning(
        "%d boards at once need about %d open files and this process may have %d: the others will fail to connect. Raise "
        "the bound (`ulimit -Hn`, LimitNOFILE= of its unit, --ulimit of its container), or serve fewer with --concurrency",
        boards, needed, soft,
    )  # fmt: skip
    return False
