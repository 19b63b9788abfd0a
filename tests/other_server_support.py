"""An SSH server that is not OpenSSH: it runs commands and takes files, but no large requests and no extension."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_FAILURE, SFTP_OK
from typing_extensions import Buffer

LIMIT = 32 << 10


class Handle(SFTPHandle):
    def stat(self) -> SFTPAttributes:
        return SFTPAttributes.from_stat(os.fstat(self.writefile.fileno()))  # type: ignore[attr-defined]


class Taking(Handle):
    """Takes whatever comes."""


class Refusing(Handle):
    """Answers a large request with a failure."""

    def write(self, offset: int, data: Buffer) -> int:
        return SFTP_FAILURE if len(bytes(data)) > LIMIT else super().write(offset, data)


class Leaving(Handle):
    """Ends the session over a large request."""

    def write(self, offset: int, data: Buffer) -> int:
        if len(bytes(data)) > LIMIT:
            raise EOFError
        return super().write(offset, data)


class Files(SFTPServerInterface):
    """Of this machine; every path is absolute."""

    def __init__(self, server: "Commands", *args: object, **kwargs: object) -> None:
        super().__init__(server, *args, **kwargs)
        self.handle = server.handle

    def stat(self, path: str) -> SFTPAttributes | int:
        try:
            return SFTPAttributes.from_stat(os.stat(path))  # noqa: PTH116  # what the library wants
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or 0)

    def list_folder(self, path: str) -> list[SFTPAttributes]:
        return [SFTPAttributes.from_stat(each.stat(), each.name) for each in Path(path).iterdir()]

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:  # noqa: ARG002  # the library's signature
        Path(path).mkdir()
        return SFTP_OK

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> SFTPHandle:  # noqa: ARG002  # as above
        made = self.handle(flags)
        made.readfile = made.writefile = os.fdopen(os.open(path, flags, 0o600), "r+b")  # type: ignore[attr-defined]
        return made

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        Path(oldpath).replace(newpath)
        return SFTP_OK


class Commands(paramiko.ServerInterface):
    """Lets everybody in who has a key; keeps the commands it was asked to run."""

    def __init__(self, handle: type[Handle], commands: list[str]) -> None:
        self.handle, self.commands = handle, commands

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002  # the library's signature
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002  # as above
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002  # as above
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append(command.decode())
        threading.Thread(target=_run, args=(channel, command.decode()), daemon=True).start()
        return True


def _run(channel: paramiko.Channel, command: str) -> None:
    process = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    feeder = threading.Thread(target=_feed, args=(channel, process), daemon=True)
    feeder.start()
    assert process.stdout
    with contextlib.suppress(OSError):
        while piece := process.stdout.read(65536):
            channel.sendall(piece)
        channel.send_exit_status(process.wait())
    process.stdout.close()
    feeder.join()  # the client writes once it has its answer; a channel closed before that has answered nothing
    channel.close()
    process.wait()


def _feed(channel: paramiko.Channel, process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin
    with contextlib.suppress(OSError):
        while piece := channel.recv(65536):
            process.stdin.write(piece)
    process.stdin.close()


@contextlib.contextmanager
def other_server(host_key: Path, handle: type[Handle]) -> Iterator[tuple[int, list[str]]]:
    """Its port, and the commands it was asked to run. One connection at a time is accepted, any number after it."""
    commands: list[str] = []
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    sock = listener.accept()[0]
                except OSError:
                    return
                transport = paramiko.Transport(sock)
                transport.add_server_key(paramiko.PKey.from_path(host_key))
                transport.set_subsystem_handler("sftp", SFTPServer, Files)
                transport.start_server(server=Commands(handle, commands), event=threading.Event())
                transports.append(transport)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(listener.getsockname()[1]), commands
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for transport in transports:
                transport.close()
                transport.join()
