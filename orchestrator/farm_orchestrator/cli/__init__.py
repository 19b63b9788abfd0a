"""The command line: flags to Settings, exceptions to exit codes, and the only print."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any

import click

from farm_orchestrator.errors import FarmError

# name -> (module, attribute, one line of help): `farm --help` needs none of the modules.
COMMANDS = {
    "init": ("farm_orchestrator.cli.init", "init", "Name your boards, try them, write inventory and settings."),
    "doctor": ("farm_orchestrator.cli.doctor", "doctor", "Say what stands in the way of a run, and what mends it."),
    "run": ("farm_orchestrator.cli.run", "run", "Measure variants on boards and say what to ship."),
    "report": ("farm_orchestrator.cli.report", "report", "Build a run's report again from what is stored."),
    "compare": ("farm_orchestrator.cli.compare", "compare", "Say what got worse since an earlier run."),
    "demo": ("farm_orchestrator.cli.demo", "demo", "Measure the example on this machine."),
    "nightly": ("farm_orchestrator.cli.nightly", "nightly", "Measure every night, and say what changed."),
    "runs": ("farm_orchestrator.cli.runs", "runs", "List the runs."),
    "boards": ("farm_orchestrator.cli.boards", "boards", "List, probe, enrol and prepare boards."),
    "worker": ("farm_orchestrator.cli.worker", "worker", "Serve boards of a farm that several machines share."),
    "store": ("farm_orchestrator.cli.store", "store", "Make and upgrade the tables of a shared store."),
    "lab": ("farm_orchestrator.cli.lab", "lab", "Start and stop virtual boards on this machine."),
    "schema": ("farm_orchestrator.cli.schema", "schema", "Print the JSON Schema of a file format."),
}
INTERRUPTED = 130
TRACEBACK = "-vv"  # wherever it stands in the command line


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
@click.option(TRACEBACK, is_flag=True, expose_value=False, help="Show where in the code an error came from.")
@click.version_option(package_name="benchfarm", prog_name="farm")
def farm() -> None:
    """Which variant of a model to ship on which board: a verdict that can be trusted."""


def main() -> None:
    """Entry point of `farm` and `benchfarm`."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run one command; every failure becomes a text on stderr and an exit code."""
    try:
        code: Any = farm.main(_plain(arguments), prog_name="farm", standalone_mode=False)
    except FarmError as error:
        if TRACEBACK in arguments:
            traceback.print_exc()
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


def _plain(arguments: list[str]) -> list[str]:
    return [argument for argument in arguments if argument != TRACEBACK]


def _failed(text: str, code: int) -> int:
    click.echo(f"farm: {text}", err=True)
    return code
