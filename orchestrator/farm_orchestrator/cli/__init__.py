"""The command line: flags to Settings, exceptions to exit codes, and the only print."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from farm_orchestrator.errors import FarmError

# name -> (module, attribute, one line of help): `farm --help` needs none of the modules.
COMMANDS = {
    "run": ("farm_orchestrator.cli.run", "run", "Measure variants on boards and say what to ship."),
    "report": ("farm_orchestrator.cli.report", "report", "Build a run's report again from what is stored."),
    "runs": ("farm_orchestrator.cli.runs", "runs", "List the runs."),
    "boards": ("farm_orchestrator.cli.boards", "boards", "List, probe and enrol boards."),
    "lab": ("farm_orchestrator.cli.lab", "lab", "Start and stop virtual boards on this machine."),
    "schema": ("farm_orchestrator.cli.schema", "schema", "Print the JSON Schema of a file format."),
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Say more; -vv shows tracebacks.")
@click.version_option(package_name="benchfarm", prog_name="farm")
@click.pass_context
def farm(ctx: click.Context, verbose: int) -> None:
    """Which variant of a model to ship on which board: a verdict that can be trusted."""
    ctx.obj = {"verbose": verbose}


def main() -> None:
    """Entry point of `farm` and `benchfarm`."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run one command; every failure becomes a text on stderr and an exit code."""
    try:
        code: Any = farm.main(arguments, prog_name="farm", standalone_mode=False)
    except FarmError as error:
        if _wants_traceback(arguments):
            raise
        return _failed(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _failed("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return code if isinstance(code, int) else 0


def _failed(text: str, code: int) -> int:
    click.echo(f"farm: {text}", err=True)
    return code


def _wants_traceback(arguments: list[str]) -> bool:
    return "-vv" in arguments or arguments.count("-v") + arguments.count("--verbose") > 1
