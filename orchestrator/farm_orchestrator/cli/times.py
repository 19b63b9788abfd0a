"""The times a person writes: how long, and until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import click

from farm_orchestrator import hours

T = TypeVar("T")


def length(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """`90s`, `30m`, `2h`, `1h30m` in seconds."""
    del ctx, param
    return None if text is None else written(hours.read_length, text)


def moment(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """`06:00` as seconds since the epoch: the next one on this machine's clock."""
    del ctx, param
    if text is None:
        return None
    return coming(datetime.now().astimezone(), *written(hours.read_clock, text)).timestamp()


def written(read: Callable[[str], T], text: str) -> T:
    """What a person wrote, or help."""
    try:
        return read(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def coming(now: datetime, hour: int, minute: int) -> datetime:
    """The next time that a clock shows this."""
    naive = now.replace(tzinfo=None)  # the same hour is another distance away where the clocks are changed meanwhile
    today = naive.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (today if today > naive else today + timedelta(days=1)).astimezone()
