"""One Chromium for all tests of the page, and a server that speaks Jenkins' default policy."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from chromium_support import launched

POLICY = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


class StrictHandler(SimpleHTTPRequestHandler):
    """Serves files as Jenkins does: no script, no inline style, nothing from elsewhere."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Requests are not news."""


@pytest.fixture
def strict_site(tmp_path: Path) -> Iterator[str]:
    """The address under which the files of tmp_path are served with the policy."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(StrictHandler, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
