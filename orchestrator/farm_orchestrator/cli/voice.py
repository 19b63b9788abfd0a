"""How `farm init` speaks: lines that fit the terminal, questions, and what was found of each board."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from farm_orchestrator.cli.progress import plain
from farm_orchestrator.setup.documents import describe
from farm_orchestrator.setup.trying import NO_RUNTIME, READY, UNKNOWN_KEY, WORDS

if TYPE_CHECKING:
    from farm_orchestrator.setup.trying import Attempt
    from farm_orchestrator.transport import OfferedKey

WIDTH = 80  # of prose, however wide the window is
STYLES = {READY: "green", NO_RUNTIME: "yellow", UNKNOWN_KEY: "yellow"}
WORD = max(map(len, (READY, NO_RUNTIME, *WORDS.values())))
KEY_FILES = {"ssh-rsa": "rsa", "ssh-ed25519": "ed25519"}  # the rest is ECDSA


@dataclass(frozen=True)
class Voice:
    """`asks` False: nobody answers."""

    asks: bool

    def say(self, text: str = "", style: str = "", indent: int = 0) -> None:
        """Paragraphs, wrapped between words; a word that is too long stays whole, to be copied."""
        room = min(WIDTH, _console().width) - indent
        for line in text.splitlines() or [""]:
            for part in textwrap.wrap(plain(line), room, break_long_words=False, break_on_hyphens=False) or [""]:
                self.line(" " * indent, (part, style))

    def line(self, *parts: str | tuple[str, str]) -> None:
        """One line as it is, however long."""
        _console().print(Text.assemble(*parts), soft_wrap=True)

    def board(self, tried: Attempt, width: int) -> None:
        """Cut at the edge of a terminal."""
        known = plain(describe(tried)) if tried.reached else ""
        line = Text.assemble("  ", tried.board.name.ljust(width), "  ",
                             (tried.word.ljust(WORD), STYLES.get(tried.word, "red")), "  ", known)  # fmt: skip
        line.rstrip()
        console = _console()
        if console.is_terminal:
            line.truncate(console.width, overflow="ellipsis")
        console.print(line, soft_wrap=True)

    def introduce(self, name: str, key: OfferedKey) -> None:
        self.say()
        self.say(f"{name} has a host key that nothing here knows:")
        self.say(f"{key.kind} {key.fingerprint}", "bold", indent=2)
        self.say("On the board itself, this prints it:")
        self.say(f"ssh-keygen -lf /etc/ssh/ssh_host_{KEY_FILES.get(key.kind, 'ecdsa')}_key.pub", indent=2)

    def ask(self, question: str) -> str:
        return str(click.prompt(question, default="", show_default=False))

    def confirm(self, question: str, *, default: bool) -> bool:
        return click.confirm(question, default=default)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)
