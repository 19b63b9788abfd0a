"""Clocks on a command line: one that is held, or a sweep over several."""

from __future__ import annotations

import re

import click

from farm_orchestrator.model import PIN_PATTERN, SWEEP_PATTERN


def clock(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """A word, or a clock in kHz as the kernel counts."""
    del ctx, param
    return _one_of(text, (PIN_PATTERN,), "max, stock, sustained")


def clocks(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """The same, or a sweep."""
    del ctx, param
    return _one_of(text, (PIN_PATTERN, SWEEP_PATTERN), "max, stock, sustained, sweep")


def _one_of(text: str | None, patterns: tuple[str, ...], words: str) -> str | None:
    if text is None or any(re.fullmatch(pattern, text) for pattern in patterns):
        return text
    raise click.BadParameter(f"{text!r} is none of {words} and a clock in kHz; write 1800 MHz as 1800000")
