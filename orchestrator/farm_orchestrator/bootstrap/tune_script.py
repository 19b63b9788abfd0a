"""What an administrator runs on a board so that its clocks may be held: a script with every file in it, to be read first."""

from __future__ import annotations

import re
from pathlib import Path

from farm_orchestrator import bundle

PROGRAM = "/usr/local/libexec/farm-tune"
SHEBANG = "#!/usr/bin/python3 -I\n"
MODULES = ("grants", "ledger", "guardian", "tune")  # each needs those before it, and nothing else of the agent
OWN_IMPORT = re.compile(r"^from farm_agents\.\w+ import (?:\([^)]*\)|.*)\n", re.MULTILINE)
PLACES = {
    "farm-lease.socket": (0o644, "/etc/systemd/system/farm-lease.socket"),
    "farm-lease@.service": (0o644, "/etc/systemd/system/farm-lease@.service"),
    "farm-restore.service": (0o644, "/etc/systemd/system/farm-restore.service"),
    "farm-tune.conf": (0o644, "/etc/tmpfiles.d/farm-tune.conf"),
    "60-farm.rules": (0o644, "/etc/udev/rules.d/60-farm.rules"),
    "farm-tune.sudoers": (0o440, "/etc/sudoers.d/farm-tune"),
}
END = "END_OF_FILE"


def tune_script() -> str:
    """A shell script; it needs nothing but a POSIX shell, and python3 at run time."""
    package = bundle.package()
    parts = [_put(0o755, PROGRAM, program())]
    parts += [_put(mode, place, _unit(package, name)) for name, (mode, place) in PLACES.items()]
    return _unit(package, "install.sh").replace("@FILES@\n", "\n".join(parts))


def program() -> str:
    """farm-tune as it is installed: the agent's own modules as one file that can be read from its top to its end."""
    texts = [(bundle.package() / f"{name}.py").read_text(encoding="utf-8") for name in MODULES]
    return SHEBANG + "\n\n".join(OWN_IMPORT.sub("", text) for text in texts)


def _put(mode: int, place: str, text: str) -> str:
    """A quoted here-document: the shell looks at nothing in it."""
    return f"put {mode:o} '{place}' <<'{END}'\n{text.rstrip()}\n{END}\n"


def _unit(package: Path, name: str) -> str:
    return (package / "units" / name).read_text(encoding="utf-8")
