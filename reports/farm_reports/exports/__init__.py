"""What others read: JUnit XML, Markdown, annotations, Bencher, OpenMetrics, CSV, and the JSON Schema of results.json."""

from collections.abc import Callable

from farm_reports.exports.bmf import bmf
from farm_reports.exports.github import annotated
from farm_reports.exports.json_schema import schema
from farm_reports.exports.junit_xml import junit
from farm_reports.exports.markdown import summary
from farm_reports.exports.openmetrics import openmetrics
from farm_reports.exports.sheet import sheet
from farm_reports.results import Results

EXPORTS: dict[str, tuple[str, Callable[[Results], str]]] = {  # by format: the name of its file, what makes its text
    "junit": ("junit.xml", junit),
    "summary": ("summary.md", summary),
    "annotations": ("annotations.txt", annotated),
    "bmf": ("bmf.json", bmf),
    "openmetrics": ("metrics.txt", openmetrics),
    "csv": ("cells.csv", sheet),
}

__all__ = ["EXPORTS", "annotated", "bmf", "junit", "openmetrics", "schema", "sheet", "summary"]
