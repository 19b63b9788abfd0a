"""`farm demo`: the example that comes with the package, measured on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from farm_orchestrator.errors import UsageError

PRESET = "quick"
BLOCKS = 8
EXAMPLE = Path("examples", "digits")


@click.command(short_help="Measure the example on this machine: no server, board or file needed.")
def demo() -> int:
    """Measure six variants of a small network on this machine and say which one to ship.

    The same as `farm run --variants examples/digits --preset quick --max-blocks 8`; at most two minutes. No board is
    reached, whatever the inventory says.
    """
    from farm_orchestrator import config
    from farm_orchestrator.cli.run import measure
    from farm_orchestrator.run.request import Request

    settings = replace(config.load(preset=PRESET), inventory=None)
    request = Request(paths=(example(),), max_blocks=BLOCKS)
    return measure(request, settings, dry=False, quiet=False, as_json=False)


def example() -> Path:
    """In the package of a wheel; beside its rooms in a checkout. Raises UsageError."""
    package = Path(__file__).parent.parent
    places = [package / EXAMPLE, package.parent.parent / EXAMPLE]
    found = next((place for place in places if (place / "variants.yaml").is_file()), None)
    if found is None:
        raise UsageError(f"the example is not in {places[0]}", mend="install benchfarm again")
    return found
