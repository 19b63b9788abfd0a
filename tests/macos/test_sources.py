"""In every room, what only Linux has is asked for before it is used."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from linux_only import LINUX_ONLY

PACKAGES = ("farm_orchestrator", "farm_agents", "farm_lab", "farm_inventory", "farm_reports")
ANYWHERE = {"prctl"}  # of the C library
# (file, name): why it needs no guard beside it.
ALLOWED = {
    ("farm_agents/child.py", "prctl"): "the library is only loaded on Linux",
    ("farm_lab/outfit.py", "os.sched_getaffinity"): "`up` refuses elsewhere first",
    ("farm_lab/synthetic.py", "os.memfd_create"): "a virtual board's own program",
    ("farm_lab/busy.py", "os.sched_setaffinity"): "a virtual board's own program",
    ("farm_lab/bursts.py", "os.sched_setaffinity"): "a virtual board's own program",
    ("farm_lab/brake.py", "os.pidfd_open"): "only beside boards that `up` has started",
    ("farm_lab/brake.py", "signal.pidfd_send_signal"): "only beside boards that `up` has started",
    **{
        ("farm_lab/weather.py", f"os.{name}"): "only beside boards that `up` has started"
        for name in ("sched_setscheduler", "sched_param", "SCHED_RESET_ON_FORK")
    },
    ("farm_orchestrator/cli/lab.py", "os.sched_getaffinity"): "said once `up` has started boards",
}
QUESTIONS = ("hasattr(", "getattr(", "sys.platform")


def sources() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec
        assert spec.submodule_search_locations
        root = Path(spec.submodule_search_locations[0])
        for file in sorted(root.rglob("*.py")):
            yield f"{package}/{file.relative_to(root)}", file.read_text()


def unguarded(text: str) -> list[str]:
    """Names of Linux that the text uses without having asked for them."""
    found: list[str] = []
    _visit(ast.parse(text), found, asked=False)
    return found


def _visit(node: ast.AST, found: list[str], *, asked: bool) -> None:
    name = _name(node)
    if name and not asked:
        found.append(name)
    if isinstance(node, ast.If | ast.IfExp | ast.BoolOp | ast.comprehension):
        asked = asked or _asks(node.values[0] if isinstance(node, ast.BoolOp) else node)
    for _, value in ast.iter_fields(node):
        asked_here = asked
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                _visit(child, found, asked=asked_here)
                asked_here = asked_here or _leaves_where_missing(child)


def _asks(node: ast.AST) -> bool:
    test = getattr(node, "test", None) or node
    return any(question in ast.unparse(test) for question in QUESTIONS)


def _leaves_where_missing(node: ast.AST) -> bool:
    """`if not hasattr(...): return`: what follows is guarded."""
    return isinstance(node, ast.If) and _asks(node) and isinstance(node.body[-1], ast.Return | ast.Raise)


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        return next((name for name in names if _is_linux(*name.rsplit(".", 1))), None)
    if isinstance(node, ast.Attribute):
        room = node.value.id if isinstance(node.value, ast.Name) else ""
        if node.attr in ANYWHERE:
            return node.attr
        return f"{room}.{node.attr}" if _is_linux(room, node.attr) else None
    return None


def _is_linux(room: str, name: str) -> bool:
    return name in LINUX_ONLY.get(room, ())


def test_no_room_uses_what_only_linux_has_without_asking() -> None:
    found = {(file, name) for file, text in sources() for name in unguarded(text)}
    assert found - set(ALLOWED) == set()
    assert set(ALLOWED) - found == set(), "no longer used"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import os\nos.sched_getaffinity(0)", ["os.sched_getaffinity"]),
        ("from os import sched_getaffinity", ["os.sched_getaffinity"]),
        ("libc.prctl(1)", ["prctl"]),
        ("def f():\n    if other:\n        return\n    os.pipe2(0)", ["os.pipe2"]),
        ("def f():\n    if not hasattr(os, 'pipe2'):\n        return\n    os.pipe2(0)", []),
        ("if hasattr(os, 'pipe2'):\n    os.pipe2(0)", []),
        ("x = os.pipe2 if sys.platform == 'linux' else None", []),
        ("x = hasattr(os, 'pipe2') and os.pipe2", []),
        ("os.pipe()", []),
    ],
)
def test_the_search_finds_what_it_looks_for(text: str, names: list[str]) -> None:
    assert unguarded(text) == names
