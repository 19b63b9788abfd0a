"""Folders of small models, loaded and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from onnx import ModelProto

import variants_support as make
from farm_orchestrator import variants
from farm_orchestrator.variants.records import Checked, VariantSet

Models = Mapping[str, ModelProto | bytes]


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., VariantSet]:
    """A loaded folder of `models` with `yaml`."""

    def load(models: Models, yaml: str | None = None, baseline: str | None = None) -> VariantSet:
        return variants.load([make.folder(tmp_path / "v", models, yaml)], baseline)

    return load


@pytest.fixture
def checked(found: Callable[..., VariantSet], tmp_path: Path) -> Callable[..., Checked]:
    """A checked folder of `models` with `yaml`."""

    def check(models: Models, yaml: str | None = None) -> Checked:
        (tmp_path / "s").mkdir(exist_ok=True)
        return variants.check(found(models, yaml), tmp_path / "s")

    return check
