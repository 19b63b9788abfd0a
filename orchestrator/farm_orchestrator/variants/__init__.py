"""Model variants: what a directory holds, what may run, what the boards' outputs are worth."""

from farm_orchestrator.model import Json
from farm_orchestrator.variants.check import check
from farm_orchestrator.variants.floor import floor_model
from farm_orchestrator.variants.load import load
from farm_orchestrator.variants.records import Checked, Labels, Refused, VariantSet

__all__ = ["Checked", "Labels", "Refused", "VariantSet", "check", "floor_model", "load", "schema"]


def schema() -> Json:
    """The JSON Schema of variants.yaml."""
    from farm_orchestrator.variants.document import VariantsFile

    return VariantsFile.model_json_schema()
