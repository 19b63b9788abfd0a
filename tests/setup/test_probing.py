"""What a board's Python says is taken only as far as it makes sense."""

import json
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator import probing, transport
from farm_orchestrator.config import boards, load
from farm_orchestrator.errors import AgentLost, NoRuntime


def spec(folder: Path, **fields: Any) -> dict[str, Any]:
    (board,) = boards(load(cwd=folder, env={}))
    return {**transport.resolve(board.to_json()), **fields}


def saying(folder: Path, text: str) -> str:
    """A board's interpreter that answers with `text`, whatever it is asked."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\ncat > /dev/null\ncat <<'EOF'\n{text}\nEOF\n")
    python.chmod(0o755)
    return str(python)


def test_this_machine_answers_with_its_runtime(tmp_path: Path) -> None:
    facts = probing.probe(spec(tmp_path), tmp_path / ".farm")
    assert set(facts) == set(probing.UNKNOWN)
    assert facts["onnxruntime"]
    assert list(tmp_path.iterdir()) == []


def test_a_runtime_laid_below_the_base_is_the_one_that_counts(tmp_path: Path) -> None:
    digest = "a" * 64
    (tmp_path / "sites" / digest / "onnxruntime").mkdir(parents=True)
    (tmp_path / "sites" / digest / "onnxruntime" / "__init__.py").write_text("__version__ = '1.2.3'\n")
    (tmp_path / "runtimes").mkdir()
    (tmp_path / "runtimes" / "default.json").write_text(json.dumps({"site": digest}))
    assert probing.probe(spec(tmp_path, base=str(tmp_path)), tmp_path)["onnxruntime"] == "1.2.3"
    assert probing.probe(spec(tmp_path, base=str(tmp_path), runtime="other"), tmp_path)["onnxruntime"] != "1.2.3"


@pytest.mark.parametrize("text", ["", "hello", "[]", "{}", '{"model": 1}', "nul", "7"])
def test_an_answer_without_sense_is_no_answer(tmp_path: Path, text: str) -> None:
    with pytest.raises(AgentLost, match="not with what was asked for"):
        probing.probe(spec(tmp_path, python=saying(tmp_path, text)), tmp_path)


def test_a_banner_is_skipped_and_hostile_words_are_made_harmless(tmp_path: Path) -> None:
    answer = {**probing.UNKNOWN, "model": "\x1b[2J" + "x" * 999, "python": ["no", "text"], "cpus": 4}
    said = "Welcome!\n" + json.dumps(answer)
    facts = probing.probe(spec(tmp_path, python=saying(tmp_path, said)), tmp_path)
    assert facts["model"].isprintable()
    assert len(facts["model"]) == probing.TEXT_LIMIT
    assert (facts["python"], facts["cpus"]) == (None, 4)


def test_a_python_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(NoRuntime, match="failed: broken"):
        probing.probe(spec(tmp_path, python=str(tmp_path / "python")), tmp_path)
