"""The agent as one file: `farm_agents` in a zip that Python runs, or in a text; the same bytes for the same sources."""

import base64
import functools
import importlib.util
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from farm_orchestrator.errors import StoreError

PACKAGE = "farm_agents"
NAME = "agent.pyz"
EPOCH = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = 0o100644 << 16
CONTENTS = ("*.py", "families/*.json")
IMPORTED = re.compile(r"^\s*from farm_agents(?:\.(\w+))? import (?:\(([^)]*)\)|([\w, ]+))", re.MULTILINE)
# A module's file is its name, so that the agent finds what lies beside it.
LOADER = """
import base64, importlib.abc, importlib.util, json, sys, zlib
SOURCES = json.loads(zlib.decompress(base64.b64decode(PACKED)))
class Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path=None, target=None):
        if name not in SOURCES:
            return None
        spec = importlib.util.spec_from_loader(name, self, origin=name, is_package=name == "farm_agents")
        spec.has_location = True
        return spec
    def get_source(self, name):
        return SOURCES[name]
    def get_data(self, path):
        if path not in SOURCES:
            raise FileNotFoundError(path)
        return SOURCES[path].encode()
    def is_package(self, name):
        return name == "farm_agents"
sys.meta_path.insert(0, Sources())
"""
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
    """The package's modules, and what they read, by file name."""
    root = package()
    return {str(path.relative_to(root)): path.read_bytes() for glob in CONTENTS for path in sorted(root.glob(glob))}


def package() -> Path:
    """Its folder, found without importing one of its modules."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StoreError(f"the package {PACKAGE} is not installed", mend="install benchfarm again")
    return Path(spec.submodule_search_locations[0])


@functools.cache
def importable(*modules: str) -> str:
    """Text after which a Python that runs it can import these modules of the agent; nothing of it stays on that machine.

    It holds what they can reach and no more: Linux takes 128 KiB as one argument.
    """
    texts = {_module(name): data.decode() for name, data in sources().items()}
    reached = _reached(texts, [f"{PACKAGE}.{module}" for module in modules])
    kept = {name: text for name, text in texts.items() if name in reached or not name.startswith(PACKAGE)}
    return f"PACKED = {base64.b64encode(zlib.compress(json.dumps(kept).encode(), 9)).decode()!r}\n{LOADER}"


def _reached(texts: Mapping[str, str], modules: Sequence[str]) -> set[str]:
    found, todo = {PACKAGE}, list(modules)
    while todo:
        name = todo.pop()
        if name in found or name not in texts:
            continue
        found.add(name)
        for inside, several, line in IMPORTED.findall(texts[name]):
            words = [inside] if inside else re.split(r"[\s,]+", several or line)
            todo += [f"{PACKAGE}.{word}" for word in words]
    return found


def _module(file: str) -> str:
    """The name of a module; a file that a module reads keeps its own."""
    if not file.endswith(".py"):
        return file
    stem = file.removesuffix(".py")
    return PACKAGE if stem == "__init__" else f"{PACKAGE}.{stem}"


def _entry(name: str) -> zipfile.ZipInfo:
    """Uncompressed: importing from it is quicker, and zlib's output may differ between versions."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = PLAIN_FILE
    entry.create_system = 3
    return entry
