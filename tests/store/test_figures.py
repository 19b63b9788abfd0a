"""The figures of a launch are listed once: table, rows, records and Parquet columns follow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from farm_reports.tables import Figures, Summary, figure_types

ROOT = Path(__file__).parents[2]
FOLLOW = """
from sqlalchemy import create_engine, inspect
from sqlalchemy.schema import CreateTable
from farm_orchestrator.model import LaunchRow
from farm_orchestrator.store import compaction, rows, schema
from farm_reports.tables import LaunchRecord, Summary

place = dict(id=1, board="b0", phase=3, block=1, attempt=0, position=0, variant="v", point="p", kind="measure", state="done")
engine = create_engine("sqlite://")
with engine.begin() as connection:
    connection.execute(CreateTable(schema.launch))
    connection.execute(schema.launch.insert().values(run="r", sha256="s", p999_ns=7, **place))
    (row,) = rows.launch_rows(connection)
print(row.p999_ns, LaunchRecord(**place, p999_ns=row.p999_ns).p999_ns)
print(compaction._launch_table([row])["p999_ns"].to_pylist())
"""


def with_a_new_figure(folder: Path) -> None:
    """Copies of both packages; the new figure is written into the list and nowhere else."""
    for name in ("orchestrator/farm_orchestrator", "reports/farm_reports"):
        shutil.copytree(ROOT / name, folder / name.split("/")[1], ignore=shutil.ignore_patterns("__pycache__"))
    tables = folder / "farm_reports" / "tables.py"
    before, found, after = tables.read_text().partition("class LaunchRecord(Figures):")
    assert found
    old = "    p99_ns: int | None = None\n"
    assert before.count(old) == 1
    tables.write_text(before.replace(old, f"{old}    p999_ns: int | None = None\n") + found + after)


def test_a_new_figure_reaches_table_row_record_and_parquet_from_one_line(tmp_path: Path) -> None:
    with_a_new_figure(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", FOLLOW], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert said.stdout.splitlines() == ["7 7", "[7]"], said.stderr


def test_a_summary_fills_every_figure_with_its_type() -> None:
    assert [field.name for field in fields(Summary)] == [field.name for field in fields(Figures)]
    hints = get_type_hints(Summary)
    assert {name: (get_args(hint) or (hint,))[0] for name, hint in hints.items()} == figure_types()
