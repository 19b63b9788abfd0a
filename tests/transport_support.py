"""Real OpenSSH servers, agents and a freezing proxy for the tests of the transport; each owns and ends its process."""

import contextlib
import getpass
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm_lab.sshd import free_port

KINDS = ("ed25519", "ecdsa", "rsa")
DEADLINE_S = 120.0
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def until(true: Callable[[], object], what: str) -> None:
    """Waits for a state under a generous deadline."""
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end, f"never came true: {what}"
        time.sleep(0.02)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    bits = ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-C", path.name, "-f", str(path)], check=True
    )
    return path


def public(key: Path) -> str:
    """Type and base64 of a key pair's public half."""
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


def fingerprint(key: Path) -> str:
    said = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], check=True, capture_output=True, text=True)
    return said.stdout.split()[1]


def own_mounts(script: str, arguments: list[str], command: list[str]) -> list[str]:
    """`command` with mounts that nobody else sees and that go with it; works for an ordinary user too."""
    space = ["--mount"] if os.getuid() == 0 else ["--user", "--map-current-user", "--keep-caps", "--mount"]
    shell = f'{script} && shift {len(arguments)} && exec "$@"'
    return ["unshare", *space, "sh", "-c", shell, "sh", *arguments, *command]


def accounts(folder: Path, home: Path, shell: Path | None = None) -> Path:
    """A copy of /etc/passwd in which we live at `home` and log in with `shell`: OpenSSH does not look at HOME."""
    me = pwd.getpwuid(os.getuid())
    home.mkdir(mode=0o700, exist_ok=True)
    ours, other = f":{me.pw_dir}:{me.pw_shell}\n", f":{home}:{shell or me.pw_shell}\n"
    text = Path("/etc/passwd").read_text().replace(ours, other)
    (folder / "passwd").write_text(text)
    return folder / "passwd"


