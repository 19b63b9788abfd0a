"""`farm report`: the page and its exports, again, from what is stored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from farm_orchestrator.run.again import Told
    from farm_orchestrator.run.request import Finished

FORMATS = ("json", "junit", "summary", "annotations", "bmf", "openmetrics", "csv", "html")


@click.command()
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Copy the outputs there.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json to stdout and nothing else.")
@click.option("--format", "form", type=click.Choice(FORMATS), metavar="NAME",
              help=f"Print one output and nothing else, or write it to --out: {', '.join(FORMATS)}.")  # fmt: skip
@click.option("--only", multiple=True, metavar="SECTION", help="A page of this section only; may be given again.")
@click.option("--boards", metavar="SELECT", help="A page of these boards only: 'rpi5-*,type=orin,!rpi5-03'.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser of this desktop.")
def report(
    run: str,
    out: Path | None,
    form: str | None,
    only: tuple[str, ...],
    boards: str | None,
    *,
    as_json: bool,
    opens: bool,
) -> int:
    """Build the report of RUN (an id, a unique prefix, or last) again; of a run still going: a partial one.

    --only and --boards leave report.html as it is and write report-only.html beside it. --format writes nothing into
    the run's folder. The exit code is the run's own, with every option: 1 where it failed, 4 where it is invalid.
    """
    _check(form, only, boards, as_json=as_json, opens=opens)
    if only or boards is not None:
        return _excerpt(run, out, form, only, boards, opens=opens)
    if form:
        return _export(run, out, form)
    return _again(run, out, as_json=as_json, opens=opens)


def _check(form: str | None, only: tuple[str, ...], boards: str | None, *, as_json: bool, opens: bool) -> None:
    from farm_orchestrator.errors import UsageError

    part = only or boards is not None
    if as_json and part:
        raise UsageError("--json prints all of results.json", mend="leave --json out, or --only and --boards")
    if part and form not in {None, "html"}:
        raise UsageError(f"--only and --boards make a page, --format {form} is none", mend="--format html, or none")
    check_one(form, as_json=as_json, opens=opens)


def check_one(form: str | None, *, as_json: bool, opens: bool) -> None:
    """A command prints one thing. Raises UsageError."""
    from farm_orchestrator.errors import UsageError

    if form and as_json:
        raise UsageError("--json prints all of results.json", mend="leave --json out, or --format")
    if form and opens:
        raise UsageError("--open shows a page, --format prints one output", mend="leave one of them out")


def _again(run: str, out: Path | None, *, as_json: bool, opens: bool) -> int:
    from farm_orchestrator import config
    from farm_orchestrator.run.command import report_again

    return shown(report_again(run, config.load(), out), as_json=as_json, opens=opens, at=out)


def shown(finished: Finished, *, as_json: bool, opens: bool, at: Path | None = None) -> int:
    """Says it, and opens its page: that in the run's folder, or the copy `at` another place."""
    from farm_orchestrator.cli.desktop import show
    from farm_orchestrator.cli.outcome import say

    code = say(finished, as_json=as_json)
    if opens:
        show((at or finished.folder) / "report.html")
    return code


def _export(run: str, out: Path | None, form: str) -> int:
    from farm_orchestrator import config
    from farm_orchestrator.run.again import export

    return told(export(run, form, config.load(), repository()), out, printed=out is None)


def repository() -> Path:
    """Annotations name files from there."""
    return Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())


def _excerpt(
    run: str, out: Path | None, form: str | None, only: tuple[str, ...], boards: str | None, *, opens: bool
) -> int:
    from farm_orchestrator import config
    from farm_orchestrator.run.again import excerpt

    printed = form is not None and out is None
    return told(excerpt(run, config.load(), boards, only), out, printed=printed, opens=opens)


def told(found: Told, out: Path | None, *, printed: bool, opens: bool = False) -> int:
    """Prints it, or writes it and says where."""
    from farm_orchestrator.cli.desktop import show
    from farm_orchestrator.run.again import write

    if printed:
        click.echo(found.text, nl=False)
        return found.exit_code
    path = write(found, out)
    click.echo(f"report: {path}")
    if opens:
        show(path)
    return found.exit_code
