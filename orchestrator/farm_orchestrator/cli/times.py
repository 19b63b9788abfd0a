"""The times a person writes: how long, and until when."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

LENGTH = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
MOMENT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def length(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """`90s`, `30m`, `2h`, `1h30m` in seconds."""
    del ctx, param
    found = None if text is None else LENGTH.fullmatch(text.strip())
    if text is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in (found.groups() if found else ("", "", "")))
    if not (hours or minutes or seconds):
        raise click.BadParameter(f"{text!r} is no length of time; write it like 90s, 30m, 2h or 1h30m")
    return 3600.0 * hours + 60.0 * minutes + seconds


def moment(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """`06:00` as seconds since the epoch: the next one on this machine's clock."""
    del ctx, param
    if text is None:
        return None
    found = MOMENT.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no time of day; write it like 06:00")
    return coming(datetime.now().astimezone(), int(found[1]), int(found[2])).timestamp()


def coming(now: datetime, hour: int, minute: int) -> datetime:
    """The next time that a clock shows this."""
    naive = now.replace(tzinfo=None)  # the same hour is another distance away where the clocks are changed meanwhile
    today = naive.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (today if today > naive else today + timedelta(days=1)).astimezone()
