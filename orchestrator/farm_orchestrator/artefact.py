"""Files that are measured: a model with its inputs, by content, and what it was before."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

from farm_reports.tables import PAST

Json = dict[str, Any]


class Document:
    """JSON of a flat or nested frozen dataclass."""

    def to_json(self) -> Json:
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class FileRef(Document):
    """A file by content: the name it must have on the board, its digest and its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Feeds(Document):
    """Where a launch's input tensors come from: arrays of one pushed .npz.

    `arrays` maps tensor to array name; `scale` multiplies an array (stored x scale = value). `rows` None: each array
    is one input as it is. `rows` k: the first axis of the arrays counts rows, k of them are run one by one.
    `dims` binds the graph's symbolic dimensions by name.
    """

    sha256: str
    size: int
    arrays: dict[str, str]
    scale: dict[str, float] = field(default_factory=dict)
    rows: int | None = None
    dims: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant(Document):
    """A name and the model behind it. `sha256` is taken over the model and its external data; files[0] is the model.

    `feeds`: the timed input. `dataset`: the rows of an evaluate launch, or None. `golden`: the .npz (arrays named like
    the outputs) of the orchestrator's own dry load. `findings`: [{"name", "text", "do"}] known before any board.
    """

    name: str
    sha256: str
    files: tuple[FileRef, ...]
    opset: int
    feeds: Feeds
    golden: FileRef | None = None
    dataset: Feeds | None = None
    quantised: bool = False
    parent: str | None = None
    recipe: str | None = None
    findings: tuple[Json, ...] = ()
    ir: int = 0

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @classmethod
    def from_json(cls, body: Json) -> Self:
        return cls(
            **{
                **body,
                "files": tuple(FileRef(**file) for file in body["files"]),
                "feeds": Feeds(**body["feeds"]),
                "golden": FileRef(**body["golden"]) if body["golden"] else None,
                "dataset": Feeds(**body["dataset"]) if body["dataset"] else None,
                "findings": tuple(body["findings"]),
            }
        )


@dataclass(frozen=True)
class Arm(Document):
    """An old artefact that is measured beside the variant it became: `variant` is called NAME@past. `points`: the keys of
    those at which it is; `run`: where it is from.
    """

    variant: Variant
    points: tuple[str, ...]
    run: str

    @property
    def of(self) -> str:
        """The variant whose past it is."""
        return self.variant.name.removesuffix(PAST)

    @classmethod
    def from_json(cls, body: Json) -> Self:
        return cls(Variant.from_json(body["variant"]), tuple(body["points"]), body["run"])
