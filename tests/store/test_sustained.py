"""The clock that a board keeps up, in a file of its own."""

from pathlib import Path

import pytest

from farm_orchestrator.errors import StoreError
from farm_orchestrator.plan.sustaining import OF, Shown, Sustained
from farm_orchestrator.store import read_sustained, write_sustained

FOUND = Sustained(1_800_000, 600.0, dict.fromkeys(OF), "r1", (Shown(1_800_000, kept=True),))


def test_it_is_there_once_it_was_written_and_a_later_one_takes_its_place(tmp_path: Path) -> None:
    assert read_sustained(tmp_path, "rpi5") is None
    write_sustained(tmp_path, "rpi5", FOUND)
    assert read_sustained(tmp_path, "rpi5") == FOUND
    later = Sustained(1_500_000, 120.0, FOUND.of, "r2", ())
    write_sustained(tmp_path, "rpi5", later)
    assert read_sustained(tmp_path, "rpi5") == later
    assert read_sustained(tmp_path, "other") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"schema": "farm.calibration/1"}', '{"schema": "farm.sustained/1"}']
)
def test_a_file_that_is_none_of_ours_is_named_with_the_way_out(tmp_path: Path, text: str) -> None:
    write_sustained(tmp_path, "rpi5", FOUND)
    file = tmp_path / "sustained" / "rpi5.json"
    file.write_text(text)
    with pytest.raises(StoreError, match="the clock of this board cannot be read") as raised:
        read_sustained(tmp_path, "rpi5")
    assert str(file) in str(raised.value)
    assert "farm boards soak rpi5" in str(raised.value)
