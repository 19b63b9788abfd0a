"""The text of inventory.yaml and farm.yaml, for a person to read and to go on writing."""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence

from farm_inventory import Board
from farm_orchestrator.setup.trying import Attempt

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
WIDTH = 74  # of a comment
INVENTORY_HEAD = """\
# yaml-language-server: $schema={schema}
# The boards of this farm. Try them: farm boards probe
boards:
"""
INVENTORY_TAIL = """
# A board may have more fields. The most useful, with the default behind each
# (all of them: farm schema inventory):
#
#   rpi5-01:
#     type: pi5                   # farm run --boards type=pi5
#     labels: {site: lab}         # farm run --boards site=lab
#     key: ~/.ssh/id_bench        # the keys that ssh would try
#     gateway: bench@jump.local   # a jump host; the one of ssh_config
#     base: /data/benchfarm       # ~/.cache/benchfarm
#     cpus: 0-3                   # big: the fastest cores
#     threads: 4                  # as many as cpus
#
# Ranges stand for many boards: "rpi5-[01:04]": {user: pi}
"""
CONFIG = """\
# yaml-language-server: $schema={schema}
# Settings of the farm in this folder; flags and FARM_* variables win.
# All keys: farm schema config
inventory: {inventory}

# preset: standard              # quick | ci | standard | mlperf
# runs: runs                    # where the reports go
# store: sqlite:///.farm/farm.db
# broker: redis://HOST/0        # a password belongs in FARM_BROKER, never here
"""


def inventory(attempts: Sequence[Attempt], twins: Mapping[str, str], schema: str) -> str:
    """`twins`: names left out, as they are other names for a board that is listed."""
    return INVENTORY_HEAD.format(schema=schema) + "\n".join(_entry(each, twins) for each in attempts) + INVENTORY_TAIL


def config(inventory_file: str, schema: str) -> str:
    return CONFIG.format(schema=schema, inventory=_value(inventory_file))


def describe(tried: Attempt) -> str:
    """What the board is, in one line."""
    facts = tried.facts
    runtime = facts["onnxruntime"] if facts["numpy"] else None
    parts = (facts["model"], facts["arch"], facts["python"] and f"Python {facts['python']}",
             f"onnxruntime {runtime}" if runtime else facts["python"] and "no onnxruntime")  # fmt: skip
    return " · ".join(str(part) for part in parts if part)


def _entry(tried: Attempt, twins: Mapping[str, str]) -> str:
    board = tried.board
    if board.name in twins:
        return _comment(f"{board.name} is another name for {twins[board.name]}, so it is left out.")
    note = describe(tried) if tried.reached else f"{tried.word}: {tried.error.text if tried.error else ''}"
    return f"{_comment(note)}  {_value(board.name)}: {{{_fields(board)}}}\n"


def _fields(board: Board) -> str:
    if board.local:
        return "local: true, interference: note"
    written = {"host": board.host, "user": board.user, "port": board.port}
    return ", ".join(f"{key}: {_value(value)}" for key, value in written.items() if value is not None)


def _comment(text: str) -> str:
    """Words from a board or of an error, made one harmless paragraph."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(f"  # {line}\n" for line in textwrap.wrap(plain, WIDTH, break_long_words=False))


def _value(value: str | int) -> str:
    """Bare where every reader of YAML takes it for text."""
    bare = isinstance(value, int) or (PLAIN.fullmatch(value) and value.lower() not in YAML_WORDS)
    return str(value) if bare else json.dumps(value)
