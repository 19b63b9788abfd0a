"""One real OpenSSH server of its own: key, port, configuration and process; no root needed."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from farm_lab.level import apart
from farm_lab.places import BoardPlaces, LabError
from farm_lab.processes import Process, commanded, end, family, marked, seen

HOST = "127.0.0.1"
READY_S = 20.0
STEP_S = 0.01
ATTEMPTS = 8
SBIN = "/usr/sbin:/usr/local/sbin:/sbin"  # not on every user's PATH
PRIVSEP = Path("/run/sshd")
IN_USE = re.compile(r"Address already in use|Cannot bind")
MARK = "FARM_LAB"
HEARTBEAT = "ClientAliveInterval 5\nClientAliveCountMax 3\n"
LISTENS = "Server listening on "
CONFIG = """\
Include {faults}
Port {port}
ListenAddress {host}
HostKey {key}
AuthorizedKeysFile {authorized}
PidFile {pid}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PrintMotd no
Subsystem sftp internal-sftp
MaxStartups 100:30:200
SetEnv {env}
"""


@dataclass(frozen=True)
class Sshd:
    """A server that answers; `process` is its listener."""

    places: BoardPlaces
    port: int
    process: Process

    @classmethod
    def start(
        cls, folder: Path, authorized_keys: Path, *, port: int | None = None, heartbeat: bool = True, level: int = 0,
        disk: int | None = None,
    ) -> "Sshd":  # fmt: skip
        """Starts a server that keeps everything in `folder` and returns when its banner came. Raises LabError.

        `port`: take this one if it is free. `heartbeat` False: like most boards, it never asks whether the other side
        is still there. `level` 1: in namespaces of its own, the tree of the folder bound over /sys, with `disk` bytes
        for its base.
        """
        places = BoardPlaces(folder.absolute())
        places.root.mkdir(parents=True, exist_ok=True)
        make_key(places.host_key, places.name)
        for attempt in range(ATTEMPTS):
            chosen = port if port and not attempt and is_free(port) else free_port()
            write_config(places, chosen, authorized_keys, heartbeat=heartbeat)
            process = _launch(places, chosen, level, disk)
            if process:
                return cls(places, chosen, process)
        raise LabError(f"{places.name}: sshd found no free port on {HOST} in {ATTEMPTS} attempts; see {places.log}")

    def stop(self) -> None:
        """Ends the listener, every session it opened and whatever they started."""
        end(of_board(self.places, self.process))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.places.host_key)


def of_board(places: BoardPlaces, listener: Process | None = None) -> list[Process]:
    """Everything that runs for this board, the listener by its configuration file, sessions by the mark it gave them."""
    return family({*_listeners(places), *marked(mark(places)), *([listener] if listener and listener.alive else [])})


def mark(places: BoardPlaces) -> str:
    return f"{MARK}={places.root}"


def environment(places: BoardPlaces, **more: str) -> str:
    """What each command finds, as one line's words. A home of its own: what its user's shell does at its start is no
    business of a board, and a board that dies in the middle of it is none of that user's.
    """
    env = {MARK: str(places.root), "HOME": str(places.home), **more}
    return " ".join(f'"{name}={value}"' for name, value in env.items())


def program() -> str:
    """The path of sshd, which insists on being called by it. Raises LabError."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    if found is None:
        raise LabError("no sshd on this machine; install the OpenSSH server (Debian: apt-get install openssh-server)")
    return found


def login() -> str:
    """An sshd without privileges can log in only the user who started it."""
    return pwd.getpwuid(os.getuid()).pw_name


def make_key(file: Path, comment: str) -> None:
    """An ed25519 key without passphrase, unless one is there."""
    if file.exists() and file.with_suffix(".pub").exists():
        return
    file.unlink(missing_ok=True)
    _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file)])


def fingerprint(key: Path) -> str:
    """SHA256:... of a key file."""
    return _run(["ssh-keygen", "-lf", str(key.with_suffix(".pub"))]).split()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def banner(port: int, timeout_s: float = 2.0) -> bytes:
    """What an SSH server says first; empty where nobody answers."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout_s) as link:
            return link.recv(256)
    except OSError:
        return b""


def write_config(
    places: BoardPlaces, port: int, authorized_keys: Path, *, heartbeat: bool = True, host: str = HOST
) -> None:
    places.home.mkdir(exist_ok=True)
    text = CONFIG.format(
        port=port, host=host, key=places.host_key, authorized=authorized_keys, pid=places.pid, faults=places.sshd_faults,
        env=environment(places),
    )  # fmt: skip
    places.sshd_config.write_text(text + (HEARTBEAT if heartbeat else ""))


def reload(places: BoardPlaces, listener: Process, port: int, level: int) -> Process:
    """The listener after it has read its configuration again; sessions go on. Raises LabError."""
    before = _log(places).count(LISTENS)
    os.kill(listener.pid, signal.SIGHUP)
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        process = _listener(places, level) if _log(places).count(LISTENS) > before else None
        if process and banner(port).startswith(b"SSH-"):
            return process
        time.sleep(STEP_S)
    raise LabError(f"{places.name}: sshd did not come back on port {port}: {_log(places)[-500:]}")


def _launch(places: BoardPlaces, port: int, level: int, disk: int | None) -> Process | None:
    """The listener once it answers; None where the port was taken in between."""
    places.pid.unlink(missing_ok=True)
    places.log.unlink(missing_ok=True)
    if os.geteuid() == 0:
        PRIVSEP.mkdir(mode=0o755, parents=True, exist_ok=True)  # sshd of root refuses to start without it
    command = [program(), *(["-D"] if level else []), "-f", str(places.sshd_config), "-E", str(places.log)]
    _detach(apart(command, places, disk) if level else command, places.log)
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        process = _listener(places, level)
        if process and banner(port).startswith(b"SSH-"):
            return process
        if IN_USE.search(_log(places)):
            return None
        time.sleep(STEP_S)
    end(of_board(places))
    raise LabError(f"{places.name}: sshd did not answer on port {port} within {READY_S:g} s: {_log(places)[-500:]}")


def _listener(places: BoardPlaces, level: int) -> Process | None:
    """At level 1 the pid it writes down is the one it has in its own namespace."""
    if level:
        return next(iter(_listeners(places)), None)
    try:
        return seen(int(places.pid.read_text()))
    except (OSError, ValueError):
        return None


def _listeners(places: BoardPlaces) -> list[Process]:
    return commanded(rf"(sshd: )?\S*sshd (-D )?-f {re.escape(str(places.sshd_config))}( .*)?")


def _log(places: BoardPlaces) -> str:
    try:
        return places.log.read_text(errors="replace")
    except OSError:
        return ""


def _detach(command: list[str], log: Path) -> None:
    """Runs a command that goes into the background; a pipe would keep us waiting for what it leaves there."""
    with log.open("ab") as file:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
    if done.returncode:
        raise LabError(f"{command[0]} failed: {log.read_text(errors='replace').strip()[-500:]}")


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LabError(f"no {command[0]} on this machine; install OpenSSH") from error
    if done.returncode:
        raise LabError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
