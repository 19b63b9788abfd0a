"""YAML text to plain data, refusing whatever a configuration file has no use for."""

import re
from typing import Any

from ruamel.yaml import YAML, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.reader import ReaderError

from farm_inventory.problem import DocumentError, Problem
from farm_inventory.source import Document, Location, Place

ALIAS_LIMIT = 10_000  # values that aliases may repeat: far above any fleet, far below a bomb
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what ruamel.yaml counts as one
CORE = "tag:yaml.org,2002:"
SCALARS = {CORE + kind for kind in ("int", "float", "bool", "null")}
TEXTS = {CORE + "str", CORE + "timestamp", CORE + "value", "!vault", "!unsafe"}  # the last two are Ansible's
PLAIN = SCALARS | TEXTS | {CORE + "map", CORE + "seq", CORE + "merge"}


def document(text: str, name: str) -> Document:
    """The document in `text`. Raises DocumentError for anything but one mapping of plain values."""
    lines = tuple(LINE_END.split(text))
    root = _compose(text, name, lines)
    start = Place((0, 0), (0, 0))
    builder = _Builder(Document(name, lines, {}, {(): start}))
    if root is not None and not (isinstance(root, ScalarNode) and root.tag == CORE + "null"):
        builder.root(root)
    if builder.problems:
        raise DocumentError(builder.problems)
    return builder.document


def _compose(text: str, name: str, lines: tuple[str, ...]) -> Node | None:
    """The node graph; what ruamel.yaml objects to becomes a problem at its place."""

    def problem(line: int, column: int, message: str) -> DocumentError:
        source = lines[line] if line < len(lines) else ""
        return DocumentError([Problem(name, line + 1, column + 1, "", message, source)])

    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise problem(mark.line if mark else 0, mark.column if mark else 0, _wording(error, mark, lines)) from None
    except ReaderError as error:
        before = text[: error.position]
        column = len(before) - before.rfind("\n") - 1
        raise problem(
            before.count("\n"), column, f"the character U+{ord(text[error.position]):04X} cannot stand in YAML"
        ) from None
    except RecursionError:
        raise problem(0, 0, "nested too deeply") from None
    except (YAMLError, YAMLStreamError, ValueError) as error:
        raise problem(0, 0, str(error).splitlines()[0]) from None
    return node


def _wording(error: MarkedYAMLError, mark: Any, lines: tuple[str, ...]) -> str:
    text = error.problem or error.context or "not YAML"
    indent = lines[mark.line][: mark.column + 1] if mark and mark.line < len(lines) else ""
    if "\t" in indent and not indent.strip():
        return "a tab cannot indent YAML; use spaces"
    if "another document" in text:
        return "a second document starts here; one file holds one document"
    return f"{text} ({error.context})" if error.context and error.context != text else text


def _tag(node: Node) -> str:
    return str(node.tag).replace(CORE, "!!")


class _Builder:
    """Walks the node graph once, copying what aliases repeat up to ALIAS_LIMIT values."""

    def __init__(self, target: Document) -> None:
        self.document = target
        self.problems: list[Problem] = []
        self._scalars = YAML(typ="safe", pure=True).constructor
        self._open: set[int] = set()
        self._seen: set[int] = set()
        self._repeated = 0

    def root(self, node: Node) -> None:
        self._mark((), node, node)
        if isinstance(node, MappingNode):
            self.document.data.update(self._value(node, ()))
        else:
            kind = "a list" if isinstance(node, SequenceNode) else "a single value"
            self._object((), f"the file holds {kind}; it must hold `key: value` lines")

    def _value(self, node: Node, location: Location) -> Any:
        if not self._acceptable(node, location):
            return None
        self._open.add(id(node))
        try:
            return self._content(node, location)
        finally:
            self._open.discard(id(node))

    def _acceptable(self, node: Node, location: Location) -> bool:
        if id(node) in self._open:
            return self._object(location, "an alias stands inside its own anchor")
        if node.tag not in PLAIN:
            return self._object(location, f"the tag {_tag(node)} is not accepted; write a plain value")
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if self._repeated <= ALIAS_LIMIT:
            return True
        return self._repeated > ALIAS_LIMIT + 1 or self._object(
            location, f"aliases repeat more than {ALIAS_LIMIT:,} values"
        )

    def _content(self, node: Node, location: Location) -> Any:
        if self._repeated > ALIAS_LIMIT:
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, location)
        if isinstance(node, SequenceNode):
            return [self._child(item, item, (*location, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, location) if node.tag in SCALARS else node.value

    def _scalar(self, node: Node, location: Location) -> Any:
        try:
            return self._scalars.construct_object(node)
        except (ValueError, LookupError):
            return self._object(location, f"cannot be read as {_tag(node).removeprefix('!!')}")

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == CORE + "merge":
                merged = {**self._merge(value, location), **merged}
            elif self._is_key(key, location, own):
                own[key.value] = self._child(key, value, (*location, key.value))
        return {**merged, **own}

    def _merge(self, value: Node, location: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for source in value.value if isinstance(value, SequenceNode) else [value]:
            built = self._value(source, location) if isinstance(source, MappingNode) else None
            if built is None:
                self._mark((*location, "<<"), value, value)
                self._object((*location, "<<"), "`<<` takes a mapping or a list of mappings")
            found = {**(built or {}), **found}
        return found

    def _is_key(self, key: Node, location: Location, taken: dict[str, Any]) -> bool:
        if not isinstance(key, ScalarNode):
            self._mark((*location, "?"), key, key)
            return self._object((*location, "?"), "a key must be plain text")
        if key.value in taken:
            first = self.document.places[*location, key.value].key[0] + 1
            self._mark((*location, key.value), key, key)
            return self._object((*location, key.value), f"this key stands twice; first in line {first}")
        return True

    def _child(self, key: Node, node: Node, location: Location) -> Any:
        self._mark(location, key, node)
        return self._value(node, location)

    def _mark(self, location: Location, key: Node, value: Node) -> None:
        self.document.places[location] = Place(
            (key.start_mark.line, key.start_mark.column), (value.start_mark.line, value.start_mark.column)
        )

    def _object(self, location: Location, text: str) -> bool:
        self.problems.append(self.document.problem(location, text))
        return False
