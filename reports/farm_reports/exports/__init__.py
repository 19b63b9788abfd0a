"""What CI reads: JUnit XML, a Markdown summary and the JSON Schema of results.json."""

from farm_reports.exports.json_schema import schema
from farm_reports.exports.junit_xml import junit
from farm_reports.exports.markdown import summary

__all__ = ["junit", "schema", "summary"]
