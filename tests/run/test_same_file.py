"""One file under two names: measured separately, never told apart."""

import json

import pytest

from run_support import DIGITS, QUICK, Desk


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 21))])
def test_two_names_of_one_file_are_never_faster_or_slower(desk: Desk, seed: int) -> None:
    models = desk.folder / "models"
    models.mkdir()
    for name in ("one.onnx", "two.onnx"):
        (models / name).write_bytes((DIGITS / "int8.onnx").read_bytes())
    said = desk.farm("run", models, "--baseline", "one", *QUICK, "--seed", str(seed), "--json")
    assert said.code == 0, said.err
    cells = {cell["variant"]: cell for cell in said.results["cells"]}
    assert cells["two"]["versus_baseline"]["verdict"] in {"same", "undecided"}
    assert [finding["name"] for finding in cells["two"]["findings"]].count("SAME_FILE") == 1
    rows = [row for row in desk.launches() if row["phase"] == 3]
    assert {row["sha256"] for row in rows} == {rows[0]["sha256"]}
    assert sum(row["variant"] == "one" for row in rows) == sum(row["variant"] == "two" for row in rows) == 8
    files = {row["file_sha256"] for row in rows}
    assert len(files) == len(rows)
    assert json.loads((desk.runs()[0] / "plan.json").read_text())["seed"] == seed
