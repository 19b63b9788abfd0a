"""The sizes a person writes."""

from __future__ import annotations

import click

from farm_reports.bounds import parse

LEAST, MOST = 32e6, 1e15  # bytes: an interpreter with its runtime takes more; no board has as much


def memory(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """`180MB`, `1.5GiB` in bytes."""
    del ctx, param
    if text is None:
        return None
    try:
        bound = parse("size", text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no size; write it like 180MB or 1.5GiB") from None
    if bound.relative:
        raise click.BadParameter(
            f"{text!r} is relative, and a launch is ended at a size; what a variant may take against the baseline is "
            "judged by peak_memory, under limits: in variants.yaml"
        )
    if bound.value < LEAST:
        raise click.BadParameter(f"{text!r} is too small: Python and onnxruntime alone take more than 32MB")
    if bound.value > MOST:
        raise click.BadParameter(f"{text!r} is more than any board has")
    return int(bound.value)
