"""The agent as one file: `farm_agents` in a zip that Python runs, the same bytes for the same sources."""

import importlib.util
import os
import tempfile
import zipfile
from pathlib import Path

from farm_orchestrator.errors import StoreError

PACKAGE = "farm_agents"
NAME = "agent.pyz"
EPOCH = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = 0o100644 << 16
# Plain enough for any Python 3: an interpreter below the floor must still be able to say so.
MAIN = b"""import sys
if sys.version_info < (3, 8):
    import json
    sys.stdin.readline()
    detail = "Python %d.%d is below the floor 3.8" % sys.version_info[:2]
    print(json.dumps({"msg": "refused", "reason": "no_runtime", "detail": detail}))
    sys.exit(0)
from farm_agents.__main__ import main
sys.exit(main())
"""


def build(folder: Path) -> Path:
    """Writes agent.pyz into `folder` and returns its path; run it with `python -I`."""
    folder.mkdir(parents=True, exist_ok=True)
    members = {"__main__.py": MAIN, **{f"{PACKAGE}/{name}": data for name, data in sources().items()}}
    handle, fresh = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name in sorted(members):
            archive.writestr(_entry(name), members[name])
    return Path(fresh).replace(folder / NAME)


def sources() -> dict[str, bytes]:
    """The package's modules by file name, found without importing one of them."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StoreError(f"the package {PACKAGE} is not installed", mend="install benchfarm again")
    root = Path(spec.submodule_search_locations[0])
    return {path.name: path.read_bytes() for path in sorted(root.glob("*.py"))}


def _entry(name: str) -> zipfile.ZipInfo:
    """Uncompressed: importing from it is quicker, and zlib's output may differ between versions."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = PLAIN_FILE
    entry.create_system = 3
    return entry
