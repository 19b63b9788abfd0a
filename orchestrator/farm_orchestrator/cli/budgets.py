"""How much worse than its past a variant may be, as it is written on a command line."""

from __future__ import annotations

import click


def budgets(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """`latency_p50=+5%` -> metric and bound; the last one of a metric holds."""
    del ctx, param
    from farm_reports.bounds import budget

    found = {}
    for text in texts:
        metric, sign, bound = text.partition("=")
        try:
            if not sign:
                raise ValueError(f"'{text}' is no METRIC=CHANGE")  # noqa: TRY301 - one place that turns it into help
            budget(metric.strip(), bound.strip())
        except ValueError as error:
            raise click.BadParameter(f"{error}; write for example latency_p50=+5%") from error
        found[metric.strip()] = bound.strip()
    return found
