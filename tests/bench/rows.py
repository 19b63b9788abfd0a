"""One row of the table: a figure, what it is held against, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.figures import Figure


@dataclass(frozen=True)
class Bound:
    sign: Literal["<=", ">=", "<"]
    limit: float

    def holds(self, figure: Figure) -> bool:
        """Under noise it is enough that the interval reaches the bound."""
        if self.sign == ">=":
            return figure.high >= self.limit
        return figure.low < self.limit if self.sign == "<" else figure.low <= self.limit


@dataclass(frozen=True)
class Row:
    """`ok` None: not measured, `note` says why; without a bound a figure is only reported, and ok."""

    name: str
    figure: Figure | None
    unit: str
    versus: str | None
    bound: Bound | None
    ok: bool | None
    note: str


def measured(name: str, figure: Figure, unit: str, bound: Bound | None = None, *, versus: str | None = None) -> Row:
    return Row(name, figure, unit, versus, bound, bound is None or bound.holds(figure), figure.note)


def not_measured(name: str, why: str) -> Row:
    return Row(name, None, "", None, None, None, why)


def at_most(limit: float) -> Bound:
    return Bound("<=", limit)


def at_least(limit: float) -> Bound:
    return Bound(">=", limit)


def below(limit: float) -> Bound:
    return Bound("<", limit)
