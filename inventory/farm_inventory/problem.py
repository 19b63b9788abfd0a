"""What is wrong in a file a person wrote, told as a compiler tells it."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SOURCE_WIDTH = 100
KEYS = "|".join(f"(?<={key}=)" for key in ("password", "token", "secret", "key", "sig"))
SECRET = re.compile(rf"(?<=:)[^\s:/@]+(?=@)|(?:{KEYS})[^\s&'\"]+", re.IGNORECASE)  # of a URL
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class InventoryError(ValueError):
    """The person who wrote the file or the command can mend it; the text says how."""


@dataclass(frozen=True)
class Problem:
    """`line` and `column` count from 1; None where the file as a whole is meant. `source` is the line as written."""

    file: str
    line: int | None
    column: int | None
    path: str
    text: str
    source: str | None = None
    suggestion: str | None = None

    def __str__(self) -> str:
        return "\n".join([self._headline(), *self._excerpt(), *self._hint()])

    def _headline(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        return ": ".join(printable(part) for part in (place, self.path, self.text) if part)

    def _excerpt(self) -> list[str]:
        if self.line is None or self.column is None or not (self.source or "").strip():
            return []
        shown, caret = _window(SECRET.sub(_stars, self.source or ""), self.column - 1)
        gutter = f"  {self.line} | "
        return [gutter + shown, " " * (len(gutter) - 2) + "| " + " " * caret + "^"]

    def _hint(self) -> list[str]:
        return [f"  did you mean '{printable(self.suggestion)}'?"] if self.suggestion else []


class DocumentError(InventoryError):
    """Every problem of one file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known word a person most likely meant, or None."""
    by_fold = {word.casefold(): word for word in known}
    found = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def legal_name(text: str) -> str:
    """The name of a board that comes closest to `text`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("-._")[:64].rstrip("-._") or "board1"


def printable(text: str) -> str:
    """`text` without anything a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _stars(found: re.Match[str]) -> str:
    """As many as were there: the caret below must stay right."""
    return "*" * len(found[0])


def _window(source: str, at: int) -> tuple[str, int]:
    """The part of a long line around `at`, made harmless one character for one, and the caret's place in it."""
    start = max(0, at - SOURCE_WIDTH // 2) if len(source) > SOURCE_WIDTH else 0
    shown = source[start : start + SOURCE_WIDTH].rstrip()
    return "".join(c if c.isprintable() else " " for c in shown), at - start
