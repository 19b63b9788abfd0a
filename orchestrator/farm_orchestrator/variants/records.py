"""What is known of a directory of variants before and after the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from farm_orchestrator.model import Json, Limits, Variant

Recorded = Mapping[str, str]  # file name on a board -> sha256, of one variant


@dataclass(frozen=True)
class TensorSpec:
    """What a user says about one input; None where he leaves it to the graph. `file` (.npz) stands instead of all."""

    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    range: tuple[float, float] | None = None
    file: Path | None = None
    where: str = ""


@dataclass(frozen=True)
class Entry:
    """One variant as found; `path` has not been opened yet. `inputs`: its own, by tensor."""

    name: str
    path: Path
    parent: str | None = None
    recipe: str | None = None
    inputs: Mapping[str, TensorSpec] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetSpec:
    """Rows to score on: tensor -> array name, stored x scale = value. `path` is an .npz or a folder of .npy."""

    path: Path
    inputs: Mapping[str, str]
    scale: Mapping[str, float]
    labels: str | None
    metric: str | None
    where: str


@dataclass(frozen=True)
class VariantSet:
    """A directory or a list of files as a person meant it. `guessed`: nobody named the baseline."""

    entries: tuple[Entry, ...]
    baseline: str
    guessed: bool = False
    inputs: Mapping[str, TensorSpec] = field(default_factory=dict)
    dataset: DatasetSpec | None = None
    limits: Limits = field(default_factory=Limits)
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A variant that does not run anywhere; `check` is the number of the check that refused it."""

    name: str
    file: str
    check: int
    text: str
    mend: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.file}): {self.text}" + (f"; {self.mend}" if self.mend else "")


@dataclass(frozen=True)
class Labels:
    """What scoring needs. `sha256` and `size` name an .npz that holds the labels as `y`, or nothing.

    `metric` None: there are no labels, nothing may be called accuracy. `unscored`: variants that cannot take the rows.
    """

    sha256: str
    size: int
    metric: str | None
    rows: int
    unscored: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        return asdict(self)


@dataclass(frozen=True)
class Checked:
    """What may be planned. `files`: everything to be put into the artefacts, by digest; `names`: variant -> file."""

    variants: tuple[Variant, ...]
    refused: tuple[Refused, ...]
    baseline: str
    files: Mapping[str, Path]
    names: Mapping[str, str]
    limits: Limits
    labels: Labels | None
    assumptions: tuple[str, ...]
