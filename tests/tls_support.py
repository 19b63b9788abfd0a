"""A Redis as a shared farm has it: TLS alone, and one account with the least commands."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from farm_lab.sshd import free_port

START_S = 120.0
PASSWORD = "only-for-this-test"
SECURITY = Path(__file__).parents[1] / ".github" / "SECURITY.md"


def account() -> list[str]:
    """The command that makes the account, word for word as the documentation has it."""
    said = SECURITY.read_text(encoding="utf-8").partition("ACL SETUSER ")[2].partition("```")[0]
    return ["ACL", "SETUSER", *said.replace(">PASSWORD", f">{PASSWORD}").split()]


class TlsRedis:
    """Listens on one port of this machine, with a certificate that an authority of its own signed."""

    def __init__(self, name: str = "localhost") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="farm-tls-"))
        self.authority, self.stranger = make_authority(self.folder, "ca"), make_authority(self.folder, "stranger")
        make_certificate(self.folder, "server", self.authority, name)
        self.port = free_port()
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: install the package redis-server (make test does it where it may)"
        self.process = subprocess.Popen(
            [program, "--port", "0", "--tls-port", str(self.port), "--bind", "127.0.0.1",
             "--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt",
             "--tls-auth-clients", "no", "--save", "", "--appendonly", "no"],
            cwd=self.folder, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self._wait()
        with self.client() as client:
            client.execute_command(*account())
            client.execute_command("ACL", "SETUSER", "default", "resetpass", f">{PASSWORD}")

    def url(self, authority: Path | None = None, host: str = "localhost") -> str:
        return f"rediss://farmw:{PASSWORD}@{host}:{self.port}/0?ssl_ca_certs={authority or self.authority}"

    def client(self, user: str | None = None) -> Any:
        import redis

        login = "" if user is None else f"{user}:{PASSWORD}@"
        return redis.Redis.from_url(f"rediss://{login}localhost:{self.port}/0?ssl_ca_certs={self.authority}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self) -> None:
        import redis

        until = time.monotonic() + START_S
        while True:
            assert self.process.poll() is None, "redis-server ended at once"
            try:
                with self.client() as client:
                    client.ping()
                    return
            except redis.ConnectionError:
                assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.02)


def make_authority(folder: Path, name: str) -> Path:
    _openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign", "-keyout", f"{name}.key",
             "-out", f"{name}.crt")  # fmt: skip
    return folder / f"{name}.crt"


def make_certificate(folder: Path, name: str, authority: Path, host: str) -> None:
    _openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={host}",
             "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
    (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\nextendedKeyUsage=serverAuth\n")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", str(authority), "-CAkey",
             str(authority.with_suffix(".key")), "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext",
             "-out", f"{name}.crt")  # fmt: skip


def _openssl(folder: Path, *words: str) -> None:
    assert shutil.which("openssl"), "openssl is missing: install the package (make test does it where it may)"
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
