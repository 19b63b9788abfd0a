"""`farm boards`: what the inventory holds, whether it answers, and whose keys may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm_orchestrator.cli import hardware, health
from farm_orchestrator.cli.bootstrap import bootstrap
from farm_orchestrator.cli.calibrate import calibrate, document, in_words
from farm_orchestrator.cli.soak import soak
from farm_orchestrator.cli.tune_script import tune_script
from farm_orchestrator.errors import BoardError, UsageError
from farm_orchestrator.model import Json

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_reports.tables import Calibration

INVENTORY = click.option(
    "--inventory",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Boards; without one: those named, else this machine.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
SELECT = click.argument("select", required=False, metavar="[SELECT]")
AT_ONCE = 16


@click.group()
def boards() -> None:
    """List, probe, enrol and prepare the boards of the inventory.

    SELECT is as in `farm run --boards`: globs and labels, e.g. 'rpi5-*,site=lab,!rpi5-03'; without an inventory the
    boards themselves: pi@rpi5.local,jetson:2222.
    """


boards.add_command(bootstrap)
boards.add_command(calibrate)
boards.add_command(soak)
boards.add_command(tune_script)
for command in (health.check, health.quarantine, health.drain, health.release, health.power):
    boards.add_command(command)


@boards.command("ls")
@SELECT
@INVENTORY
@JSON
def list_boards(select: str | None, inventory: Path | None, *, as_json: bool) -> None:
    """List the boards, how they are reached, whether they were measured against themselves, and whether they take work."""
    settings, chosen = _chosen(select, inventory)
    found = [board.to_json() for board in chosen]
    names = [b["name"] for b in found]
    known, well = _calibrations(settings, names), health.healths(settings, names)
    rows = [(b["name"], _address(b), b["type"] or "", _labels(b), b["cpus"], in_words(known[b["name"]]),
             health.in_words(well[b["name"]])) for b in found]  # fmt: skip
    told = [{**b, "calibration": document(known[b["name"]]), "health": health.document(well[b["name"]])} for b in found]
    heads = ("board", "address", "type", "labels", "cpus", "calibration", "health")
    shown = (
        len(heads) if any(row[-1] for row in rows) else len(heads) - 1
    )  # of a fleet that is well there is no more to say
    _print(told if as_json else None, heads[:shown], [row[:shown] for row in rows])


@boards.command()
@SELECT
@INVENTORY
@JSON
@click.option("--record", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the board's sensor tree to FILE, without what tells whose it is; several boards: into a folder.")  # fmt: skip
def probe(select: str | None, inventory: Path | None, file: Path | None, *, as_json: bool) -> int:
    """Connect to each board and say what it is; exit 4 where one does not answer."""
    settings, chosen = _chosen(select, inventory)
    names = [board.name for board in chosen]
    files = record_files(file, names) if file else {}
    found = _each(
        lambda board: _probe(board, settings, files.get(board["name"])), [board.to_json() for board in chosen]
    )
    rows = [(f["name"], f["model"] or f["arch"], f["python"], f["onnxruntime"] or "missing", str(f["cpus"]))
            for f in found if not f["error"]]  # fmt: skip
    _print(found if as_json else None, ("board", "model", "python", "onnxruntime", "cpus"), rows)
    if not as_json:
        for line in [line for one in found for line in hardware.in_words(one)]:
            click.echo(_plain(line))
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


def _calibrations(settings: Settings, names: list[str]) -> dict[str, Calibration]:
    from farm_orchestrator.calibration import latest
    from farm_orchestrator.store.calibrations import calibrations

    found = calibrations(settings.home, names)
    return {name: latest(found.get(name, ())) for name in names}


def _each(act: Callable[[Json], Json], boards: list[Json]) -> list[Json]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(AT_ONCE, len(boards))) as pool:
        return list(pool.map(act, boards))


def _probe(board: Json, settings: Settings, file: Path | None) -> Json:
    """Facts of one board, or `error` saying why there are none; its record goes to `file`."""
    from farm_orchestrator.meters.look import look
    from farm_orchestrator.probing import UNKNOWN, probe
    from farm_orchestrator.transport import resolve

    meter = look(str(board["meter"])) if board.get("meter") else None
    empty: Json = {"name": board["name"], "error": None, **UNKNOWN, "meter": meter}
    try:
        spec = resolve(board)
        found = {**empty, **probe(spec, settings.home)}
        if file:
            _record(spec, settings, found, file)
    except (BoardError, UsageError) as error:
        return {**empty, "error": str(error)}
    return found


def record_files(file: Path, names: Sequence[str]) -> dict[str, Path]:
    """Where the record of each board goes. Raises UsageError before any board is touched."""
    if not file.is_dir() and len(names) > 1:
        raise UsageError(
            f"--record {file} is no folder, and {len(names)} boards are selected",
            mend="name a folder that is there, or one board",
        )
    if not file.parent.is_dir():
        raise UsageError(f"--record {file}: there is no folder {file.parent}", mend="make it first")
    files = {name: file / f"{name}.json" for name in names} if file.is_dir() else {names[0]: file}
    for each in files.values():
        if each.exists():
            raise UsageError(f"--record: {each} is there already", mend="remove it, or name another file")
    return files


def _record(spec: Json, settings: Settings, facts: Json, file: Path) -> None:
    from farm_orchestrator import recording

    done = recording.record(spec, settings.home, facts)
    try:
        recording.write(file, done)
    except OSError as error:
        raise UsageError(
            f"--record {file}: {error.strerror}", mend="name a file in a folder that can be written"
        ) from error
    taken = ", ".join(f"{count} x {kind}" for kind, count in done.redacted.items() if count) or "nothing"
    lines = [f"{spec['name']}: {len(done.entries)} entries in {file}; taken out: {taken}"]
    if done.left_out:
        lines.append(f"{done.left_out} files were left out: a record holds so many and no more")
    click.echo("\n  ".join([*lines, "Read it before you send it to anybody."]), err=True)


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
