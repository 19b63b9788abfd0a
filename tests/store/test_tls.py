"""A PostgreSQL that is reached over a network: encrypted, and it proves who it is before anything is said to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import text

from farm_orchestrator.errors import StoreError
from farm_orchestrator.store import Store, upgrade_store
from postgres_support import QUICK, PrivatePostgres
from tls_support import make_authority, make_certificate

NAME = "farm-db"


class TlsPostgres(PrivatePostgres):
    """On an address of its own, where it takes nobody who does not encrypt; its certificate is for `farm-db`."""

    def __init__(self) -> None:
        number = os.getpid()
        super().__init__((*QUICK, "max_connections=20"), address=f"127.{1 + number % 250}.{number // 250 % 250}.9")
        self.authority, self.stranger = make_authority(self.folder, "ca"), make_authority(self.folder, "stranger")
        make_certificate(self.folder, "server", self.authority, NAME)
        key = self.folder / "server.key"
        key.chmod(0o600)
        if self.user is not None:
            shutil.chown(key, self.user, self.user)
        (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.0/8 trust\n")
        places = (f"ssl_cert_file={self.folder}/server.crt", f"ssl_key_file={key}")
        self.settings = (*self.settings, "ssl=on", *places)
        self.restart()

    def over_tls(self, name: str = NAME, authority: Path | None = None, mode: str = "verify-full") -> str:
        where = {"host": name, "hostaddr": self.address, "sslmode": mode, "sslrootcert": authority or self.authority}
        return f"postgresql+psycopg://farm@/fleet?{urlencode(where)}"


@pytest.fixture(scope="module")
def server() -> Iterator[TlsPostgres]:
    with TlsPostgres() as server:
        upgrade_store(server.create("fleet"))
        yield server


def test_a_server_that_proves_its_name_is_spoken_to_over_tls(server: TlsPostgres) -> None:
    with Store.open(server.over_tls()) as store:
        said = store.read(
            lambda c: c.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar()
        )
        assert said is True
        assert store.submit(store.now) > 0


def test_a_server_whose_certificate_a_stranger_signed_is_not_spoken_to(server: TlsPostgres) -> None:
    with pytest.raises(StoreError, match="certificate verify failed"):
        Store.open(server.over_tls(authority=server.stranger))


def test_a_server_of_another_name_is_not_spoken_to(server: TlsPostgres) -> None:
    with pytest.raises(StoreError, match="does not match host name"):
        Store.open(server.over_tls("another"))


def test_a_server_takes_nobody_who_does_not_encrypt(server: TlsPostgres) -> None:
    with pytest.raises(StoreError, match="no encryption"):
        Store.open(server.over_tls(mode="disable"))
