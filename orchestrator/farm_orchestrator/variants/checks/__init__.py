"""The checks of a model file, cheap and certain ones first; each raises Refusal."""

from farm_orchestrator.variants.checks.refusal import Refusal

__all__ = ["Refusal"]
