"""From groups to boards, by Ansible's rules of precedence."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from farm_inventory.board import Board, make_board
from farm_inventory.fields import Fields
from farm_inventory.groups import AnsibleFile, Group
from farm_inventory.problem import DocumentError
from farm_inventory.ranges import expand
from farm_inventory.source import Document, Location

ROOT = "all"


def boards_of(file: AnsibleFile, source: Document, home: Path) -> list[tuple[Board, Location]]:
    """Every board once, in the order of the file, and where it stands first. Raises DocumentError."""
    graph = _Graph(source)
    for name, group in file.root.items():
        graph.add(name, group, (name,))
        if name != ROOT:
            graph.nodes[name].parents.add(ROOT)
    depths = {name: graph.depth(name) for name in graph.nodes}
    return [(_board(name, graph, depths, home), place) for name, place in graph.first.items()]


def names_of(pattern: str, place: Location, source: Document) -> list[str]:
    """The names a key with ranges stands for. Raises DocumentError."""
    try:
        return expand(pattern)
    except ValueError as error:
        raise DocumentError([source.problem(place, str(error), at_key=True)]) from None


@dataclass
class _Node:
    """All that the file says about one group, however often it names it."""

    layers: list[Fields] = field(default_factory=list)
    hosts: dict[str, list[Fields]] = field(default_factory=dict)
    parents: set[str] = field(default_factory=set)


@dataclass
class _Graph:
    """Groups by name while the file is read; `first` says where each host stands first."""

    source: Document
    nodes: dict[str, _Node] = field(default_factory=lambda: {ROOT: _Node()})
    first: dict[str, Location] = field(default_factory=dict)
    _depths: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, group: Group, place: Location) -> None:
        node = self.nodes.setdefault(name, _Node())
        node.layers.append(group.vars.fields())
        for pattern, variables in group.hosts.items():
            here = (*place, "hosts", pattern)
            for host in names_of(pattern, here, self.source):
                self.first.setdefault(host, here)
                node.hosts.setdefault(host, []).append(variables.fields())
        for child, inner in group.children.items():
            self.add(child, inner, (*place, "children", child))
            self.nodes[child].parents.add(name)

    def depth(self, name: str, below: tuple[str, ...] = ()) -> int:
        """Length of the longest way up; a nearer group has the greater one."""
        if name in below:
            chain = " > ".join((*below[below.index(name) :], name))
            raise DocumentError([self.source.problem((), f"groups contain each other: {chain}")])
        if name not in self._depths:
            ups = [1 + self.depth(up, (*below, name)) for up in self.nodes[name].parents]
            self._depths[name] = max(ups, default=0)
        return self._depths[name]

    def with_ancestors(self, groups: Iterable[str]) -> set[str]:
        found, todo = {ROOT}, set(groups)
        while todo:
            group = todo.pop()
            found.add(group)
            todo |= self.nodes[group].parents - found
        return found


def _board(name: str, graph: _Graph, depths: dict[str, int], home: Path) -> Board:
    """Far groups first, then near ones, then what stands behind the host itself."""
    direct = [group for group, node in graph.nodes.items() if name in node.hosts]
    groups = sorted(graph.with_ancestors(direct), key=lambda group: (depths[group], group))
    own = [layer for group in groups for layer in graph.nodes[group].hosts.get(name, [])]
    layers = [layer for group in groups for layer in graph.nodes[group].layers]
    return make_board(name, layers + own, home, tuple(group for group in groups if group != ROOT))
