"""A fleet that several machines share: health, queue, schedules, workers, and files in the database."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
ZERO = sa.text("0")


def upgrade() -> None:
    _boards()
    _runs()
    _nights()
    _workers()
    _files()


def _boards() -> None:
    _add("board", sa.Column("quarantined", sa.Text), sa.Column("drained", sa.Text), _moment("checked"))
    _add("board", sa.Column("facts", sa.JSON))
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("board", sa.Text),
        sa.Column("run", sa.Text),
        sa.Column("launch", sa.Integer),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("facts", sa.JSON),
    )
    op.create_index("event_board", "event", ["board", "at"])
    op.create_index("event_run", "event", ["run", "at"])


def _runs() -> None:
    for name in ("priority", "standing"):
        _add("run", sa.Column(name, sa.Integer, nullable=False, server_default=ZERO))
    _add("run", sa.Column("ends_by", sa.Double), sa.Column("schedule", sa.Text), sa.Column("due_at", sa.Double))
    op.create_index("run_due", "run", ["schedule", "due_at"], unique=True)
    _add("part", _moment("spent"))
    _add("cell", sa.Column("versus_past", sa.Text))
    unfinished = sa.text("state IN ('pending', 'running')")
    op.create_index("launch_open", "launch", ["run", "board"], sqlite_where=unfinished, postgresql_where=unfinished)


def _nights() -> None:
    op.create_table(
        "last_good",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("schedule", "variant", "board", "point")),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text),
        sa.Column("run", sa.Text, nullable=False),
        _moment("since"),
        sa.Column("moved", sa.Double, nullable=False),
    )
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("paused", sa.Text),
    )
    op.create_table("turn", sa.Column("name", sa.Text, primary_key=True), _moment("taken"))


def _workers() -> None:
    op.create_table(
        "worker",
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("pool", sa.Text, nullable=False),
        sa.Column("boards", sa.JSON),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("lanes", sa.Integer, nullable=False),
        sa.Column("beats", sa.Integer, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        _moment("seen_until"),
    )
    op.create_table("meta", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text))


def _files() -> None:
    op.create_table(
        "artefact",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        _moment("put"),
    )
    op.create_table(
        "artefact_chunk",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("i", sa.Integer, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        _moment("put"),
    )


def _add(table: str, *columns: sa.Column[object]) -> None:
    for column in columns:
        op.add_column(table, column)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Double, nullable=False, server_default=ZERO)
