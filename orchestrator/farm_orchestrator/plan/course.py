"""What a look at thousands of launches at once needs of each of them."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Course(Protocol):
    """Of a launch, in whatever form it was read: where it belongs, and what became of it so far."""

    @property
    def id(self) -> int: ...
    @property
    def run(self) -> str: ...
    @property
    def phase(self) -> int: ...
    @property
    def block(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def variant(self) -> str: ...
    @property
    def point(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def t0(self) -> float | None: ...
    @property
    def t1(self) -> float | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def dropped(self) -> str | None: ...
    @property
    def p50_ns(self) -> int | None: ...


class Step(NamedTuple):
    """A launch, without what only its report asks for."""

    id: int
    run: str
    phase: int
    block: int
    attempt: int
    variant: str
    point: str
    state: str
    t0: float | None
    t1: float | None
    outcome: str | None
    dropped: str | None
    p50_ns: int | None
