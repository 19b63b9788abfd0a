"""A real server on the loopback and real commands hear what changed; what goes wrong is told, without the secret."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator import config, notify
from farm_orchestrator.config import Notify, Settings
from farm_orchestrator.errors import UsageError

DOCUMENT = {"schema": "farm.night/1", "changes": [{"kind": "regressed", "text": "int8 on gång"}]}
SECRET = "T0K3N"


@dataclass
class Hook:
    """What was heard, and what is answered: the first answers, then 200 for ever."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    heard: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    known = Hook()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.heard.append((self.path, dict(self.headers), json.loads(body)))
            code = known.answers.pop(0) if known.answers else 200
            self.send_response(code)
            if code == 302:
                self.send_header("Location", f"{known.url}elsewhere")
            self.end_headers()
            self.wfile.write(f"no POST on {self.path}".encode() if code != 200 else b"")

        def do_GET(self) -> None:
            known.heard.append(("GET", {}, None))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_port}/services/{SECRET}/"
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "PAUSE_S", 0.0)


def test_a_webhook_gets_the_document_as_it_is(hook: Hook) -> None:
    assert notify.notify(DOCUMENT, Notify(webhook=hook.url)) == []
    ((path, headers, body),) = hook.heard
    assert (path, body) == (f"/services/{SECRET}/", DOCUMENT)
    assert headers["Content-Type"] == "application/json"


def test_a_login_in_the_url_goes_into_a_header(hook: Hook) -> None:
    url = hook.url.replace("://", "://me:p%40ss@")
    assert notify.notify(DOCUMENT, Notify(webhook=url)) == []
    assert hook.heard[0][1]["Authorization"] == "Basic bWU6cEBzcw=="


def test_a_server_that_has_a_bad_moment_is_asked_again_and_one_that_refuses_is_not(hook: Hook) -> None:
    hook.answers = [503, 500]
    assert notify.notify(DOCUMENT, Notify(webhook=hook.url)) == []
    assert len(hook.heard) == 3
    hook.answers = [403]
    (told,) = notify.notify(DOCUMENT, Notify(webhook=hook.url))
    assert told.endswith("was not told: it answered 403 Forbidden"), "what the server said itself may hold the secret"
    assert len(hook.heard) == 4
    assert SECRET not in told


def test_a_redirection_is_a_failure_not_an_empty_get(hook: Hook) -> None:
    hook.answers = [302]
    (told,) = notify.notify(DOCUMENT, Notify(webhook=hook.url))
    assert "it answered 302" in told
    assert [path for path, _, _ in hook.heard] == [f"/services/{SECRET}/"]


def test_nobody_listening_is_told_without_the_secret() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        (told,) = notify.notify(
            DOCUMENT, Notify(webhook=f"http://me:{SECRET}@127.0.0.1:{free.getsockname()[1]}/{SECRET}?t={SECRET}")
        )
    assert told.startswith("the webhook http://127.0.0.1:")
    assert "refused" in told
    assert SECRET not in told


def test_a_server_that_speaks_no_http_and_a_name_that_is_none_are_told_without_the_secret() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=echo, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/{SECRET}"
        (told,) = notify.notify(DOCUMENT, Notify(webhook=url))
        thread.join()
    assert told.endswith("was not told: it was not understood: BadStatusLine")
    (told,) = notify.notify(DOCUMENT, Notify(webhook=f"http://{'a' * 64}.example.org/{SECRET}"))
    assert "was not told" in told
    assert SECRET not in told


def echo(server: socket.socket) -> None:
    """Says back what it was asked."""
    for _ in range(notify.TRIES):
        asked, _ = server.accept()
        with asked:
            asked.sendall(asked.recv(65536))


def test_a_command_gets_the_document_on_its_stdin_and_none_of_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FARM_STORE", "FARM_BROKER", "FARM_NOTIFY_WEBHOOK", "FARM_BROKER_FILE", "PGPASSWORD"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("FARM_RUNS", "runs")
    script = (
        "import os,sys,pathlib; p=pathlib.Path(sys.argv[1]); p.write_bytes(sys.stdin.buffer.read()); "
        "p.with_suffix('.env').write_text(repr(dict(os.environ)))"
    )
    assert notify.notify(DOCUMENT, Notify((sys.executable, "-c", script, str(tmp_path / "told")))) == []
    assert json.loads((tmp_path / "told").read_text()) == DOCUMENT
    seen = (tmp_path / "told.env").read_text()
    assert SECRET not in seen
    assert "FARM_RUNS" in seen


