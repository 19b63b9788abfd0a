"""`farm schema`: the JSON Schema of a file format."""

import json

import click

from farm_orchestrator.model import Json


@click.command()
@click.argument("which", type=click.Choice(["results", "inventory", "config", "variants"]))
def schema(which: str) -> None:
    """Print the JSON Schema of results.json, of an inventory, of farm.yaml or of variants.yaml."""
    click.echo(json.dumps(_schema(which), indent=2))


def _schema(which: str) -> Json:
    if which == "results":
        from farm_reports.exports import schema as of_results

        return of_results()
    if which == "inventory":
        from farm_inventory import schema as of_inventory

        return of_inventory()
    if which == "config":
        from farm_orchestrator.config import schema as of_config

        return of_config()
    from farm_orchestrator.variants import schema as of_variants

    return of_variants()
