"""The program that a board's Python gets on its stdin: the agent's own modules, of which nothing stays on the board."""

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
    return (GUARD + bundle.importable("health") + words + LOOK).encode()


def child() -> str:
    """For `python -c ... probe`: the agent's command line, in that role alone."""
    return bundle.importable("__main__", "probe") + CHILD
