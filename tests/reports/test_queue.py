"""Time in the queue stands apart from the time of the run."""

from __future__ import annotations

import pytest

from farm_reports.sections.header import waited
from reports_support import run


@pytest.mark.parametrize(
    ("started", "told"),
    [
        (None, None),
        ("2026-01-01T00:01:00Z", None),
        ("2026-01-01T00:12:20Z", "12 minutes in the queue"),
        ("2026-01-01T02:00:00Z", "120 minutes in the queue"),
    ],
)
def test_a_page_says_how_long_its_run_waited_where_that_was_long(started: str | None, told: str | None) -> None:
    assert waited(run().model_copy(update={"created": "2026-01-01T00:00:00Z", "started": started})) == told
