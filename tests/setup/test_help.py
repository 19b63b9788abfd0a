"""What a newcomer sees first."""

import pytest

from farm_orchestrator.cli import COMMANDS, call


def test_help_opens_with_the_commands_of_the_first_hour(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    names = [line.split()[0] for line in listed]
    assert names == list(COMMANDS)
    assert [name for name in names if name != "doctor"][:3] == ["init", "run", "report"]
    assert max(map(len, listed)) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_is_listed_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: farm {name}")
    assert max(map(len, out.splitlines())) <= 80
