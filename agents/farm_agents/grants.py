"""What farm-tune may write: the clocks of processors and memory by their paths, at values that the board itself lists."""

import errno
import os
import re
from contextlib import suppress
from typing import Any, Dict, List, Optional, Tuple

Json = Dict[str, Any]
LIMITS = ("scaling_min_freq", "scaling_max_freq")
CPUFREQ = "sys/devices/system/cpu/cpufreq"
DEVFREQ = "sys/class/devfreq"
MEMORY = re.compile(r"dmc|emc|bwmgr|memory|ddr")  # names of the memory's clocks; those of other devices are left alone
OF_CPU = re.compile("(" + CPUFREQ + "/policy[0-9]{1,4})/(scaling_(?:governor|min_freq|max_freq|setspeed))")
OF_DEVICE = re.compile("(" + DEVFREQ + r"/([A-Za-z0-9._:@+,#~=-]{1,64}))/(governor|min_freq|max_freq)")
LISTS = {"scaling_governor": "scaling_available_governors", "governor": "available_governors"}
VALUE = re.compile(r"[A-Za-z0-9_-]{1,32}")
CLOCK = re.compile(r"[0-9]{1,18}")
SPEED = "scaling_setspeed"
UNSUPPORTED = "<unsupported>"  # a speed that is set reads so under every governor but one, and goes with that
BOOT_ID = "proc/sys/kernel/random/boot_id"
COOLERS = "sys/class/thermal"
COOLS_CPU = re.compile(r"cpufreq-cpu|thermal-cpufreq|Processor\Z")


class Refused(Exception):
    """A request that is not carried out; nothing was written."""


class Tree:
    """The files below `root`; a recorded or simulated tree is taken for the board's."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def text(self, name: str) -> str:
        """Raises OSError."""
        return self._bytes(name).decode("utf-8", "replace").strip()

    def words(self, name: str) -> List[str]:
        """None where the file is missing."""
        try:
            return self.text(name).split()
        except OSError:
            return []

    def write(self, name: str, value: str) -> None:
        """Raises OSError. A plain file is padded before it is cut, so that nobody ever reads it empty or torn."""
        fd = os.open(self.path(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(fd)
            if not found.st_mode & 0o222:  # a knob that nobody may write is closed to root too
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            data, size = value.encode() + b"\n", len(self._bytes(name))
            plain = found.st_size == size  # the kernel's own files claim a whole page
            os.write(fd, data.ljust(size, b"\n") if plain else data)
            if plain:
                os.ftruncate(fd, len(data))
        finally:
            os.close(fd)

    def set(self, name: str, value: str) -> Optional[str]:
        """Why it could not be written."""
        try:
            self.write(name, value)
        except OSError as error:
            return errno_name(error)
        return None

    def cooled(self) -> bool:
        """Whether heat takes clock away from the processor now: what limits then read is not what was written."""
        with suppress(OSError):
            for entry in os.listdir(self.path(COOLERS)):
                folder = COOLERS + "/" + entry + "/"
                kind, state = self.words(folder + "type"), self.words(folder + "cur_state")
                if kind and COOLS_CPU.match(kind[0]) and state not in ([], ["0"]):
                    return True
        return False

    def boot_id(self) -> Optional[str]:
        return next(iter(self.words(BOOT_ID) or Tree("/").words(BOOT_ID)), None)

    def _bytes(self, name: str) -> bytes:
        with open(self.path(name), "rb", opener=_at_once) as file:
            return file.read(65536) or b""


def _at_once(path: str, flags: int) -> int:
    """A FIFO in the way must not hold up the giving back of the others."""
    return os.open(path, flags | os.O_NONBLOCK)


def knob_of(tree: Tree, name: Any) -> Tuple[str, str]:
    """(folder, file) of a knob. Raises Refused at any other path, and at one that leads elsewhere."""
    text = name if isinstance(name, str) else ""
    cpu, device = OF_CPU.fullmatch(text), OF_DEVICE.fullmatch(text)
    if cpu is None and (device is None or not MEMORY.search(device.group(2))):
        raise Refused("{!r:.200} is no knob that may be set".format(name))
    real = os.path.realpath(tree.path(text))
    if real != tree.path(text) and not (device and _of_device(tree, real, device)):
        raise Refused("{} leads elsewhere".format(name))
    folder, _, file = text.rpartition("/")
    return folder, file


def _of_device(tree: Tree, real: str, device: "re.Match[str]") -> bool:
    """The kernel keeps the folder of a device elsewhere and links it into the class."""
    own = "/devfreq/{}/{}".format(device.group(2), device.group(3))
    return real.startswith(tree.path("sys/devices/")) and real.endswith(own)


def check_value(tree: Tree, name: Any, value: Any) -> None:
    """Raises Refused at a value that the board does not list."""
    folder, file = knob_of(tree, name)
    if not isinstance(value, str) or not VALUE.fullmatch(value):
        raise Refused("{!r:.80} is no value for {}".format(value, name))
    if file in LISTS:
        known = value in tree.words(folder + "/" + LISTS[file])
    else:
        known = _runs_at(tree, folder, clock_of(value))
    if not known:
        raise Refused("{} does not know {}".format(name, value))


def clock_of(text: str) -> Optional[int]:
    return int(text) if CLOCK.fullmatch(text) else None


def _runs_at(tree: Tree, folder: str, clock: Optional[int]) -> bool:
    """In kHz of a policy, in Hz of a device."""
    kinds = ("/scaling_available_frequencies", "/scaling_boost_frequencies", "/available_frequencies")
    steps = [word for kind in kinds for word in tree.words(folder + kind)]
    low, high = (clock_of(" ".join(tree.words(folder + "/cpuinfo_" + end + "_freq"))) for end in ("min", "max"))
    if steps:
        return str(clock) in steps
    return clock is not None and low is not None and high is not None and low <= clock <= high


def cut(now: str, before: str) -> bool:
    """Whether a limit is lower than it was."""
    clock, earlier = clock_of(now), clock_of(before)
    return clock is not None and earlier is not None and clock < earlier


def tunables(tree: Tree, folder: str, governor: str) -> Json:
    """What a governor was tuned to, by path: the kernel forgets it when another one takes over.

    Some drivers keep a folder of it in each policy, most one for all of them; and one governor has a speed.
    """
    own = "{}/{}".format(folder, governor)
    place = own if os.path.isdir(tree.path(own)) else "{}/{}".format(os.path.dirname(folder), governor)
    names: List[str] = []
    with suppress(OSError):
        names = os.listdir(tree.path(place)) if VALUE.fullmatch(governor) else []
    found = {path: " ".join(tree.words(path)) for path in (place + "/" + name for name in sorted(names))}
    speed = folder + "/" + SPEED
    told = " ".join(tree.words(speed))
    return {**found, speed: told} if clock_of(told) is not None else found


def errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "EIO")
