"""A page in the browser of the desktop; where there is no desktop, its path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def show(path: Path) -> None:
    """Never fails: whoever cannot see it here can open it elsewhere."""
    program = opener(os.environ, sys.platform)
    try:
        if program is None:
            raise FileNotFoundError
        _start([program, path.absolute().as_uri()])
    except OSError:
        click.echo(f"no desktop to open it on; the page is {path.absolute()}", err=True)


def opener(env: Mapping[str, str], platform: str) -> str | None:
    """The program that opens a page in the person's own browser; None where nobody would see it."""
    if platform == "darwin":
        return None if env.get("SSH_CONNECTION") else shutil.which("open", path=env.get("PATH"))
    if not any(env.get(name) for name in DISPLAYS):
        return None
    return shutil.which("xdg-open", path=env.get("PATH"))


def _start(command: list[str]) -> None:
    """It goes on when this command has ended, and says nothing on its streams."""
    quiet = subprocess.DEVNULL
    subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
