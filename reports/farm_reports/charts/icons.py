"""The icons of the verdicts, one stroke style, 34 units square."""

from __future__ import annotations

from markupsafe import Markup

from farm_reports.charts.svg import fill, mark, stroke

PATHS = {
    "check": "M10.5 17.5l4.6 4.6 8.6-9.2",
    "cross": "M11.8 11.8l10.4 10.4M22.2 11.8l-10.4 10.4",
    "up": "M10.5 19.5l6.5-6.8 6.5 6.8",
    "question": "M13.2 13.4c.3-2.2 2-3.4 4-3.4 2.2 0 4 1.3 4 3.5 0 3-4.2 3.1-4.2 6M17 23.7v.3",
    "bang": "M17 9.5v9.5M17 23.7v.3",
    "clock": "M17 10.5v6.8l4.4 2.6",
    "ruler": "M9.5 20.5v-6.5h15v6.5zM13.2 14v3M17 14v3.8M20.8 14v3",
}


def badge(icon: str, colour: str) -> Markup:
    """A filled disc with the icon cut out of it; the word beside it says the same."""
    glyph = mark(
        "path", d=PATHS[icon], fill="none", stroke_linecap="round", stroke_linejoin="round", **stroke("panel", 2.6)
    )
    disc = mark("circle", cx=17, cy=17, r=16, **fill(colour))
    return mark("svg", disc, glyph, width=34, height=34, viewBox="0 0 34 34", aria_hidden="true", focusable="false")


def brand() -> Markup:
    """Three bars, the shortest in blue: less time."""
    heights = (("mute", 18.0), ("ink2", 13.0), ("accent", 8.0))
    bars = [
        mark("rect", x=1 + 7 * index, y=19 - tall, width=5, height=tall, rx=1.5, **fill(colour))
        for index, (colour, tall) in enumerate(heights)
    ]
    return mark("svg", *bars, width=21, height=20, viewBox="0 0 21 20", aria_hidden="true", focusable="false")
