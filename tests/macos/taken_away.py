"""Run as `sitecustomize` by every process under test: what only Linux has is gone, as on a Mac.

It imports nothing of the project, and stands for the system, not for a part of ours.
"""

import builtins
import errno
import io
import os
import platform
import resource
import selectors
import socket
import sys
import sysconfig
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

from linux_only import LINUX_ONLY

FOLDERS = ("/proc", "/sys", "/dev/shm", "/run", "/etc/machine-id")  # noqa: S108 - nothing is made there
SYSCONF = ("SC_AVPHYS_PAGES", "SC_PASS_MAX")
# Those take a path first.
CALLS: dict[Any, tuple[str, ...]] = {
    builtins: ("open",),
    io: ("open", "open_code"),
    os: ("open", "stat", "lstat", "listdir", "scandir", "readlink", "access", "statvfs", "chdir", "mkdir", "unlink"),
}


def gone(path: object) -> bool:
    if isinstance(path, (bytes, os.PathLike)):
        path = os.fsdecode(path)
    if not isinstance(path, str):
        return False
    whole = os.path.abspath(path)  # noqa: PTH100 - pathlib's own calls come through here
    return any(whole == folder or whole.startswith(folder + "/") for folder in FOLDERS)


def without(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(call)
    def asked(path: Any = ".", *rest: Any, **named: Any) -> Any:
        if gone(path):
            if name == "access":
                return False
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return call(path, *rest, **named)

    return asked


def setrlimit(which: int, limits: tuple[int, int]) -> None:
    """A Mac takes no limit on address space."""
    if which == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    real_setrlimit(which, limits)


def sysconf(name: Any) -> int:
    if name in SYSCONF:
        raise ValueError("unrecognized configuration name")
    return real_sysconf(name)


sysconfig.get_config_vars()  # read once, from a file that is named after the real system
real_setrlimit, real_sysconf = resource.setrlimit, os.sysconf
resource.setrlimit, os.sysconf = setrlimit, sysconf
for room, names in LINUX_ONLY.items():
    for name in names:
        if hasattr(import_module(room), name):
            delattr(import_module(room), name)
for module, names in CALLS.items():
    for name in names:
        setattr(module, name, without(getattr(module, name), name))
selectors.DefaultSelector = selectors.PollSelector  # type: ignore[misc, assignment]  # there is no kqueue here
del selectors.EpollSelector
os.supports_follow_symlinks.update((os.stat, os.access))  # their stand-ins
setattr(socket, "TCP_KEEPALIVE", 4)  # noqa: B010 - the same under a Mac's name, with this kernel's number
system = os.uname_result(("Darwin", "mac.local", "23.5.0", "Darwin Kernel Version 23.5.0", os.uname().machine))
os.uname = lambda: system
platform.mac_ver = lambda *_rest, **_named: ("14.5", ("", "", ""), system.machine)
sys.platform = "darwin"
scproxy: Any = ModuleType("_scproxy")  # a Mac's own, which its urllib asks for the system's proxies
scproxy._get_proxies, scproxy._get_proxy_settings = dict, dict
sys.modules["_scproxy"] = scproxy
