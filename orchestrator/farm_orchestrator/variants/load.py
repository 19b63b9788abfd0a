"""A directory, or a list of files, to a set of named variants; no model is opened here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Never

from farm_inventory.document import read, validate
from farm_inventory.problem import DocumentError, closest, printable
from farm_inventory.source import Document
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import NAME_PATTERN, Limits
from farm_orchestrator.variants.document import LimitFields, Tensor, TensorFields, VariantsFile, suggest
from farm_orchestrator.variants.records import DatasetSpec, Entry, TensorSpec, VariantSet

FILE = "variants.yaml"
BASELINES = ("fp32", "baseline")


@dataclass(frozen=True)
class _Source:
    """variants.yaml of a folder, as data and as a document that knows its lines."""

    folder: Path
    file: VariantsFile
    document: Document

    def fail(self, location: tuple[Hashable, ...], text: str, suggestion: str | None = None) -> Never:
        raise UsageError(str(self.document.problem(location, text, suggestion=suggestion)))

    def where(self, *location: Hashable) -> str:
        return self.document.where(*location)


def load(paths: Sequence[Path], baseline: str | None = None) -> VariantSet:
    """Raises UsageError for whatever a person can mend in the directory, the file or the command."""
    folder = _folder(paths)
    source = _source(folder) if folder else _Source(Path(), VariantsFile(), Document(FILE, (), {}, {}))
    entries = tuple(_listed(source)) if folder else _given(paths)
    _check_names(entries)
    names = [entry.name for entry in entries]
    chosen, assumption = _baseline(source, entries, baseline, listed=folder is None)
    return VariantSet(
        entries=entries,
        baseline=chosen,
        guessed=assumption is not None,
        inputs=_tensors(source, source.file.inputs, ("inputs",)),
        dataset=_dataset(source),
        limits=_limits(source, names),
        assumptions=(assumption,) if assumption else (),
    )


def _folder(paths: Sequence[Path]) -> Path | None:
    """The directory that was given, or None for a list of files."""
    if not paths:
        raise UsageError("no variants were given", mend="give a directory with .onnx files, or the files themselves")
    missing = next((path for path in paths if not path.exists() and not path.is_symlink()), None)
    if missing:
        raise UsageError(f"{printable(str(missing))}: there is no such file or directory", mend=_nearby(missing))
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise UsageError(f"{folders[0]} is a directory", mend="give one directory, or .onnx files only")
    return folders[0] if folders else None


def _nearby(missing: Path) -> str:
    """What was probably meant, else what would do."""
    beside = [path.name for path in missing.parent.glob("*") if path.is_dir() or path.suffix == ".onnx"]
    near = closest(missing.name, beside)
    return f"did you mean {missing.parent / near}?" if near else "give a directory with .onnx files, or the files"


def _source(folder: Path) -> _Source:
    path = folder / FILE
    if not path.is_file():
        return _Source(folder, VariantsFile(), Document(str(path), (), {}, {}))
    try:
        document = read(path)
        return _Source(folder, validate(document, VariantsFile), document)
    except DocumentError as error:
        raise UsageError(str(error)) from None


# --- entries


def _given(paths: Sequence[Path]) -> tuple[Entry, ...]:
    return tuple(Entry(path.stem, path) for path in paths)


def _listed(source: _Source) -> Iterator[Entry]:
    """The variants that variants.yaml names, and every other .onnx file by its stem; sorted by name."""
    named = [_named(source, name) for name in source.file.variants]
    taken = {entry.path for entry in named}
    found = [Entry(path.stem, path) for path in source.folder.glob("*.onnx") if path not in taken]
    if not named and not found:
        raise UsageError(
            f"{printable(str(source.folder))} holds no .onnx file",
            mend="a variant is a file NAME.onnx directly in the directory",
        )
    yield from sorted((*named, *found), key=lambda entry: entry.name)


def _named(source: _Source, name: str) -> Entry:
    fields = source.file.variants[name]
    location = ("variants", name, "file") if fields.file else ("variants", name)
    path = source.folder / (fields.file or f"{name}.onnx")
    if not path.exists() and not path.is_symlink():
        near = closest(path.name, [found.name for found in source.folder.glob("*.onnx")])
        source.fail(location, f"there is no file {path.name}", near)
    _check_inside(source, path, location)
    own = _tensors(source, fields.inputs, ("variants", name, "inputs"))
    return Entry(name, path, fields.parent, fields.recipe, own)


def _check_inside(source: _Source, path: Path, location: tuple[Hashable, ...]) -> None:
    """A folder on the way may be a link; the way may still not lead outside."""
    if not path.parent.resolve().is_relative_to(source.folder.resolve()):
        source.fail(location, "the path leads out of the directory")


def _check_names(entries: Sequence[Entry]) -> None:
    wrong = [entry for entry in entries if not re.fullmatch(NAME_PATTERN, entry.name)]
    if wrong:
        raise UsageError(
            "\n".join(
                f"{printable(repr(e.path.name))} gives no name: rename it, e.g. {suggest(e.name)}.onnx" for e in wrong
            ),
            mend="a name has letters, digits, '.', '_' and '-' and at most 64 of them; "
            "or name the file in variants.yaml: variants: {NAME: {file: ...}}",
        )
    twice = next((name for name, count in Counter(entry.name for entry in entries).items() if count > 1), None)
    if twice:
        both = " and ".join(str(entry.path) for entry in entries if entry.name == twice)
        raise UsageError(f"two variants are called {twice}: {both}", mend="rename one of the files")


# --- the baseline


def _baseline(source: _Source, entries: Sequence[Entry], asked: str | None, *, listed: bool) -> tuple[str, str | None]:
    """Its name, and how it was guessed where nobody named it."""
    names = [entry.name for entry in entries]
    if asked is not None:
        if asked not in names:
            raise UsageError(f"--baseline: there is no variant {printable(asked)}", mend=_did_you_mean(asked, names))
        return asked, None
    if source.file.baseline is not None:
        if source.file.baseline not in names:
            source.fail(("baseline",), "there is no such variant", closest(source.file.baseline, names))
        return source.file.baseline, None
    if listed:
        return names[0], None
    for name in BASELINES:
        if name in names:
            return name, f"the baseline is {name}, by its name"
    largest = max(entries, key=_bytes)
    return largest.name, f"the baseline is {largest.name}, the largest file"


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    near = closest(name, names)
    return f"did you mean {near}?" if near else f"there are {', '.join(names)}"


def _bytes(entry: Entry) -> int:
    """Size of the model and of what lies beside it as its data."""
    beside = (entry.path, entry.path.with_name(entry.path.name + ".data"), entry.path.with_suffix(".data"))
    return sum(path.stat().st_size for path in beside if path.is_file() and not path.is_symlink())


# --- the other keys


def _tensors(source: _Source, fields: Mapping[str, Tensor], location: tuple[str, ...]) -> dict[str, TensorSpec]:
    return {name: _tensor(source, spec, (*location, name)) for name, spec in fields.items()}


def _tensor(source: _Source, spec: TensorFields | str, location: tuple[str, ...]) -> TensorSpec:
    where = source.where(*location)
    if isinstance(spec, TensorFields):
        return TensorSpec(tuple(spec.shape) if spec.shape is not None else None, spec.dtype, spec.range, None, where)
    return TensorSpec(file=_existing(source, spec, location), where=where)


def _existing(source: _Source, name: str, location: tuple[str, ...]) -> Path:
    path = source.folder / name
    if not path.exists():
        source.fail(location, f"there is no file {name}")
    _check_inside(source, path, location)
    return path


def _dataset(source: _Source) -> DatasetSpec | None:
    fields = source.file.dataset
    if fields is None:
        return None
    path = _existing(source, fields.file, ("dataset", "file"))
    if not path.is_dir() and path.suffix != ".npz":
        source.fail(("dataset", "file"), "must be an .npz file or a folder of .npy files")
    metric = (fields.metric or "top1") if fields.labels else None
    return DatasetSpec(path, fields.inputs, fields.scale, fields.labels, metric, source.where("dataset"))


def _limits(source: _Source, names: Sequence[str]) -> Limits:
    file = source.file
    limits, budgets = (_written(fields) for fields in (file.limits, file.budgets))
    labelled = file.dataset is not None and file.dataset.labels is not None
    for key, written in (("limits", file.limits), ("budgets", file.budgets)):
        if written.accuracy is not None and not labelled:
            source.fail((key, "accuracy"), "accuracy needs labelled rows: add dataset with labels, or leave this out")
        if written.accuracy and file.dataset and file.dataset.metric == "mae":
            source.fail((key, "accuracy"), "the metric mae is an error, not a share: it cannot be limited as accuracy")
    for index, pattern in enumerate(file.ship):
        if not any(fnmatchcase(name, pattern) for name in names):
            near = closest(pattern, names)
            known = "" if near else f"; there are {', '.join(names)}"
            source.fail(("ship", index), f"no variant is called '{pattern}'{known}", near)
    lines = {metric: source.where("limits", metric) for metric in limits}
    lines |= {f"budgets.{metric}": source.where("budgets", metric) for metric in budgets}
    ship = {"ship": source.where("ship")} if file.ship else {}
    return Limits(limits, tuple(file.ship), {**lines, **ship}, budgets)


def _written(fields: LimitFields) -> dict[str, str]:
    return {metric: bound for metric, bound in fields.model_dump().items() if bound is not None}
