"""When the nights of a schedule are due: local times of day, in any zone, whatever its clocks do."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from farm_orchestrator.hours import read_clock
from farm_orchestrator.model import NAME_PATTERN, Json

FORMAT = "farm.schedule/1"
CATCH_UP_S = 6 * 3600.0
LEAST_S = 60.0  # a night with less time left than this is not begun
DAY = timedelta(days=1)
SKIPPED_S = 12 * 3600.0  # longer than any clock is put forward or back, but for a calendar's


@dataclass(frozen=True)
class Schedule:
    """`at` and `until`: HH:MM on the clocks of `zone`; `days`: of the week, 0 is Monday. `created`: seconds since the epoch.

    A night that could not begin when it was due begins within `catch_up_s`. `run`: the fields of its request.
    """

    name: str
    at: str
    zone: str
    run: Json
    days: tuple[int, ...] = tuple(range(7))
    catch_up_s: float = CATCH_UP_S
    until: str | None = None
    created: float = 0.0
    paused: str | None = None

    def to_json(self) -> Json:
        """What is written at its `name`; when it was made stands beside it."""
        body = asdict(self)
        return {"format": FORMAT, **{key: body[key] for key in ("at", "zone", "run", "days", "catch_up_s", "until")}}

    @classmethod
    def from_json(cls, name: str, body: Json, created: float = 0.0, paused: str | None = None) -> Self:
        """Raises ValueError for what another farm wrote, or a hand."""
        if body.get("format") != FORMAT:
            raise ValueError(f"the schedule {name} has the format {body.get('format')!r}, this farm reads {FORMAT}")
        ZoneInfo(body["zone"])  # KeyError where this machine does not know it
        fields = {key: body[key] for key in ("at", "zone", "run", "catch_up_s", "until")}
        return cls(name, **fields, days=tuple(body["days"]), created=created, paused=paused)


@dataclass(frozen=True)
class Due:
    """A night that is to begin: seconds since the epoch, `ends` None where it may last."""

    schedule: Schedule
    at: float
    ends: float | None


def due(schedule: Schedule, now: float) -> Due | None:
    """The night that should have begun last, if it still may: not a pause, not too late, not from before the schedule was."""
    if schedule.paused is not None:
        return None
    at = max((each for each in _around(schedule, now) if each <= now), default=None)
    if at is None or at < schedule.created:
        return None
    night = Due(schedule, at, end(schedule, at))
    return night if now <= last_begin(night) else None


def last_begin(night: Due) -> float:
    """Later it is not begun."""
    caught_up = night.at + night.schedule.catch_up_s
    return caught_up if night.ends is None else min(caught_up, night.ends - LEAST_S)


def following(schedule: Schedule, now: float) -> float:
    """When the next night begins."""
    return min(each for each in _around(schedule, now) if each > now)


def end(schedule: Schedule, at: float) -> float | None:
    """The first time after a night's begin that its clock shows `until`; where the clock skips both, as long after it as meant."""
    if schedule.until is None:
        return None
    zone = ZoneInfo(schedule.zone)
    day = datetime.fromtimestamp(at, zone).date()
    shown = min(each for i in range(-1, 3) if (each := moment(day + i * DAY, schedule.until, zone)) > at)
    meant = at + _length_s(schedule.at, schedule.until)
    return meant if at == moment(day, schedule.at, zone) and shown - meant > SKIPPED_S else shown


def _length_s(begin: str, until: str) -> float:
    """From one time of day to the next of the other."""
    (hour, minute), (last_hour, last_minute) = read_clock(begin), read_clock(until)
    return ((last_hour - hour) * 3600.0 + (last_minute - minute) * 60.0 - 1) % 86400.0 + 1


def moment(day: date, clock: str, zone: ZoneInfo) -> float:
    """Once a day: a time that a clock skips is as far after the last one it showed, of one it shows twice the first counts."""
    hour, minute = read_clock(clock)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=0).timestamp()


def check_name(text: str) -> str:
    if re.fullmatch(NAME_PATTERN, text) is None:
        near = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64]
        raise ValueError(f"{text[:80]!r} is no name of a schedule" + (f"; {near!r} would be one" if near else ""))
    return text


def when(at: float, zone: str) -> str:
    """For a person: `Sun 2026-11-22 02:30 Europe/Berlin`."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%a %Y-%m-%d %H:%M} {zone}"


def day(at: float, zone: str) -> str:
    """On the calendar of the zone."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d}"


def stamp(at: float) -> str:
    """For a document: RFC 3339."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _around(schedule: Schedule, now: float) -> list[float]:
    """All begins from a week and a day before `now` to as long after."""
    zone = ZoneInfo(schedule.zone)
    today = datetime.fromtimestamp(now, zone).date()
    days = (today + i * DAY for i in range(-8, 9))
    return [moment(day, schedule.at, zone) for day in days if day.weekday() in schedule.days]
