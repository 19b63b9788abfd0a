"""What pydantic found wrong, at the line where the person wrote it."""

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from farm_inventory.problem import Problem, closest
from farm_inventory.source import Document

Json = dict[str, Any]
KEY_ERRORS = {"extra_forbidden", "missing"}


def explain(error: ValidationError, source: Document, model: type[BaseModel]) -> list[Problem]:
    """Problems in the order of the file, each told once; a misspelt key is not also a missing one."""
    schema = model.model_json_schema()
    problems = {_problem(detail, source, schema): detail for detail in error.errors(include_url=False)}
    meant = {problem.suggestion for problem, detail in problems.items() if detail["type"] == "extra_forbidden"}
    told = [p for p, detail in problems.items() if detail["type"] != "missing" or detail["loc"][-1] not in meant]
    return sorted(told, key=lambda problem: (problem.line or 0, problem.column or 0))


def _problem(detail: ErrorDetails, source: Document, schema: Json) -> Problem:
    location = real_location(source.data, detail["loc"])
    on_key = detail["type"] in KEY_ERRORS or "[key]" in detail["loc"]
    text = _wording(detail)
    return source.problem(location, text, at_key=on_key, suggestion=_suggestion(detail, location, schema))


def _wording(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return f"the key '{detail['loc'][-1]}' is missing"
    if detail["type"] == "extra_forbidden":
        return "there is no such key"
    return detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)


def real_location(data: Any, loc: Sequence[int | str]) -> tuple[Hashable, ...]:
    """`loc` without what pydantic adds to it: tags of union members, `[key]`, fields that are not there."""
    found: list[Hashable] = []
    for part in loc:
        if isinstance(data, dict) and str(part) in data:
            data = data[str(part)]
            found.append(str(part))
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
            found.append(part)
    return tuple(found)


def _suggestion(detail: ErrorDetails, location: tuple[Hashable, ...], schema: Json) -> str | None:
    if detail["type"] == "extra_forbidden" and location:
        return closest(str(location[-1]), _keys(schema, location[:-1]))
    if detail["type"] in ("literal_error", "enum"):
        return closest(str(detail["input"]), re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected"))))
    return None


def _keys(schema: Json, location: Sequence[Hashable]) -> set[str]:
    """Keys the schema knows at `location`."""
    nodes = list(_members(schema, schema))
    for part in location:
        nodes = [deep for node in nodes for child in _children(node, part) for deep in _members(child, schema)]
    return {key for node in nodes for key in node.get("properties", {})}


def _members(node: Json, schema: Json) -> Iterator[Json]:
    """`node` itself with references followed and unions opened."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    yield node
    for union in ("anyOf", "oneOf", "allOf"):
        for member in node.get(union, []):
            yield from _members(member, schema)


def _children(node: Json, part: Hashable) -> Iterator[Json]:
    if isinstance(part, int):
        candidates = [node.get("items")]
    elif part in node.get("properties", {}):
        candidates = [node["properties"][part]]
    else:
        candidates = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
    yield from (child for child in candidates if isinstance(child, dict))