@dataclass
class Sshd:
    """One server on a high port of 127.0.0.1.

    Only for this server's eyes: `mount` (options) puts a tmpfs at `disk`; `home` gives the account another home folder,
    `shell` another login shell beside it.
    """

    folder: Path
    host_keys: dict[str, Path]
    authorized: Sequence[Path]
    options: Sequence[str] = ("Subsystem sftp internal-sftp",)
    mount: str | None = None
    home: Path | None = None
    shell: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert SSHD, "no sshd on this machine: install the OpenSSH server"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disk.mkdir(exist_ok=True)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        (self.folder / "authorized_keys").write_text("".join(f"{public(key)}\n" for key in self.authorized))
        (self.folder / "config").write_text("\n".join(self._config()) + "\n")
        command = [SSHD, "-D", "-e", "-f", str(self.folder / "config")]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(self._mounted(command), stdin=subprocess.DEVNULL, stderr=log, stdout=log)
        until(lambda: "Server listening" in self.log(), "sshd listens")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def log(self) -> str:
        assert self.process
        text = (self.folder / "log").read_text()
        assert self.process.poll() is None, f"sshd ended: {text}"
        return text

    def sessions(self) -> list[int]:
        """Process ids of the server's connections."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    def record(self, kind: str = "ed25519", name: str | None = None) -> str:
        return f"{name or f'[127.0.0.1]:{self.port}'} {public(self.host_keys[kind])}\n"

    def _config(self) -> list[str]:
        return [
            *self.options, f"Port {self.port}", "ListenAddress 127.0.0.1", "LogLevel VERBOSE", "StrictModes no", "UsePAM no",
            "PasswordAuthentication no", "KbdInteractiveAuthentication no", "UseDNS no", "PermitRootLogin yes",
            f"PidFile {self.folder / 'pid'}", f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            "MaxStartups 100", *(f"HostKey {key}" for key in self.host_keys.values()),
        ]  # fmt: skip

    def _mounted(self, command: list[str]) -> list[str]:
        if self.home:
            return own_mounts(
                'mount --bind "$1" /etc/passwd', [str(accounts(self.folder, self.home, self.shell))], command
            )
        if self.mount is None:
            return command
        return own_mounts('mount -t tmpfs -o "$1" farm-test "$2"', [self.mount, str(self.disk)], command)


@dataclass
class World:
    """A user's side: an `ssh` that reads our configuration only, known_hosts files, a farm's folder."""

    folder: Path
    keys: Path
    host_keys: dict[str, Path]
    servers: list[Sshd] = field(default_factory=list)
    closers: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.farm_home.mkdir(mode=0o700)
        self.user_file.touch()
        self.global_file.touch()
        self.configure("")
        ssh = self.folder / "bin" / "ssh"
        ssh.parent.mkdir()
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.folder / "config"} "$@"\n')
        ssh.chmod(0o755)

    @property
    def farm_home(self) -> Path:
        return self.folder / ".farm"

    @property
    def user_file(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def global_file(self) -> Path:
        return self.folder / "global_known_hosts"

    @property
    def client_key(self) -> Path:
        return self.keys / "client"

    def server(self, name: str = "sshd", **changes: Any) -> Sshd:
        settings: dict[str, Any] = {"host_keys": self.host_keys, "authorized": [self.client_key], **changes}
        server = Sshd(self.folder / name, **settings)
        self.servers.append(server)
        server.start()
        return server

    def configure(self, text: str) -> None:
        """Writes ~/.ssh/config as `ssh` and farm will see it; what `text` does not set comes from the last block."""
        (self.folder / "config").write_text(
            f"{text}\nHost *\n  UserKnownHostsFile {self.user_file}\n  GlobalKnownHostsFile {self.global_file}\n"
            f"  IdentityFile {self.client_key}\n  IdentityAgent none\n  User {getpass.getuser()}\n"
        )

    def block(self, server: Sshd, name: str = "b", *lines: str) -> str:
        return "\n".join(
            [f"Host {name}", "  HostName 127.0.0.1", f"  Port {server.port}", *(f"  {x}" for x in lines), ""]
        )

    def board(self, server: Sshd, **fields: Any) -> dict[str, Any]:
        """Inventory fields that need no configuration; the key is known."""
        known = self.user_file.read_text()
        if server.record() not in known:
            self.user_file.write_text(known + server.record())
        return {"name": "b", "host": "127.0.0.1", "port": server.port, "base": str(server.disk / "base"), **fields}

    def ssh_says(self, name: str = "b") -> bool:
        """Whether `ssh -o BatchMode=yes NAME true` works."""
        done = subprocess.run(
            ["ssh", "-o", "BatchMode=yes", name, "true"], check=False, capture_output=True, stdin=subprocess.DEVNULL
        )
        return done.returncode == 0

    def agent(self, *keys: Path) -> str:
        """The socket of an ssh-agent that holds the keys; a passphrase is `secret`."""
        path = str(self.folder / "agent")
        process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)

        def end() -> None:
            process.terminate()
            process.wait()

        self.closers.append(end)
        asked = {**os.environ, "SSH_AUTH_SOCK": path}
        listed = ["ssh-add", "-l"]  # 2: nobody answers; the socket is there a moment before that
        until(lambda: subprocess.run(listed, check=False, env=asked, capture_output=True).returncode != 2, "the agent")
        ask = self.folder / "bin" / "ask"
        ask.write_text("#!/bin/sh\necho secret\n")
        ask.chmod(0o755)
        quiet = {**asked, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        for key in keys:
            subprocess.run(
                ["ssh-add", "-q", str(key)], check=True, env=quiet, stdin=subprocess.DEVNULL, capture_output=True
            )
        return path

    def close(self) -> None:
        for end in (*self.closers, *(server.stop for server in self.servers)):
            end()


class Proxy:
    """A TCP relay that can be frozen: bytes stay where they are, nothing is closed; or cut: both ends are reset."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._flowing = threading.Event()
        self._flowing.set()
        self._links: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.passed = 0
        self.limit: int | None = None

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.thaw()
        self.cut()
        for thread in self._threads:
            thread.join()
        for link in self._links:
            link.close()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._links += [near, far]
            for source, sink in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._relay, args=(source, sink, source is near)))
                self._threads[-1].start()

    def _relay(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:  # noqa: FBT001  # a thread's argument
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                self._flowing.wait()
                sink.sendall(piece)
                self.passed += len(piece) * counted
                if self.limit is not None and self.passed > self.limit:
                    self.cut()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
