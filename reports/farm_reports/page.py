"""The page: results and pooled samples in, one HTML document out."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from farm_reports.charts.icons import brand
from farm_reports.results import Results
from farm_reports.sections.compare import compare
from farm_reports.sections.data import data
from farm_reports.sections.distributions import distributions
from farm_reports.sections.header import header
from farm_reports.sections.matrix import matrix
from farm_reports.sections.reading import reading
from farm_reports.sections.ship import ship
from farm_reports.sections.soak import soak
from farm_reports.sections.sweep import sweep
from farm_reports.sections.tradeoffs import tradeoffs
from farm_reports.sections.trust import trust
from farm_reports.sections.verdict import LOOKS, verdict
from farm_reports.sections.view import Samples, Section, View
from farm_reports.sections.words import coded

TEMPLATES = "templates"


def render(results: Results, samples: Samples) -> str:
    """The whole page. `samples`: latencies in ns of all valid launches, keyed by (board, variant, point key)."""
    view = View(results, samples)
    top = header(view)
    found = sections(view)
    return (
        _templates()
        .get_template("page.html")
        .render(
            title=f"{LOOKS[found[0].body.look][0]}: {top.title}",
            top=top,
            run=results.run,
            sections=found,
            brand=brand(),
            css=Markup(stylesheet()),  # noqa: S704 - our own file
            script=Markup(_asset("report.js")),  # noqa: S704 - our own file
        )
    )


def sections(view: View) -> list[Section]:
    """The order of a run without a past; a section without data is left out."""
    found = (
        verdict(view), ship(view), matrix(view), compare(view), distributions(view), tradeoffs(view), sweep(view),
        soak(view), trust(view), data(view), reading(view),
    )  # fmt: skip
    return [section for section in found if section is not None]


def stylesheet() -> str:
    """The text of report.css: the same that stands in the page."""
    return _asset("report.css")


@cache
def _asset(name: str) -> str:
    return (files("farm_reports") / TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("farm_reports", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["coded"] = coded
    return found
