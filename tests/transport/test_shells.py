"""Accounts as users have them: another shell, a slow one, one that talks; where ssh works, farm works."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from farm_orchestrator.model import FileRef
from farm_orchestrator.transport import open_channel, push, resolve
from transport_support import Sshd, World, sha256

INSTALLED = [
    found for name in ("bash", "dash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish") if (found := shutil.which(name))
]
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/libexec/openssh/sftp-server")
STRANGE = """
import os, re, shlex, sys
said = sys.argv[2]
for word in re.findall(r"'[^']*'|[^' ]+", said):
    if not word.startswith("'") and re.search(r"[$&;|`(){}\\"]|[0-9]>|=", word):
        sys.exit("strange: no such syntax: " + word)
words = shlex.split(said)
if words[0] == "exec":
    os.execvp(words[1], words[1:])
if words[:2] == ["cat", ">"]:
    os.dup2(os.open(words[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    os.execvp("cat", ["cat"])
if len(words) == 1:
    os.execvp(words[0], words)
sys.exit("strange: no such command")
"""


def script(world: World, text: str) -> Path:
    path = world.folder / "shell"
    path.write_text(text)
    path.chmod(0o755)
    return path


def strange(world: World) -> Path:
    """Knows programs, quotes and one redirection, and nothing else of what a POSIX shell knows."""
    (world.folder / "strange.py").write_text(STRANGE)
    return script(world, f'#!/bin/sh\nexec {sys.executable} -I {world.folder / "strange.py"} "$@"\n')


def slow(world: World) -> Path:
    return script(world, '#!/bin/sh\nsleep 1\nexec sh "$@"\n')


def talking(world: World) -> Path:
    return script(world, '#!/bin/sh\necho "Welcome 12 34"\necho 1 2 >&2\nprintf "100%% yours\\n7\\n"\nexec sh "$@"\n')


def works(world: World, server: Sshd) -> None:
    """OpenSSH connects; farm connects, pushes twice, talks to a program that it pushed, and fetches a file."""
    world.configure(world.block(server))
    world.user_file.write_text(server.record())
    assert world.ssh_says()
    channel = open_channel({**resolve({"name": "b"}), "base": "farm"}, world.farm_home)
    try:
        text = b"import sys\nfor line in sys.stdin: print('back', line.strip(), flush=True)\n"
        file = world.folder / "agent"
        file.write_bytes(text)
        ref = FileRef("agent", sha256(text), len(text))
        assert not push.push(channel, file, ref, "farm").skipped
        assert push.push(channel, file, ref, "farm").skipped
        stored = f"farm/cas/{ref.sha256[:2]}/{ref.sha256}"
        assert (world.folder / "home" / stored).read_bytes() == text
        stream = channel.stream(["python3", "-I", stored])
        stream.send(b"word\n")
        assert next(line for line in stream.lines() if line and line.startswith(b"back")) == b"back word"
        stream.close()
        came = world.folder / "came"
        came.mkdir()
        assert channel.exec(["false"]).rc == 1
        assert channel.get(f"cas/{ref.sha256[:2]}/{ref.sha256}", ref.sha256, ref.size, came).read_bytes() == text
    finally:
        channel.close()


@pytest.mark.parametrize("options", [("Subsystem sftp internal-sftp",), ()], ids=["sftp", "no sftp"])
@pytest.mark.parametrize("shell", [strange, slow, talking], ids=lambda shell: shell.__name__)
def test_a_login_shell_of_its_own_kind_is_no_obstacle(
    world: World, shell: Callable[[World], Path], options: tuple[str, ...]
) -> None:
    works(world, world.server(home=world.folder / "home", shell=shell(world), options=options))


@pytest.mark.parametrize("shell", INSTALLED)
@pytest.mark.parametrize("options", [("Subsystem sftp internal-sftp",), ()], ids=["sftp", "no sftp"])
def test_every_installed_shell_does(world: World, shell: str, options: tuple[str, ...]) -> None:
    works(world, world.server(home=world.folder / "home", shell=Path(shell), options=options))


def test_a_shell_that_talks_into_the_file_session_costs_that_session_only(world: World) -> None:
    """An SFTP server that the login shell starts hears the banner as its first word; `cat` takes over."""
    server = next(path for path in SFTP_SERVERS if os.access(path, os.X_OK))
    works(world, world.server(home=world.folder / "home", shell=talking(world), options=[f"Subsystem sftp {server}"]))


def test_a_slow_shell_before_the_file_session_is_waited_for(world: World) -> None:
    server = next(path for path in SFTP_SERVERS if os.access(path, os.X_OK))
    works(world, world.server(home=world.folder / "home", shell=slow(world), options=[f"Subsystem sftp {server}"]))
