"""What the agent finds on every tree. After a wanted change, read the difference, then renew: `python tests/hardware_golden.py`."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farm_agents import survey
from farm_agents.sysfs import Sysfs
from farm_lab import profiles, tree
from farm_lab.record import Record

FOLDER = Path(__file__).parent / "golden" / "hardware"
TREES = Path(__file__).parent / "trees"
BOARD = "vb001"
OF_THE_MACHINE = ("perf", "memory_limit")


def names() -> list[str]:
    """Our boards, the simulated ones that have a tree of their own, and the adversarial trees."""
    return [*profiles.names(), *sorted(file.stem for file in TREES.glob("adv-*.tree"))]


def record(name: str) -> Record:
    word = str(TREES / f"{name}.tree") if name.startswith("adv-") else name
    return profiles.record_of(profiles.find(word), BOARD, 2)


def laid(root: Path, name: str) -> Sysfs:
    tree.replay(root, record(name), BOARD)
    return Sysfs(str(root))


def found(name: str) -> Mapping[str, Any]:
    """As `hello` tells it, of an agent that may use every CPU; without what depends on the machine."""
    root = Path(tempfile.mkdtemp())
    try:
        told = survey.look(laid(root, name).root, range(64))
    finally:
        shutil.rmtree(root)
    kept = {capability: said for capability, said in told["capabilities"].items() if capability not in OF_THE_MACHINE}
    return dict(json.loads(json.dumps({"hardware": told["hardware"], "capabilities": kept})))


def text(document: Mapping[str, Any]) -> str:
    """A line for each policy, zone and rail."""
    return "".join(_lines(document, 0)) + "\n"


def _lines(value: Any, depth: int) -> list[str]:
    """Objects open up to the second level, lists to the third; what lies below stays on one line."""
    if isinstance(value, dict) and value and depth < 2:
        inner = [
            f"{' ' * (depth + 1)}{json.dumps(key)}: {''.join(_lines(each, depth + 1))}" for key, each in value.items()
        ]
        return ["{\n", ",\n".join(inner), f"\n{' ' * depth}}}"]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = [f"{' ' * (depth + 1)}{json.dumps(each, ensure_ascii=False)}" for each in value]
        return ["[\n", ",\n".join(rows), f"\n{' ' * depth}]"]
    return [json.dumps(value, ensure_ascii=False)]


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name in names():
        (FOLDER / f"{name}.json").write_text(text(found(name)), "utf-8")


if __name__ == "__main__":
    main()
