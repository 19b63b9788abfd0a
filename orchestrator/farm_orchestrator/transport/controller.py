"""The name of this farm among those that may push to one board."""

import re
import secrets
from pathlib import Path


def identity(farm_home: Path) -> str:
    """16 hex digits, made once for a farm's folder; it marks half-sent files so that they can be resumed."""
    file = farm_home / "controller"
    farm_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="ascii") as fresh:
            fresh.write(secrets.token_hex(8))
    except FileExistsError:
        pass
    text = file.read_text("ascii").strip()
    return text if re.fullmatch("[0-9a-f]{16}", text) else secrets.token_hex(8)
