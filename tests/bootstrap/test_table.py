"""Every row of what was released, every operating system that boards come with."""

import pytest

from farm_orchestrator.bootstrap import table
from farm_orchestrator.bootstrap.table import Release

BOTH = pytest.mark.parametrize("arch", ["aarch64", "x86_64"])
NO_SYSTEM_PYTHON = None

# system, its glibc, its Python, the newest for that, the newest with an interpreter that is brought along
SYSTEMS = [
    ("JetPack 4, Ubuntu 18.04", (2, 27), (3, 6), None, "1.28.0"),
    ("RPi OS bullseye, Debian 11", (2, 31), (3, 9), "1.19.2", "1.31.1"),
    ("JetPack 5, Ubuntu 20.04", (2, 31), (3, 8), "1.19.2", "1.31.1"),
    ("JetPack 6, Ubuntu 22.04", (2, 35), (3, 10), "1.23.2", "1.31.1"),
    ("Debian 12, RPi OS and Armbian bookworm", (2, 36), (3, 11), "1.31.1", "1.31.1"),
    ("Ubuntu 24.04, JetPack 7", (2, 39), (3, 12), "1.31.1", "1.31.1"),
    ("RPi OS trixie, Debian 13", (2, 41), (3, 13), "1.31.1", "1.31.1"),
    ("an old Yocto", (2, 17), NO_SYSTEM_PYTHON, None, "1.16.3"),
    ("an older one", (2, 16), NO_SYSTEM_PYTHON, None, None),
]


@BOTH
@pytest.mark.parametrize(("glibc", "python", "own", "brought"), [r[1:] for r in SYSTEMS], ids=[r[0] for r in SYSTEMS])
def test_each_system_gets_the_newest_release_that_it_can_load(
    arch: str, glibc: Release, python: Release | None, own: str | None, brought: str | None
) -> None:
    assert (table.newest(arch, glibc, python) if python and python >= table.FLOOR else None) == own
    assert table.newest(arch, glibc, (3, 11)) == brought


@BOTH
@pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.last)
def test_each_row_is_the_newest_of_its_oldest_glibc_and_ends_where_it_says(arch: str, row: table.Row) -> None:
    for version in (row.first, row.last):
        assert table.why_not(version, row.glibc, row.oldest) is None
        assert table.why_not(version, row.glibc, row.newest) is None
        assert f"needs glibc {table.dotted(row.glibc)}" in str(
            table.why_not(version, (2, row.glibc[1] - 1), row.oldest)
        )
        assert f"not 3.{row.newest[1] + 1}" in str(table.why_not(version, row.glibc, (3, row.newest[1] + 1)))
    rows = [one for one in table.ROWS if one.fits(row.glibc, row.newest)]
    assert table.newest(arch, row.glibc, row.newest) == rows[-1].last


def test_the_rows_follow_each_other_without_overlap() -> None:
    ends = [text for row in table.ROWS for text in (row.first, row.last)]
    assert ends == sorted(ends, key=lambda text: tuple(map(int, text.split("."))))


@pytest.mark.parametrize("arch", ["armv7l", "i686", "riscv64", "machine 22"])
def test_no_release_was_ever_made_for_other_architectures(arch: str) -> None:
    assert table.newest(arch, (2, 36), (3, 11)) is None


def test_a_release_newer_than_the_table_is_not_refused_by_it() -> None:
    assert table.why_not("9.0.0", (2, 28), (3, 11)) is None


def test_onnxruntime_before_1_19_is_never_put_beside_numpy_2() -> None:
    assert table.beside("1.18.1") == ("numpy<2",)
    assert table.beside("1.19.0") == table.beside("no version") == ()
