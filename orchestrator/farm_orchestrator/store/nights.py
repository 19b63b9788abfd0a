"""The nights of a schedule, the last one first: what the next one is held against."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, delete, exists, select

from farm_orchestrator.model import NOT_SUPPORTED
from farm_orchestrator.store import schema
from farm_orchestrator.store.events import note_event
from farm_orchestrator.store.locks import one_at_a_time
from farm_orchestrator.store.settled import settled
from farm_orchestrator.store.store import Store

NUMBER = re.compile(r"\d+")  # how long a night would take, and has, is no other reason
MOST = 30  # what no night of a month has decided is open
Key = tuple[str, str, str]
PREFIX = "night_"  # begins the kind of an event
UNBEGUN = PREFIX + "not_begun"
HELD = PREFIX + "held"
run, cell, part, event, launch = schema.run.c, schema.cell.c, schema.part.c, schema.event.c, schema.launch.c
REGRESSED = "regressed"  # the word of a cell against its past, also of one whose file fails
EQUIVALENT, PASSED = "equivalent", "passed"


@dataclass(frozen=True)
class Night:
    """A night that is over: `words` against the past by (board, variant, point), `lost` boards and why."""

    run: str
    due_at: float
    word: str | None
    words: Mapping[Key, str | None]
    lost: Mapping[str, str]

    @property
    def boards(self) -> set[str]:
        return {board for board, _, _ in self.words}


def earlier_nights(store: Store, schedule: str, before: float, most: int = MOST) -> Iterator[Night]:
    """Those that are held; one at a time, since the last one mostly tells all.

    What a person said since then, and before the night that asks was begun, holds: nobody is told of it again.
    """
    query = (
        select(run.run, run.due_at, run.word, run.created)
        .where(run.schedule == schedule, run.due_at < before, run.word.is_not(None), run.cancel == 0)
        .where(exists().where(event.run == run.run, event.kind == HELD))
        .order_by(run.due_at.desc())
        .limit(most)
    )
    begun = select(run.created).where(run.schedule == schedule, run.due_at == before)
    by_hand = store.read(lambda c: settled(c, schedule, c.execute(begun).scalar()))
    for row in store.read(lambda c: c.execute(query).all()):
        night = store.read(lambda c, row=row: _night(c, row))  # type: ignore[misc]  # mypy does not infer a bound default
        yield _without(night, {key for each in by_hand if row.created <= each.at for key in each.cells})


def begun_nights(store: Store) -> dict[str, str]:
    """The last run of each schedule."""
    query = select(run.schedule, run.run).where(run.schedule.is_not(None)).order_by(run.due_at)
    return {row.schedule: row.run for row in store.read(lambda c: c.execute(query).all())}


def tell_once(store: Store, name: str, changes: Sequence[tuple[str, str | None, str]]) -> bool:
    """True for the one caller that is to tell of a night's changes, which are noted: (kind, board, text)."""

    def write(connection: Connection) -> bool:
        one_at_a_time(connection)
        told = exists().where(*_news(name))
        if connection.execute(select(told)).scalar():
            return False
        now = store.now(connection)
        for kind, board, text in changes:
            note_event(connection, now, PREFIX + kind, board=board, run=name, text=text)
        return True

    return store.patiently(write)


def untell(store: Store, name: str) -> None:
    """Nobody could be told: whoever asks next tells it."""
    store.patiently(lambda c: c.execute(delete(schema.event).where(*_news(name))) and None)


def note_held(store: Store, name: str) -> None:
    """All that follows from the night is done: the next ones are held against it."""

    def write(connection: Connection) -> None:
        one_at_a_time(connection)
        if not connection.execute(select(exists().where(event.run == name, event.kind == HELD))).scalar():
            note_event(connection, store.now(connection), HELD, run=name)

    store.patiently(write)


def tell_unbegun(store: Store, schedule: str, due_at: float, why: str) -> bool:
    """True where it is news that a night could not begin: not told yet, or a night did begin since then."""

    def write(connection: Connection) -> bool:
        one_at_a_time(connection)
        noted = event.facts["due_at"].as_float()
        of_schedule = (event.kind == UNBEGUN, event.facts["schedule"].as_string() == schedule)
        last = connection.execute(select(noted, event.text).where(*of_schedule).order_by(event.id.desc())).first()
        facts = {"schedule": schedule, "due_at": due_at}
        if last is None or (last[0], last[1]) != (due_at, why):
            note_event(connection, store.now(connection), UNBEGUN, text=why, facts=facts)
        if last is None or last[0] == due_at:
            return last is None
        begun = exists().where(run.schedule == schedule, run.due_at > last[0])
        return NUMBER.sub("", last[1]) != NUMBER.sub("", why) or bool(connection.execute(select(begun)).scalar())

    return store.patiently(write)


def untell_unbegun(store: Store, schedule: str, due_at: float) -> None:
    """Nobody could be told: the next try to begin this night tells it."""
    facts = (event.facts["schedule"].as_string() == schedule, event.facts["due_at"].as_float() == due_at)
    store.patiently(lambda c: c.execute(delete(schema.event).where(event.kind == UNBEGUN, *facts)) and None)


def unbegun_nights(store: Store) -> dict[str, str]:
    """Why the last night of a schedule could not begin, where no later one did."""

    def read(connection: Connection) -> dict[str, str]:
        name, due_at = event.facts["schedule"].as_string(), event.facts["due_at"].as_float()
        later = exists().where(run.schedule == name, run.due_at >= due_at)
        query = select(name.label("name"), event.text).where(event.kind == UNBEGUN, ~later).order_by(event.id)
        return {row.name: row.text for row in connection.execute(query)}

    return store.read(read)


def _news(name: str) -> tuple[ColumnElement[bool], ...]:
    return event.run == name, event.kind.startswith(PREFIX, autoescape=True), event.kind != HELD


def _night(connection: Connection, row: Row[Any]) -> Night:
    unloaded = exists().where(
        launch.run == cell.run,
        launch.board == cell.board,
        launch.variant == cell.variant,
        launch.outcome == NOT_SUPPORTED,
    )
    refused = (cell.state == "not_run") & (cell.sha256.is_(None) | unloaded)  # a file that was refused has no digest
    broken = case((cell.versus_past.is_not(None), (cell.state == "failed") | refused), else_=False).label("broken")
    query = select(cell.board, cell.variant, cell.point, cell.versus_past, broken).where(cell.run == row.run)
    cells = {(each.board, each.variant, each.point): each for each in connection.execute(query)}
    bad = {key for key, each in cells.items() if each.broken} & _held(connection, row.run)
    ended = connection.execute(select(part.board, part.ended).where(part.run == row.run, part.ended.is_not(None)))
    words = {key: REGRESSED if key in bad else each.versus_past for key, each in cells.items()}
    return Night(row.run, row.due_at, row.word, words, {each.board: each.ended for each in ended})


def _without(night: Night, cells: set[Key]) -> Night:
    """Nothing is open of these cells, which a person settled; the word of the run goes with the last that regressed."""
    if not cells:
        return night
    words = {key: EQUIVALENT if key in cells else word for key, word in night.words.items()}
    over = night.word == REGRESSED and REGRESSED not in words.values()
    return replace(night, words=words, word=PASSED if over else night.word)


def _held(connection: Connection, name: str) -> set[Key]:
    """The cells of a run that had a past."""
    facts = connection.execute(select(run.facts).where(run.run == name)).scalar_one()
    return {(each["board"], each["variant"], each["point"]) for each in (facts.get("against") or {"old": ()})["old"]}
