"""The way from a YAML file to a model: `load` and `parse`, and one error for all that is wrong with it."""

import stat
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from farm_inventory.explain import explain
from farm_inventory.nodes import document as build
from farm_inventory.problem import DocumentError, Problem
from farm_inventory.source import Document

SIZE_LIMIT = 1 << 20
ModelT = TypeVar("ModelT", bound=BaseModel)


def load(path: Path | str, model: type[ModelT]) -> ModelT:
    """The file as `model`. Raises DocumentError with every problem found."""
    return validate(read(path), model)


def parse(text: str, name: str, model: type[ModelT]) -> ModelT:
    """`text` as `model`; `name` stands in the messages. Raises DocumentError."""
    return validate(document(text, name), model)


def validate(source: Document, model: type[ModelT]) -> ModelT:
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise DocumentError(explain(error, source, model)) from None


def read(path: Path | str) -> Document:
    """The document in a file of at most 1 MiB of UTF-8. Raises DocumentError."""
    name = _shown(Path(path))
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise DocumentError([Problem(name, None, None, "", "is no regular file")])
        if status.st_size > SIZE_LIMIT:
            raise DocumentError([_too_large(name, status.st_size)])
        return document(Path(path).read_bytes().decode("utf-8-sig"), name)
    except OSError as error:
        raise DocumentError([Problem(name, None, None, "", error.strerror or str(error))]) from None
    except UnicodeDecodeError as error:
        text = f"no UTF-8 text: byte 0x{error.object[error.start]:02x} at offset {error.start}; save the file as UTF-8"
        raise DocumentError([Problem(name, None, None, "", text)]) from None


def document(text: str, name: str) -> Document:
    """The document in `text`. Raises DocumentError."""
    if len(text) > SIZE_LIMIT:
        raise DocumentError([_too_large(name, len(text))])
    return build(text, name)


def _shown(path: Path) -> str:
    """As short as it can be told from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path)


def _too_large(name: str, size: int) -> Problem:
    return Problem(name, None, None, "", f"{size:,} bytes; a file of this kind may hold {SIZE_LIMIT:,}")
