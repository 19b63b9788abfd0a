"""`farm boards`: what the inventory holds, whether it answers, and whose keys may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm_orchestrator.errors import BoardError, UsageError
from farm_orchestrator.model import Json

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings

INVENTORY = click.option(
    "--inventory", type=click.Path(path_type=Path), metavar="FILE", help="Boards; without one: this machine."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
SELECT = click.argument("select", required=False, metavar="[SELECT]")
AT_ONCE = 16
PROBE_S = 60.0
PROBE = """
import json, os, platform
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
def version(name):
    try:
        return __import__(name).__version__
    except (ImportError, OSError, RuntimeError, SystemError):
        return None
def text(path):
    try:
        with open(path, "rb") as file:
            return file.read(4096).replace(b"\\0", b"").decode("utf-8", "replace").strip()
    except OSError:
        return None
print(json.dumps({
    "model": text(os.path.join(SYSROOT, "sys/firmware/devicetree/base/model")), "arch": platform.machine(),
    "kernel": platform.release(), "cpus": os.cpu_count(), "python": platform.python_version(),
    "numpy": version("numpy"), "onnxruntime": version("onnxruntime")}))
"""


@click.group()
def boards() -> None:
    """List, probe and enrol the boards of the inventory.

    SELECT is as in `farm run --boards`: globs and labels, e.g. 'rpi5-*,site=lab,!rpi5-03'.
    """


@boards.command("ls")
@SELECT
@INVENTORY
@JSON
def list_boards(select: str | None, inventory: Path | None, *, as_json: bool) -> None:
    """List the boards and how they are reached."""
    found = [board.to_json() for board in _chosen(select, inventory)[1]]
    rows = [(b["name"], _address(b), b["type"] or "", _labels(b), b["cpus"]) for b in found]
    _print(found if as_json else None, ("board", "address", "type", "labels", "cpus"), rows)


@boards.command()
@SELECT
@INVENTORY
@JSON
def probe(select: str | None, inventory: Path | None, *, as_json: bool) -> int:
    """Connect to each board and say what it is; exit 4 where one does not answer."""
    settings, chosen = _chosen(select, inventory)
    found = _each(lambda board: _probe(board, settings), [board.to_json() for board in chosen])
    rows = [(f["name"], f["model"] or f["arch"], f["python"], f["onnxruntime"] or "missing", str(f["cpus"]))
            for f in found if not f["error"]]  # fmt: skip
    _print(found if as_json else None, ("board", "model", "python", "onnxruntime", "cpus"), rows)
    for one in found:
        if one["error"]:
            click.echo(f"{one['name']}: {_plain(one['error'])}", err=True)
    return 4 if any(one["error"] or not one["onnxruntime"] for one in found) else 0


@boards.command()
@click.argument("name")
@click.option("--fingerprint", metavar="SHA256:...", help="Record this key without asking, and no other.")
@INVENTORY
def enroll(name: str, fingerprint: str | None, inventory: Path | None) -> None:
    """Record a board's host key in the project's own known_hosts, after showing it."""
    from farm_orchestrator import config
    from farm_orchestrator.transport import hostkeys, offered_key, resolve

    settings, chosen = _chosen(name, inventory)
    if len(chosen) != 1 or chosen[0].local:
        raise UsageError(f"{name!r} is not one board that is reached over ssh", mend="enroll one board at a time")
    spec, home = resolve(chosen[0].to_json()), config.make_home(settings)
    if fingerprint is None:
        offered = offered_key(spec, home)
        click.echo(f"{chosen[0].name} offers {offered.kind} {offered.fingerprint}")
        if not click.confirm("Is this what `ssh-keygen -lf` prints on the board itself? Record it"):
            raise UsageError("nothing was recorded")
        fingerprint = offered.fingerprint
    key = hostkeys.enroll(home, spec, fingerprint)
    click.echo(f"recorded {key.kind} {key.fingerprint} in {home / 'known_hosts'}", err=True)


def _chosen(select: str | None, inventory: Path | None) -> tuple[Settings, tuple[Any, ...]]:
    from farm_orchestrator import config

    settings = config.load(inventory=inventory)
    return settings, config.boards(settings, select)


def _each(act: Callable[[Json], Json], boards: list[Json]) -> list[Json]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(AT_ONCE, len(boards))) as pool:
        return list(pool.map(act, boards))


def _probe(board: Json, settings: Settings) -> Json:
    """Facts of one board, or `error` saying why there are none."""
    import json

    empty: Json = {"name": board["name"], "error": None, "model": None, "arch": None, "kernel": None, "cpus": None,
                   "python": None, "numpy": None, "onnxruntime": None}  # fmt: skip
    try:
        return {**empty, **json.loads(_ask(board, settings))}
    except (BoardError, UsageError) as error:
        return {**empty, "error": str(error)}
    except ValueError:
        return {**empty, "error": "its Python answered, but not with what was asked for"}


def _ask(board: Json, settings: Settings) -> bytes:
    """A constant command; the program comes on stdin."""
    from farm_orchestrator.transport import open_channel, resolve

    spec = resolve(board)
    channel = open_channel(spec, settings.home)
    try:
        program = f"SYSROOT = {spec['sysroot']!r}\n{PROBE}"
        done = channel.exec([spec["python"], "-I", "-"], stdin=program.encode(), timeout_s=PROBE_S)
    finally:
        channel.close()
    if done.rc:
        said = done.err.decode(errors="replace").strip()[-300:]
        raise BoardError(spec["name"], f"{spec['python']} failed: {said}", mend="set `python` of the board")
    return done.out


def _address(board: Json) -> str:
    if board["local"]:
        return "this machine"
    user = f"{board['user']}@" if board["user"] else ""
    return f"{user}{board['host'] or board['name']}" + (f":{board['port']}" if board["port"] else "")


def _labels(board: Json) -> str:
    return ",".join(f"{key}={value}" for key, value in board["labels"].items())


def _print(document: list[Json] | None, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    import json

    if document is not None:
        click.echo(json.dumps(document, indent=2))
    elif rows:
        table = [heads, *(tuple(_plain(cell) for cell in row) for row in rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(heads))]
        for line in table:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _plain(text: str) -> str:
    """What a board says must not move the cursor."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
