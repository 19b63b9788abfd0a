"""The program that a board's Python gets on its stdin: the agent's own modules, of which nothing stays on the board."""

import base64
import json
import zlib

from farm_orchestrator import bundle
from farm_orchestrator.model import Json

# Plain enough for any Python 3: an interpreter below the floor must still be able to say so.
GUARD = """
import sys
if sys.version_info < (3, 8):
    import json
    print(json.dumps({"python": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable}))
    sys.exit(0)
"""
LOADER = """
import base64, importlib.abc, importlib.util, json, sys, zlib
SOURCES = json.loads(zlib.decompress(base64.b64decode(PACKED)))
class Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path=None, target=None):
        known = name in SOURCES
        return importlib.util.spec_from_loader(name, self, is_package=name == "farm_agents") if known else None
    def get_source(self, name):
        return SOURCES[name]
    def is_package(self, name):
        return name == "farm_agents"
sys.meta_path.insert(0, Sources())
"""
LOOK = """
from farm_agents import health
print(json.dumps(health.look(REQUEST)))
"""
CHILD = """
from farm_agents.__main__ import main
sys.exit(main())
"""


def look(base: str, board: Json) -> bytes:
    """For `python -I -`; prints what `farm_agents.health.look` gives as its last line."""
    named = board.get("runtime")
    runtime = None if named == "default" else named  # then the agent finds it: laid out, or the interpreter's own
    request = {"base": base, "sysroot": str(board.get("sysroot") or "/"), "runtime": runtime}
    words = f"REQUEST = {request!r}\nREQUEST['try_out'] = [sys.executable, '-I', '-c', {child()!r}, 'probe']\n"
    return (GUARD + _packed() + LOADER + words + LOOK).encode()


def child() -> str:
    """For `python -c ... probe`: the agent's command line."""
    return _packed() + LOADER + CHILD


def _packed() -> str:
    sources = {_module(name): data.decode() for name, data in bundle.sources().items()}
    return f"PACKED = {base64.b64encode(zlib.compress(json.dumps(sources).encode(), 9)).decode()!r}\n"


def _module(file: str) -> str:
    stem = file.removesuffix(".py")
    return "farm_agents" if stem == "__init__" else f"farm_agents.{stem}"