def test_one_way_that_fails_does_not_silence_the_other(hook: Hook) -> None:
    told = notify.notify(DOCUMENT, Notify((sys.executable, "-c", "import sys; sys.exit('no mail today')"), hook.url))
    assert told == [f"the command {sys.executable} was not told: it ended with 1: no mail today"]
    assert len(hook.heard) == 1
    assert notify.notify(DOCUMENT, Notify(("/nowhere/mail",))) == [
        "the command /nowhere/mail was not told: it cannot be started: No such file or directory"
    ]


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "COMMAND_S", 0.2)
    (told,) = notify.notify(DOCUMENT, Notify((sys.executable, "-c", "import time; time.sleep(600)")))
    assert told.endswith("was not told: it did not end within 0.2 s")


def test_nobody_is_told_where_nobody_is_named() -> None:
    assert notify.notify(DOCUMENT, Notify()) == []


def loaded(folder: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    (folder / "farm.yaml").write_text(text)
    return config.load(cwd=folder, env=env or {})


def test_the_file_names_a_command_and_an_open_webhook_and_defaults_of_schedules(tmp_path: Path) -> None:
    text = (
        "notify:\n  command: [mail, -s, a night, bench@example.org]\n  webhook: https://ci.example.org/hook\n"
        "nightly: {at: 02:30, zone: Europe/Berlin, days: Mon-Fri, catch_up: 3h}\n"
    )
    found = loaded(tmp_path, text)
    assert found.notify == Notify(("mail", "-s", "a night", "bench@example.org"), "https://ci.example.org/hook")
    assert found.nightly == {"at": "02:30", "zone": "Europe/Berlin", "days": "mon-fri", "catch_up": "3h"}
    assert Settings.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_webhook_with_a_token_comes_from_a_variable_or_from_a_file_it_names(tmp_path: Path) -> None:
    url = f"https://hooks.example.org/?token={SECRET}"
    (tmp_path / "hook").write_text(url + "\n")
    for env in ({"FARM_NOTIFY_WEBHOOK": url}, {"FARM_NOTIFY_WEBHOOK_FILE": "hook"}):
        found = loaded(tmp_path, "notify: {webhook: https://ci.example.org/hook}\n", env)
        assert found.notify.webhook == url
        assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"notify: {{webhook: 'https://me:{SECRET}@h/'}}", "FARM_NOTIFY_WEBHOOK"),
        (f"notify: {{webhook: 'https://h/?token={SECRET}'}}", "FARM_NOTIFY_WEBHOOK"),
        ("notify: {webhook: ftp://h/}", "must be a URL, http://"),
        ("notify: {webhook: 'https://'}", "must be a URL"),
        ("notify: {webhook: 'https://h/g\u00e5ng'}", "in plain ASCII"),
        ("notify: {webhook: 'https://h:99999/'}", "must be a URL"),
        ("notify: {command: mail}", "notify.command"),
        ("notify: {command: []}", "notify.command"),
        ("notify: {comand: [mail]}", "command"),
        ("nightly: {at: '25:00'}", "is no time of day"),
        ("nightly: {zone: Europe/Atlantis}", "is no time zone"),
        ("nightly: {catch_up: 1s}", "from 5m"),
        ("nightly: {days: funday}", "is no list of days"),
    ],
)
def test_what_the_file_may_not_hold_is_refused_with_its_line(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text + "\n")
    assert "farm.yaml:1:" in str(caught.value)
    assert what in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_variable_that_is_no_url_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="FARM_NOTIFY_WEBHOOK: must be a URL") as caught:
        config.load(cwd=tmp_path, env={"FARM_NOTIFY_WEBHOOK": SECRET})
    assert SECRET not in str(caught.value)
