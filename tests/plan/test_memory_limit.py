"""A memory limit of the command line, on its way to the job of every launch."""

from __future__ import annotations

from farm_orchestrator.model import Part
from farm_orchestrator.plan import plan_document
from plan_support import make


def test_the_limit_stands_in_every_part_and_in_the_plan() -> None:
    plan = make(boards=("b0", "b1"), memory_limit=180_000_000)
    assert [part.memory_limit for part in plan.parts] == [180_000_000] * 2
    assert plan_document(plan)["memory_limit"] == 180_000_000
    assert plan_document(make())["memory_limit"] is None


def test_a_part_is_read_back_with_its_limit_and_an_older_one_without() -> None:
    part = make(memory_limit=180_000_000).parts[0]
    body = part.to_json()
    assert Part.from_json(body) == part
    del body["memory_limit"]
    assert Part.from_json(body).memory_limit is None
