"""The files of a report: read only if their format is ours, written whole and all of them or none."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.errors import StoreError, Unwritable, UsageError
from farm_orchestrator.store.failures import explain

if TYPE_CHECKING:
    from pydantic import ValidationError

    from farm_orchestrator.model import Json
    from farm_reports.results import Results

RESULTS = "results.json"
TRACES, TRACE_BYTES = "traces", 4 << 20  # a larger one stays where it is
INDENTED = 800  # cells up to which it is written for the eye
BOARDS = "boards"  # the folder of the pages of single boards
COPIED = (
    "report.html", "report.css", RESULTS, "junit.xml", "summary.md", "samples.parquet", "launches.parquet",
    "readings.parquet", "plan.json",
)  # fmt: skip
ELSEWHERE = "`farm report RUN --out DIR` writes the report into another folder."


def read_results(path: Path) -> Results:
    """Raises UsageError, with what mends it, where there are none or they are of another format."""
    from pydantic import ValidationError

    from farm_reports.results import SCHEMA, Results

    document = _document(path)
    if document.get("schema") != SCHEMA:
        raise _foreign(path, document.get("schema"), SCHEMA)
    try:
        return Results.model_validate(document)
    except ValidationError as error:
        raise _odd(path, SCHEMA, error) from error


def results_text(results: Results) -> str:
    """What is written as results.json, read back as everybody else will read it. Raises StoreError."""
    from pydantic import ValidationError

    from farm_reports.results import SCHEMA, Results

    large = len(results.cells) > INDENTED
    text = results.model_dump_json(by_alias=True, indent=None if large else 2) + "\n"
    try:
        Results.model_validate_json(_unread(results) if large else text)
    except ValidationError as error:
        raise StoreError(
            f"{RESULTS} was not written: it does not keep to {SCHEMA}: {_first(error)}",
            mend="This is a fault of the farm: please report it.",
        ) from error
    return text


def _unread(results: Results) -> str:
    """Without the cells where they were read as JSON themselves, board by board, and have not been touched since."""
    return (results if results.past else results.model_copy(update={"cells": []})).model_dump_json(by_alias=True)


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Every file by its name, each whole; where one has no room, all stay as they were. Raises StoreError."""
    with _put(folder, texts) as write_one:
        for name, text in texts.items():
            write_one(name).write_text(text, encoding="utf-8")


def copy(folder: Path, out: Path) -> None:
    """Copies of what a report leaves in `folder`, in the same way: pages of boards first, which the page links to."""
    pages = sorted(path.name for path in (folder / BOARDS).glob("*.html"))
    if pages:
        _copy(folder / BOARDS, out / BOARDS, pages)
    small = sorted(path.name for path in (folder / TRACES).glob("*.json") if _small(path))
    if small:
        _copy(folder / TRACES, out / TRACES, small)
    _copy(folder, out, [name for name in COPIED if (folder / name).exists()])


def _small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= TRACE_BYTES


def _copy(folder: Path, out: Path, names: Sequence[str]) -> None:
    with _put(out, names) as write_one:
        for name in names:
            shutil.copyfile(folder / name, write_one(name))


@contextmanager
def _put(folder: Path, names: Iterable[str]) -> Iterator[Callable[[str], Path]]:
    """Gives paths to write to, which take their names together. They are nobody else's: two may build one report."""
    own = f"{os.getpid()}-{secrets.token_hex(4)}"
    parts = {name: folder / f".{name}.{own}.part" for name in names}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield parts.__getitem__
        for name, part in parts.items():
            part.replace(folder / name)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


def unwritable(folder: Path, error: OSError) -> StoreError:
    told = explain(error, folder)
    return Unwritable(told.text, mend=ELSEWHERE) if isinstance(told, Unwritable) else told


def _document(path: Path) -> Json:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file", mend=_again(path)) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: this cannot be read as JSON: {error}", mend=_again(path)) from error
    if not isinstance(document, dict):
        raise _foreign(path, None, "")
    return document


def _foreign(path: Path, found: object, ours: str) -> UsageError:
    if not isinstance(found, str) or not found.startswith("farm.result/"):
        named = "it names no format" if found is None else f"its schema is {str(found)[:60]!r}"
        return UsageError(f"{path}: this is no document of a run: {named}", mend=_again(path))
    return UsageError(
        f"{path}: it is of the format {found[:60]!r}, and this farm reads {ours}: another version of farm wrote it",
        mend=f"pip install --upgrade benchfarm; or here, if the run was measured here: {_command(path)}",
    )


def _odd(path: Path, ours: str, error: ValidationError) -> UsageError:
    return UsageError(f"{path}: it does not keep to {ours}: {_first(error)}", mend=_again(path))


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, and how many more there are."""
    first, more = error.errors(include_url=False)[0], error.error_count() - 1
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}{f', and {more} more' if more else ''}"


def _again(path: Path) -> str:
    return f"make it again from what is stored: {_command(path)}"


def _command(path: Path) -> str:
    return f"farm report {path.absolute().parent.name}"
