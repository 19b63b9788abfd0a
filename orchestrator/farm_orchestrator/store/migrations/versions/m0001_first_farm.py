"""The first schema: boards with their leases, runs, parts, cells and launches."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
ZERO = sa.text("0")


def upgrade() -> None:
    _boards()
    _runs()
    _parts()
    _cells()
    _launches()


def _boards() -> None:
    op.create_table(
        "board",
        sa.Column("board", sa.Text, primary_key=True),
        sa.Column("fence", sa.BigInteger, nullable=False, server_default=ZERO),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", sa.Double, nullable=False, server_default=ZERO),
        sa.Column("kicked", sa.Double, nullable=False, server_default=ZERO),
        sa.Column("losses", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("reason", sa.Text),
    )
    op.create_index("board_owner", "board", ["owner"])


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("recipe", sa.JSON, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("word", sa.Text),
        sa.Column("cancel", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("attached_until", sa.Double, nullable=False, server_default=ZERO),
        sa.Column("reported", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("facts", sa.JSON, nullable=False),
    )


def _parts() -> None:
    op.create_table(
        "part",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("board", sa.Text, primary_key=True),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("board_sha256", sa.Text, nullable=False),
        sa.Column("extra_left", sa.Integer, nullable=False),
        sa.Column("ended", sa.Text),
        sa.Column("facts", sa.JSON),
    )


def _cells() -> None:
    op.create_table(
        "cell",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("board", sa.Text, primary_key=True),
        sa.Column("variant", sa.Text, primary_key=True),
        sa.Column("point", sa.Text, primary_key=True),
        sa.Column("sha256", sa.Text),
        sa.Column("state", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("versus_baseline", sa.Text),
    )


def _launches() -> None:
    op.create_table(
        "launch",
        sa.Column("id", sa.Integer, primary_key=True),
        *_place(),
        *_course(),
        *_figures(),
        sa.UniqueConstraint("run", "board", "block", "attempt", "position", name="launch_place"),
    )
    op.create_index("launch_todo", "launch", ["board", "state", "not_before"])


def _place() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("phase", sa.Integer, nullable=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("point", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
    )


def _course() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger),
        sa.Column("not_before", sa.Double, nullable=False, server_default=ZERO),
        sa.Column("t0", sa.Double),
        sa.Column("t1", sa.Double),
        sa.Column("boot_id", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("dropped", sa.Text),
        sa.Column("file", sa.Text),
        sa.Column("file_sha256", sa.Text),
        sa.Column("transcript_sha256", sa.Text),
    )


def _figures() -> tuple[sa.Column[object], ...]:
    names = ("p50_ns", "p90_ns", "p95_ns", "p99_ns", "mean_ns", "min_ns", "max_ns")
    return (
        sa.Column("n", sa.Integer),
        sa.Column("n_eff", sa.Double),
        *(sa.Column(name, sa.BigInteger) for name in names),
        sa.Column("facts", sa.JSON),
        sa.Column("findings", sa.JSON),
    )
