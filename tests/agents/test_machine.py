"""One installation is told from another, and its id stays where it is."""

from pathlib import Path

from farm_agents import board
from farm_agents.sysfs import Sysfs


def machine(root: Path, text: str) -> str:
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "machine-id").write_text(text + "\n")
    found = board.machine(Sysfs(str(root)))
    assert found is not None
    return found


def test_the_same_installation_has_the_same_mark_and_another_has_another(tmp_path: Path) -> None:
    one, again, other = (
        machine(tmp_path / name, text) for name, text in (("a", "5e" * 16), ("b", "5e" * 16), ("c", "6f" * 16))
    )
    assert one == again != other
    assert "5e5e" not in one


def test_hello_tells_it(tmp_path: Path) -> None:
    mark = machine(tmp_path, "5e" * 16)
    assert board.facts(Sysfs(str(tmp_path)), board.allowed_cpus())["machine"] == mark
