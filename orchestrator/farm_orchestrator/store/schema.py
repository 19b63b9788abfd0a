"""The tables, neutral to the dialect; `migrations` brings a file to the state that is written here."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
    UniqueConstraint,
    and_,
    text,
)
from sqlalchemy import Text as AnyText

from farm_reports.tables import figure_types

metadata = MetaData()
DOCUMENT = JSON(none_as_null=True)
UNFINISHED = "state IN ('pending', 'running')"


class Text(TypeDecorator[str]):
    """Text of every kind: what boards and files say may hold a zero, which PostgreSQL cannot keep."""

    impl = AnyText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else value.replace("\0", "\ufffd")


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _moment(name: str) -> Column[float]:
    """Seconds since the epoch; 0 stands for "long ago"."""
    return Column(name, Double, nullable=False, server_default=text("0"))


def _figure(name: str, kind: type) -> Column[Any]:
    """Nanoseconds outgrow 32 bits, counts do not."""
    whole = BigInteger if name.endswith("_ns") else Integer
    return Column(name, Double if kind is float else whole)


board = Table(
    "board",
    metadata,
    _key("board"),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("owner", Text),
    _moment("lease_until"),
    _moment("kicked"),
    _count("losses"),
    Column("reason", Text),
    Column("quarantined", Text),
    Column("drained", Text),
    _moment("checked"),
    Column("facts", DOCUMENT),
    Index("board_owner", "owner"),
)

run = Table(
    "run",
    metadata,
    _key("run"),
    Column("name", Text),
    Column("recipe", DOCUMENT, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("created", Double, nullable=False),
    Column("finished", Double),
    Column("state", Text, nullable=False),
    Column("word", Text),
    _count("cancel"),
    _moment("attached_until"),
    _count("reported"),
    Column("facts", DOCUMENT, nullable=False),
    _count("priority"),
    _count("standing"),
    Column("ends_by", Double),
    Column("schedule", Text),
    Column("due_at", Double),
    Index("run_due", "schedule", "due_at", unique=True),
)

part = Table(  # `spent`: seconds of the board that it had, from where it joined the queue
    "part",
    metadata,
    _key("run"),
    _key("board"),
    Column("spec", DOCUMENT, nullable=False),
    Column("board_sha256", Text, nullable=False),
    Column("extra_left", Integer, nullable=False),
    Column("ended", Text),
    Column("facts", DOCUMENT),
    _moment("spent"),
)

cell = Table(
    "cell",
    metadata,
    _key("run"),
    _key("board"),
    _key("variant"),
    _key("point"),
    Column("sha256", Text),
    Column("state", Text),
    Column("reason", Text),
    Column("versus_baseline", Text),
    Column("versus_past", Text),
)

launch = Table(
    "launch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Text, nullable=False),
    Column("board", Text, nullable=False),
    Column("phase", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    _count("attempt"),
    Column("position", Integer, nullable=False),
    Column("variant", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("point", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("fence", BigInteger),
    _moment("not_before"),
    Column("t0", Double),
    Column("t1", Double),
    Column("boot_id", Text),
    Column("outcome", Text),
    Column("dropped", Text),
    Column("file", Text),
    Column("file_sha256", Text),
    Column("transcript_sha256", Text),
    *(_figure(name, kind) for name, kind in figure_types().items()),
    Column("facts", DOCUMENT),
    Column("findings", DOCUMENT),
    UniqueConstraint("run", "board", "block", "attempt", "position", name="launch_place"),
    Index("launch_todo", "board", "state", "not_before"),
    Index("launch_open", "run", "board", sqlite_where=text(UNFINISHED), postgresql_where=text(UNFINISHED)),
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("board", Text),
    Column("run", Text),
    Column("launch", Integer),
    Column("kind", Text, nullable=False),
    Column("text", Text),
    Column("facts", DOCUMENT),
    Index("event_board", "board", "at"),
    Index("event_run", "run", "at"),
)

last_good = Table(  # `since`: runs that were inserted by then do not move it
    "last_good",
    metadata,
    _key("schedule"),
    _key("variant"),
    _key("board"),
    _key("point"),
    Column("sha256", Text, nullable=False),
    Column("fingerprint", Text),
    Column("run", Text, nullable=False),
    _moment("since"),
    Column("moved", Double, nullable=False),
)

schedule = Table(
    "schedule",
    metadata,
    _key("name"),
    Column("spec", DOCUMENT, nullable=False),
    Column("created", Double, nullable=False),
    Column("paused", Text),
)

turn = Table("turn", metadata, _key("name"), _moment("taken"))

worker = Table(
    "worker",
    metadata,
    _key("worker"),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pool", Text, nullable=False),
    Column("boards", DOCUMENT),
    Column("version", Text, nullable=False),
    Column("lanes", Integer, nullable=False),
    Column("beats", Integer, nullable=False),
    Column("started", Double, nullable=False),
    _moment("seen_until"),
)

meta = Table("meta", metadata, _key("name"), Column("value", Text))

artefact = Table(
    "artefact", metadata, _key("sha256"), Column("size", BigInteger, nullable=False), _moment("put")
)  # `put`: the last time, also where it was there already

artefact_chunk = Table(
    "artefact_chunk",
    metadata,
    _key("sha256"),
    Column("i", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    _moment("put"),
)


def part_of(run: str, board: str) -> ColumnElement[bool]:
    """Where the row of one board's share of a run is."""
    return and_(part.c.run == run, part.c.board == board)
