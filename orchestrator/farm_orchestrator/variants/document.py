"""The format of variants.yaml."""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from farm_orchestrator.model import NAME_PATTERN
from farm_reports import bounds

Dtype = Literal[
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"
]


def suggest(name: str) -> str:
    """The nearest name that is allowed."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64]
    return plain if re.match(NAME_PATTERN, plain) else "model"


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError(
            f"a name has letters, digits, '.', '_' and '-', starts with a letter or digit and has at most 64 "
            f"of them: write for example '{suggest(text)}'"
        )
    return text


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if not text or "\0" in text or "\\" in text or path.is_absolute() or ".." in path.parts:
        raise ValueError("must be a path inside this directory, without '..'")
    return text


def _npz(text: str) -> str:
    if not text.endswith(".npz"):
        raise ValueError("must be a mapping of shape, dtype and range, or the name of an .npz file")
    return _inside(text)


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if not all(map(math.isfinite, pair)) or not pair[0] < pair[1]:
        raise ValueError("must be two numbers, the lower one first")
    return pair


Name = Annotated[str, AfterValidator(_name)]
Inside = Annotated[str, AfterValidator(_inside)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorFields(_Part):
    shape: list[PositiveInt] | None = None
    dtype: Dtype | None = None
    range: Annotated[tuple[float, float], AfterValidator(_rising)] | None = None


def _kind(value: Any) -> str:
    return "fields" if isinstance(value, dict | TensorFields) else "file"


Tensor = Annotated[
    Annotated[TensorFields, Tag("fields")] | Annotated[str, AfterValidator(_npz), Tag("file")], Discriminator(_kind)
]


class DatasetFields(_Part):
    """Labelled rows; without `labels` nothing is called accuracy."""

    file: Inside
    inputs: dict[str, str] = Field(min_length=1)
    scale: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
    labels: str | None = None
    metric: Literal["top1", "mae"] | None = None

    @model_validator(mode="after")
    def _together(self) -> DatasetFields:
        stray = sorted(set(self.scale) - set(self.inputs))
        if stray:
            raise ValueError(f"scale names '{stray[0]}', which inputs does not")
        if self.metric and self.labels is None:
            raise ValueError(f"the metric {self.metric} needs labels: name the array that holds them")
        return self


class LimitFields(_Part):
    """What a variant must meet on a board to be fit to ship."""

    latency_p50: str | None = None
    latency_p99: str | None = None
    peak_memory: str | None = None
    size: str | None = None
    energy: str | None = None
    accuracy: str | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        """YAML reads 0.97 as a number; a bound is kept as text."""
        return str(value) if type(value) in (int, float) else value

    @field_validator("*")
    @classmethod
    def _readable(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            cls.read(str(info.field_name), text)
        return text

    @classmethod
    def read(cls, metric: str, text: str) -> bounds.Bound:
        """Raises ValueError for what is no limit."""
        return bounds.parse(metric, text)


class BudgetFields(LimitFields):
    """How much a variant may get worse than its own past."""

    @classmethod
    def read(cls, metric: str, text: str) -> bounds.Bound:
        return bounds.budget(metric, text)


class VariantFields(_Part):
    """`file` is NAME.onnx where it is left out."""

    file: Inside | None = None
    parent: Name | None = None
    recipe: str | None = None
    notes: str | None = None
    inputs: dict[str, Tensor] = {}


class VariantsFile(_Part):
    """variants.yaml; every key is optional."""

    baseline: Name | None = None
    inputs: dict[str, Tensor] = {}
    dataset: DatasetFields | None = None
    limits: LimitFields = LimitFields()
    ship: list[str] = []
    budgets: BudgetFields = BudgetFields()
    variants: dict[Name, VariantFields] = {}
