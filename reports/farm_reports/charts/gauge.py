"""A gate's worst value against the tick of its limit."""

from __future__ import annotations

from markupsafe import Markup

from farm_reports.charts.svg import figure, line, rect

HEIGHT = 14


def gauge(used: float, colour: str, finding: str, width: float = 240) -> Markup:
    """`used`: the share of the limit that is used up, 1 at the limit; the tick stands at three quarters."""
    limit_x = width * 0.75
    filled = min(max(used, 0.015) * limit_x, width)
    marks = [
        rect(0, 4, width, 6, "line", rx=3),
        rect(0, 4, filled, 6, colour, rx=3),
        line(limit_x, 1, limit_x, 13, "ink", stroke_width=2),
    ]
    return figure(width, HEIGHT, finding, marks)
