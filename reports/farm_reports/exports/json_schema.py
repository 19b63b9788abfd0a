"""The JSON Schema of results.json."""

from __future__ import annotations

from typing import Any

from farm_reports.results import SCHEMA, Results

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Draft 2020-12; the $id is a name, not an address: nothing is fetched from it."""
    body = Results.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": DRAFT, "$id": f"urn:benchfarm:{SCHEMA.replace('/', ':')}", **body}
