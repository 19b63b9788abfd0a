"""When a stamp counts: a clock that was set back must not leave a lease, a hint or a wait standing for hours."""

from sqlalchemy import ColumnElement, and_, or_

from farm_orchestrator.store import schema

HORIZON_S = 120.0  # no lease, attachment or hint reaches further ahead: such a stamp comes from before a step back
WAIT_MAX_S = 400.0  # the longest back-off, 300 s + 20 %, and some
Moment = float | ColumnElement[float]  # a time, or the parameter of a statement that is built once


def live(until: ColumnElement[float], now: Moment) -> ColumnElement[bool]:
    return until.between(now, now + HORIZON_S)


def over(until: ColumnElement[float], now: float) -> ColumnElement[bool]:
    return or_(until < now, until > now + HORIZON_S)


def due(now: Moment) -> ColumnElement[bool]:
    not_before = schema.launch.c.not_before
    return or_(not_before <= now, not_before > now + WAIT_MAX_S)


def counts(now: Moment) -> ColumnElement[bool]:
    """Runs that may be measured: not cancelled, and a living command stands behind them, or they need none."""
    run = schema.run.c
    return and_(run.cancel == 0, or_(run.standing == 1, live(run.attached_until, now)))


def until(now: float, ttl_s: float) -> float:
    return now + min(ttl_s, HORIZON_S)


def is_live(stamp: float, now: float) -> bool:
    return now <= stamp <= now + HORIZON_S
