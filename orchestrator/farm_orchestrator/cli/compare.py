"""`farm compare`: did something get worse since an earlier run?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli.budgets import budgets
from farm_orchestrator.cli.report import FORMATS, check_one, repository, shown, told

if TYPE_CHECKING:
    from farm_orchestrator.run.request import Policy


@click.command()
@click.argument("earlier", metavar="A")
@click.argument("newer", metavar="B")
@click.option(
    "--budget",
    "asked",
    multiple=True,
    callback=budgets,
    metavar="METRIC=CHANGE",
    help="How much worse a variant may be, e.g. latency_p50=+5%; may be given again.  [the budgets of B]",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write the report there.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json to stdout and nothing else.")
@click.option("--format", "form", type=click.Choice(FORMATS), metavar="NAME",
              help=f"Print one output and nothing else, or write it to --out: {', '.join(FORMATS)}.")  # fmt: skip
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser of this desktop.")
@click.option("--on-inconclusive", type=click.Choice(["pass", "warn", "fail"]), default="warn", show_default=True)
def compare(
    *,
    earlier: str,
    newer: str,
    asked: dict[str, str],
    out: Path | None,
    form: str | None,
    on_inconclusive: Policy,
    as_json: bool,
    opens: bool,
) -> int:
    """Say what got worse, or better, between run A and the newer run B.

    Each is an id, a unique prefix of one, last, or the path of a run's folder or of its results.json. The report is
    that of B with its past, in runs/B/compared/A; A and B stay as they are. Exit code 1: something is worse than its
    budget allows.
    """
    from farm_orchestrator import config
    from farm_orchestrator.run import compare as held

    check_one(form, as_json=as_json, opens=opens)
    wanted, settings = held.Asked((earlier, newer), asked, on_inconclusive), config.load()
    if form:
        return told(held.export(wanted, settings, form, repository()), out, printed=out is None)
    return shown(held.compare(wanted, settings, out), as_json=as_json, opens=opens)
