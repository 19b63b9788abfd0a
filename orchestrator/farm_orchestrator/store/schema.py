"""The tables, neutral to the dialect; `migrations` brings a file to the state that is written here."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    text,
)

from farm_reports.tables import figure_types

metadata = MetaData()
DOCUMENT = JSON(none_as_null=True)


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
)

part = Table(
    "part",
    metadata,
    _key("run"),
    _key("board"),
    Column("spec", DOCUMENT, nullable=False),
    Column("board_sha256", Text, nullable=False),
    Column("extra_left", Integer, nullable=False),
    Column("ended", Text),
    Column("facts", DOCUMENT),
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
)


def part_of(run: str, board: str) -> ColumnElement[bool]:
    """Where the row of one board's share of a run is."""
    return and_(part.c.run == run, part.c.board == board)
