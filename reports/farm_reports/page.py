"""The page: results and pooled samples in, one HTML document out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from farm_reports.beside import Beside, Samples
from farm_reports.charts.icons import brand
from farm_reports.excerpt import Excerpt
from farm_reports.results import Results
from farm_reports.sections.changed import changed
from farm_reports.sections.compare import compare
from farm_reports.sections.data import data
from farm_reports.sections.distributions import distributions
from farm_reports.sections.header import header
from farm_reports.sections.heat import heat
from farm_reports.sections.history import history
from farm_reports.sections.matrix import matrix
from farm_reports.sections.reading import reading
from farm_reports.sections.ship import ship
from farm_reports.sections.sweep import sweep
from farm_reports.sections.tradeoffs import tradeoffs
from farm_reports.sections.trust import trust
from farm_reports.sections.verdict import LOOKS, verdict
from farm_reports.sections.view import Section, View
from farm_reports.sections.why import why
from farm_reports.sections.words import coded
from farm_reports.texts import harmless

TEMPLATES = "templates"
STYLES = ("base", "models", "changed", "why", "heat", "history", "trust")  # one after the other they are report.css


def render(results: Results, samples: Samples, beside: Beside | None = None, excerpt: Excerpt | None = None) -> str:
    """The whole page. `samples`: latencies in ns of all valid launches, keyed by (board, variant, point key)."""
    view = View(results, samples, beside or Beside(), excerpt or Excerpt())
    return _render(view, sections(view))


def render_board(results: Results, samples: Samples) -> str:
    """The page of one board of many, in a folder beside the page of the run. `results`: those of the board alone."""
    view = View(results, samples)
    found = (
        verdict(view), ship(view), compare(view), distributions(view), why(view), tradeoffs(view), sweep(view),
        trust(view), reading(view),
    )  # fmt: skip
    return _render(view, [section for section in found if section is not None], up="../")


def drawn(results: Results) -> list[str]:
    """The boards whose iterations the page needs."""
    told = [] if results.why is None else [results.why.board]
    return list(dict.fromkeys([*(row.board.name for row in View(results, {}).charted), *told]))


def _render(view: View, found: Sequence[Section], up: str = "") -> str:
    """`up`: the way to the folder of the run's own page; empty on that page itself."""
    top, run = header(view), view.results.run
    document = (
        _templates()
        .get_template("page.html")
        .render(
            title=f"{LOOKS[found[0].body.look][0]}: {top.title}",
            top=top,
            run=run,
            up=up,
            sections=[section for section in found if section.id in (view.excerpt.only or (section.id,))],
            brand=brand(),
            css=Markup(stylesheet()),  # noqa: S704 - our own file
            script=Markup(_asset("report.js")),  # noqa: S704 - our own file
        )
    )
    return harmless(document)


def sections(view: View) -> list[Section]:
    """The order of the page; a section without data is left out: what changed, of a run without a past."""
    found = (
        verdict(view), changed(view), ship(view), matrix(view), compare(view), distributions(view), why(view), tradeoffs(view), sweep(view),
        heat(view), history(view), trust(view), data(view), reading(view),
    )  # fmt: skip
    return [section for section in found if section is not None]


def section_ids(results: Results, samples: Samples, beside: Beside | None = None) -> list[str]:
    """Of the sections that this run has."""
    return [section.id for section in sections(View(results, samples, beside or Beside()))]


def stylesheet() -> str:
    """The text of report.css: the same that stands in the page."""
    return "".join(_asset(f"styles/{name}.css") for name in STYLES)


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
