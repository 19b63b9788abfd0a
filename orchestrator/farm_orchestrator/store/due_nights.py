"""The nights that are due, each for one beat, which has what the night needs."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, exists, select

from farm_orchestrator.plan.nights import Due, Schedule, last_begin
from farm_orchestrator.store import schema
from farm_orchestrator.store.nights import UNBEGUN
from farm_orchestrator.store.schedules import PLAN_S, give_back_turn, may_plan, take_turn, waiting_nights
from farm_orchestrator.store.store import Store

LOOK_S = 30.0  # between two looks, whoever looks
LOOKING = "schedules"
event = schema.event.c


def due_nights(store: Store, here: Callable[[Schedule], bool] = lambda _: True) -> list[Due]:
    """Those that have no run yet, for the one caller whose turn it is to begin them; nothing for all others.

    `here`: whether the caller has what such a night needs. Where it has not, it leaves the night to others, until there is
    hardly time left and none of them tried: then it is for the one whose turn it is, to tell why.
    """
    if not take_turn(store, LOOKING, LOOK_S):
        return []
    found = waiting_nights(store)
    mine = [night for night in found if here(night.schedule) or _is_forlorn(store, night)]
    if len(mine) < len(found):
        give_back_turn(store, LOOKING)
    return [night for night in mine if may_plan(store, night)]


def _is_forlorn(store: Store, night: Due) -> bool:
    """Whether nobody tried to begin it, and soon nobody may."""
    last = last_begin(night)
    of_night = (
        event.facts["schedule"].as_string() == night.schedule.name,
        event.facts["due_at"].as_float() == night.at,
    )
    tried = select(exists().where(event.kind == UNBEGUN, *of_night))

    def read(connection: Connection) -> bool:
        late = store.now(connection) >= last - min(PLAN_S, (last - night.at) / 2)
        return late and not connection.execute(tried).scalar()

    return store.read(read)
