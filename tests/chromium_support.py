"""The system's Chromium, without a window."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip


def launched(playwright: Playwright) -> Browser:
    """Raises FileNotFoundError where there is none."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        raise FileNotFoundError(
            "no Chromium found: install the package 'chromium' (or 'chromium-browser', 'google-chrome')"
        )
    return playwright.chromium.launch(executable_path=executable, headless=True, args=list(FLAGS))
