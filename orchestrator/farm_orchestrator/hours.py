"""What a person writes of time: hours of a day, lengths, days of a week, zones; each reader raises ValueError with a sentence."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
LENGTH = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAILY = "daily"
CATCH_UP_MIN_S = 300.0  # schedules are looked at every 30 s, by a process that may have to be started again
CATCH_UP_MAX_S = 7 * 86400.0


def read_clock(text: str) -> tuple[int, int]:
    found = TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:80]!r} is no time of day; write it like 06:00")
    return int(found[1]), int(found[2])


def check_clock(text: str) -> str:
    hour, minute = read_clock(text)
    return f"{hour:02}:{minute:02}"


def check_zone(text: str) -> str:
    """A name from the zones of the world, not an offset: those do not know when clocks are changed."""
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{text[:80]!r} is no time zone of this machine; write one like Europe/Berlin or UTC"
        ) from None


def read_days(text: str) -> tuple[int, ...]:
    """`daily`, `mon-fri`, `sat,sun`, `fri-mon`. Raises ValueError."""
    if text.strip().lower() == DAILY:
        return tuple(range(7))
    days: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = (each.strip() for each in part.partition("-"))
        if first not in WEEK or (last or first) not in WEEK or ("-" in part) != bool(last):
            raise ValueError(f"{text[:80]!r} is no list of days; write daily, mon-fri or mon,wed,sat")
        start, stop = WEEK.index(first), WEEK.index(last or first)
        days |= {(start + i) % 7 for i in range((stop - start) % 7 + 1)}
    return tuple(sorted(days))


def days_text(days: tuple[int, ...]) -> str:
    if len(days) == len(WEEK):
        return DAILY
    if len(days) > 2 and days == tuple(range(days[0], days[-1] + 1)):
        return f"{WEEK[days[0]]}-{WEEK[days[-1]]}"
    return ",".join(WEEK[day] for day in days)


def read_length(text: str) -> float:
    """`90s`, `30m`, `6h`, `1h30m` in seconds. Raises ValueError."""
    found = LENGTH.fullmatch(text.strip())
    hours, minutes, seconds = (int(part or 0) for part in (found.groups() if found else ("", "", "")))
    if not (hours or minutes or seconds):
        raise ValueError(f"{text[:80]!r} is no length of time; write it like 90s, 30m, 2h or 1h30m")
    return 3600.0 * hours + 60.0 * minutes + seconds


def check_days(text: str) -> str:
    return days_text(read_days(text))


def check_catch_up(text: str) -> str:
    if not CATCH_UP_MIN_S <= read_length(text) <= CATCH_UP_MAX_S:
        raise ValueError(f"{text[:80]!r}: how late a night may begin is from 5m, so that none is missed, to 168h")
    return text
