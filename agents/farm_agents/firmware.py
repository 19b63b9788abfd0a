"""What the firmware of a Raspberry Pi says about its supply and its heat; no other board has it."""

import re
import shutil
from typing import Optional

from farm_agents import board
from farm_agents.sysfs import Sysfs

THROTTLED = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
NO_FIRMWARE = "only the firmware of a Raspberry Pi tells it"


def throttled_bits(tree: Sysfs) -> Optional[int]:
    """The bits of get_throttled; None on any other board. The sticky ones are never cleared by this."""
    bits = live_bits(tree)
    if bits is not None:
        return bits
    said = _vcgencmd("get_throttled") if of_raspberry(tree) else ""
    found = re.match(r"throttled=0x([0-9a-fA-F]{1,8})", said)
    return int(found.group(1), 16) if found else None


def of_raspberry(tree: Sysfs) -> bool:
    """Whether the firmware sets the clock, behind a kernel that does not know."""
    return "Raspberry Pi" in (board.model(tree) or "")


def live_bits(tree: Sysfs) -> Optional[int]:
    """The same from a file alone, which starts no program."""
    for path in tree.matching(THROTTLED):
        text = tree.text(path)
        if text and re.match(r"(0x)?[0-9a-fA-F]{1,8}\Z", text):
            return int(text, 16)
    return None


def _vcgencmd(what: str) -> str:
    program = shutil.which("vcgencmd")
    if program is None:
        return ""
    import subprocess  # noqa: PLC0415 - most boards have no such program, and a launch pays for every import

    try:
        done = subprocess.run([program, what], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")
