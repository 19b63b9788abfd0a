"""When nights are due, over clocks that skip an hour, show one twice, and days that never were."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_orchestrator import hours
from farm_orchestrator.plan.nights import Schedule, check_name, due, end, following, moment, stamp, when

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3600.0, 86400.0
ZONES = ("Europe/Berlin", "UTC", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "America/Santiago",
         "Africa/Casablanca", "Asia/Kathmandu")  # fmt: skip
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
days = st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))
# From before the clocks of Samoa skipped a whole day to times whose rules are only guessed.
instants = st.integers(
    int(datetime(2011, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2035, 1, 1, tzinfo=UTC).timestamp())
)
plans = st.builds(
    lambda at, zone, on, late: Schedule("s", at, zone, {}, on, late * HOUR),
    clocks, st.sampled_from(ZONES), days, st.integers(1, 168),
)  # fmt: skip


def schedule(at: str = "02:30", zone: str = "Europe/Berlin", **fields: Any) -> Schedule:
    return Schedule("nightly", at, zone, {}, **fields)


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def begins(own: Schedule, first: float, last: float, step: float = 60.0) -> list[float]:
    """What somebody sees who looks every minute, and takes each night once."""
    seen = {found.at for i in range(int((last - first) / step)) if (found := due(own, first + i * step))}
    return sorted(at for at in seen if at >= first)


def test_a_night_is_due_from_its_minute_on_until_it_is_too_late_to_catch_up() -> None:
    own, at = schedule(catch_up_s=6 * HOUR), utc("2026-11-22T01:30")
    assert due(own, at - 1) is None or due(own, at - 1).at == at - DAY  # type: ignore[union-attr]  # the night before
    for late in (0.0, 30.0, 6 * HOUR):
        found = due(own, at + late)
        assert found is not None
        assert found.at == at
    assert due(own, at + 6 * HOUR + 1) is None


def test_after_ten_days_of_silence_only_the_last_night_is_due() -> None:
    own = schedule(catch_up_s=7 * DAY)
    found = due(own, utc("2026-11-22T05:00"))
    assert found is not None
    assert stamp(found.at) == "2026-11-22T01:30:00Z"


def test_an_hour_that_the_clock_skips_and_one_that_it_shows_twice_have_one_night_each() -> None:
    own = schedule(catch_up_s=3 * HOUR)
    spring = begins(own, utc("2026-03-28T12:00"), utc("2026-03-29T12:00"))
    autumn = begins(own, utc("2026-10-24T12:00"), utc("2026-10-25T12:00"))
    assert [stamp(at) for at in spring] == ["2026-03-29T01:30:00Z"]  # 03:30 there, an hour after 01:30
    assert [stamp(at) for at in autumn] == ["2026-10-25T00:30:00Z"]  # the first of the two


def test_a_day_that_never_was_has_no_night_of_its_own() -> None:
    own = schedule("02:30", "Pacific/Apia", catch_up_s=HOUR)  # 30 December 2011 was left out
    found = begins(own, utc("2011-12-28T00:00"), utc("2012-01-02T00:00"), 600.0)
    local = [datetime.fromtimestamp(at, ZoneInfo("Pacific/Apia")).date() for at in found]
    assert local == [date(2011, 12, day) for day in (28, 29, 31)] + [date(2012, 1, day) for day in (1, 2)]


def test_days_of_the_week_are_those_of_the_zone() -> None:
    own = schedule("00:15", "Australia/Lord_Howe", days=(0,))  # Monday there is still Sunday in Greenwich
    found = due(own, utc("2026-11-22T13:20"))
    assert found is not None
    assert when(found.at, own.zone) == "Mon 2026-11-23 00:15 Australia/Lord_Howe"


def test_what_was_due_before_the_schedule_was_made_or_while_it_is_paused_is_not_due() -> None:
    at = utc("2026-11-22T01:30")
    assert due(schedule(created=at + 60), at + 120) is None
    assert due(schedule(created=at), at + 120) is not None
    assert due(schedule(paused="the rack moves"), at + 120) is None


def test_a_night_ends_when_its_clock_shows_until_and_does_not_begin_after_that() -> None:
    own, at = schedule(until="06:00", catch_up_s=DAY), utc("2026-11-22T01:30")
    assert end(own, at) == utc("2026-11-22T05:00")
    assert due(own, utc("2026-11-22T04:30")) is not None
    assert due(own, utc("2026-11-22T05:00")) is None
    over_midnight = schedule("22:00", until="06:00")
    assert end(over_midnight, utc("2026-11-21T21:00")) == utc("2026-11-22T05:00")


def test_a_night_that_is_told_its_end_loses_or_gains_the_hour_of_its_clock() -> None:
    spring, autumn = (moment(day, "01:00", BERLIN) for day in (date(2026, 3, 29), date(2026, 10, 25)))
    assert (end(schedule(until="06:00"), spring) or 0) - spring == 4 * HOUR
    assert (end(schedule(until="06:00"), autumn) or 0) - autumn == 6 * HOUR


@pytest.mark.parametrize(
    ("at", "until", "begin", "ends"),
    [
        ("02:00", "03:00", "28T01:00", "28T02:00"), ("02:30", "03:15", "28T01:30", "28T02:15"),
        ("02:30", "06:00", "28T01:30", "28T04:00"), ("02:30", "02:30", "28T01:30", "29T00:30"),
        ("01:30", "02:30", "28T00:30", "28T01:30"),
    ],
)  # fmt: skip
def test_a_night_in_the_hour_that_is_skipped_ends_on_the_same_day(at: str, until: str, begin: str, ends: str) -> None:
    found = due(schedule(at, until=until), utc(f"2027-03-{begin}") + 60)
    assert found is not None
    assert (stamp(found.at), stamp(found.ends or 0)) == (f"2027-03-{begin}:00Z", f"2027-03-{ends}:00Z")


@given(plans, instants)
@settings(max_examples=300, deadline=None)
def test_what_is_due_has_begun_is_not_too_late_and_nothing_later_was_missed(own: Schedule, now: int) -> None:
    found, after = due(own, now), following(own, now)
    assert after > now
    if found is None:
        return
    assert 0 <= now - found.at <= own.catch_up_s
    assert following(own, found.at) == after  # no other night between this one and now
    assert due(own, found.at) == found


@given(plans, instants)
@settings(max_examples=100, deadline=None)
def test_each_day_has_one_night_and_its_clock_shows_it_but_where_it_skips_it(own: Schedule, now: int) -> None:
    zone = ZoneInfo(own.zone)
    first = datetime.fromtimestamp(now, zone).date()
    found = [moment(first + timedelta(days=i), own.at, zone) for i in range(30)]
    assert found == sorted(found)
    for at in found:
        shown = f"{datetime.fromtimestamp(at, zone):%H:%M}"
        skipped = datetime.fromtimestamp(at, zone).utcoffset() != datetime.fromtimestamp(at - DAY, zone).utcoffset()
        assert shown == own.at or skipped


@given(plans)
@settings(max_examples=50, deadline=None)
def test_a_schedule_that_is_written_and_read_is_the_same(own: Schedule) -> None:
    import json

    assert Schedule.from_json("s", json.loads(json.dumps(own.to_json()))) == own


def test_a_schedule_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"farm\.schedule/9"):
        Schedule.from_json("s", {"format": "farm.schedule/9"})


@given(days)
def test_days_are_written_as_they_are_read(found: tuple[int, ...]) -> None:
    assert hours.read_days(hours.days_text(found)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("daily", (0, 1, 2, 3, 4, 5, 6)), ("Mon-Fri", (0, 1, 2, 3, 4)), ("sat,sun", (5, 6)), ("fri-mon", (0, 4, 5, 6)),
     ("wed", (2,)), ("mon, wed ,mon", (0, 2))],
)  # fmt: skip
def test_days_are_read_as_people_write_them(text: str, found: tuple[int, ...]) -> None:
    assert hours.read_days(text) == found


@pytest.mark.parametrize(
    ("read", "text"),
    [(hours.read_days, text) for text in ("", "noday", "mon-", "-mon", "mon--fri", "mon,,tue", "weekdays")]
    + [(hours.check_clock, text) for text in ("", "24:00", "2:3", "02:60", "noon", "02:30:00", "-1:00")]
    + [(hours.check_catch_up, text) for text in ("", "0s", "1m", "169h", "6", "-6h", "6 hours")]
    + [(hours.check_zone, text) for text in ("", "Europe/Atlantis", "../../etc/passwd", "/etc/passwd", "Europe", "+02:00", "A\0B")]
    + [(check_name, text) for text in ("", "a b", "-a", "x" * 65, "a/b", "ä")],
)  # fmt: skip
def test_what_is_no_time_day_zone_length_or_name_is_refused_with_what_would_be_one(read: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"write|from 5m|name of a schedule"):
        read(text)


def test_a_name_is_refused_with_one_that_could_be_taken() -> None:
    with pytest.raises(ValueError, match="'our-nights' would be one"):
        check_name("our nights")


def test_clocks_are_written_with_two_digits_each() -> None:
    assert hours.check_clock("2:30") == "02:30"
    assert hours.check_zone("Europe/Berlin") == "Europe/Berlin"
    assert hours.check_catch_up("90m") == "90m"
