"""A desk as the documents assume it: models, an inventory whose boards answer, `farm` on the PATH."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_inventory import load
from run_support import DIGITS, Desk

BOARDS = {"rpi5-01": "pi5", "rpi5-03": "pi5", "jetson": "orin"}
# As few and as quick ones as the lines can do with: what is run is the command.
MODELS = {"fp32.onnx": "fp32.onnx", "int8.onnx": "distilled.onnx", "models/int8.onnx": "distilled.onnx"}
KEPT = ("host", "port", "user", "key", "fingerprint", "base", "python", "cpus", "lab", "interference", "sysroot")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    made = Desk(folder, (("FARM_PRESET", "quick"), ("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")))
    (folder / "models").mkdir()
    for name, source in MODELS.items():
        shutil.copy(DIGITS / source, folder / name)
    assert made.farm("lab", "up", "-n", str(len(BOARDS))).code == 0
    (folder / "boards.yaml").write_text(_inventory(folder))
    yield made
    made.farm("lab", "down")


def _inventory(folder: Path) -> str:
    """The lab's boards under the names of the documents."""
    found = load(folder / ".farm" / "lab" / "inventory.yaml", folder / ".farm")
    lines = []
    for (name, kind), board in zip(BOARDS.items(), found, strict=True):
        fields = {key: value for key, value in board.to_json().items() if key in KEPT and value is not None}
        lines.append(f"  {name}: {json.dumps({**fields, 'type': kind, 'labels': {'site': 'lab'}})}\n")
    return "boards:\n" + "".join(lines)
