r"""Trees of sensors as people write them down, a line for a file: read into the entries of a record.

    like NAME                          first of all: start from another tree
    path = text  (m:0644)              a file and its mode, 0444 where none stands; it ends as the kernel's end
    path =                             with indented lines below: their lines; without: an empty file
    folder: a=1 b=2                    several files, here or one on each of the indented lines below
    path !EAGAIN                       there, and not to be read
    path -> target                     a link; it stands before what lies behind it
    path ABSENT                        not there, nor anything below, whatever `like` and globs gave

`\0 \n \t \s \\ \#` stand for characters (`\s`: a space), `\` at the end of a line joins the next one, `{0-3}` and `{0,4}`
stand for each, `*` for each folder named so far. P0, Z0, C0 and H0 are policy, zone, cooling device and hwmon 0.
After `#` comes a comment, in our trees where a line is from: D a dump, S source, R and - reconstructed, its number invented.
"""

import errno
import itertools
import re
from collections.abc import Iterator, Mapping

from farm_lab import draft
from farm_lab.draft import CPU, Given, Source
from farm_lab.record import Entry

SHORT = {"P": f"{CPU}/cpufreq/policy", "Z": "sys/class/thermal/thermal_zone", "C": "sys/class/thermal/cooling_device",
         "H": "sys/class/hwmon/hwmon"}  # fmt: skip
SHORTHAND = re.compile(r"\A([PZCH])([\d*]+|\{[^}]*\})(?=/|\Z)")
COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
LIKE = re.compile(r"like\s+(\S+)\Z")
MODE = re.compile(r"\s*\(m:0([0-7]{3})\)\Z")
FOLDER = re.compile(r"(\S+):(?:\s+(.+))?\Z")
LINE = re.compile(r"(\S+)\s+(=|->|!|ABSENT)\s*(.*)\Z", re.DOTALL)
WORD = re.compile(r"([^\s=]+)=(.*)\Z")
ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
CHARACTERS = {"0": "\0", "n": "\n", "t": "\t", "s": " ", "\\": "\\", "#": "#"}
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d{1,4})-(\d{1,4})")
WRITABLE, READABLE = 0o222, 0o004


def base(text: str) -> str | None:
    """The name of the tree that this one starts from."""
    first = LIKE.match(next((line for _, line in _statements(text)), ""))
    return first[1] if first else None


def read(text: str, file: str, start: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
    """The entries of a tree; `start`: those of the one it is like. Raises LabError naming file and line."""
    lines = _statements(text)
    given = [one for number, line in lines if not LIKE.match(line) for one in _given(Source(file, number), line)]
    return draft.entries_of(given, file, start or {})


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers and whole statements: comments gone, indented lines below the one they belong to."""
    held: tuple[int, str] | None = None
    for number, line in _joined(text):
        if held and line[0].isspace():
            held = (held[0], f"{held[1]}\n{line.strip()}")
            continue
        if held:
            yield held
        held = (number, line.strip())
    if held:
        yield held


def _joined(text: str) -> Iterator[tuple[int, str]]:
    start, kept = 1, ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = COMMENT.sub("", raw).rstrip()
        whole = f"{kept} {line.strip()}" if kept else line
        start = start if kept else number
        kept = ""
        if re.search(r"(?<!\\)(\\\\)*\\\Z", whole):
            kept = whole[:-1].rstrip()
        elif whole:
            yield start, whole
    if kept:
        yield start, kept


def _given(source: Source, line: str) -> Iterator[Given]:
    folder = FOLDER.match(line.partition("\n")[0])
    if folder:
        here, *below = line[folder.end(1) + 1 :].split("\n")
        for name, entry in (*_words(source, here), *(_line(source, text) for text in below)):
            yield from (Given(source, path, entry) for path in _paths(source, f"{folder[1]}/{name}"))
        return
    name, entry = _line(source, line)
    yield from (Given(source, path, entry) for path in _paths(source, name))


def _line(source: Source, line: str) -> tuple[str, Entry | None]:
    match = LINE.match(line)
    if match is None:
        raise source.wrong(f"{line[:80]!r} is no `path = text`, `path -> target`, `path !ERROR` or `path ABSENT`")
    return match[1], _entry(source, match[2], match[3])


def _words(source: Source, text: str) -> Iterator[tuple[str, Entry]]:
    """`a=1 b=2 (m:0644)`: the mode is that of each."""
    mode = MODE.search(text)
    for word in (text[: mode.start()] if mode else text).split():
        match = WORD.match(word)
        if match is None:
            raise source.wrong(f"{word[:80]!r} is no `name=text`")
        yield match[1], _file(source, f"{match[2]}{mode[0] if mode else ''}")


def _entry(source: Source, sign: str, value: str) -> Entry | None:
    match sign:
        case "=":
            return _file(source, value)
        case "->" if value:
            return Entry(link=value)
        case "!" if hasattr(errno, value):
            return Entry(error=value)
        case "ABSENT" if not value:
            return None
    raise source.wrong(f"`{sign}` is followed by {value[:80]!r}")


def _file(source: Source, value: str) -> Entry:
    """What an ordinary account finds: a file for its owner alone cannot be read by it."""
    found = MODE.search(value)
    mode = int(found[1], 8) if found else 0o444
    if not mode & READABLE:
        return Entry(error="EACCES")
    text = _unescaped(source, value[: found.start()] if found else value)
    ended = not text or text.endswith(("\0", "\n"))
    return Entry(text=text if ended else f"{text}\n", writable=bool(mode & WRITABLE))


def _unescaped(source: Source, value: str) -> str:
    def character(found: re.Match[str]) -> str:
        if found[1] not in CHARACTERS:
            raise source.wrong(f"{found[0]!r} is none of " + " ".join(f"\\{name}" for name in CHARACTERS))
        return CHARACTERS[found[1]]

    return ESCAPE.sub(character, value)


def _paths(source: Source, text: str) -> list[str]:
    """Without shorthands and braces."""
    whole = SHORTHAND.sub(lambda found: SHORT[found[1]] + found[2], text)
    choices = [_each(source, piece) if i % 2 else [piece] for i, piece in enumerate(BRACES.split(whole))]
    return ["".join(words) for words in itertools.product(*choices)]


def _each(source: Source, text: str) -> list[str]:
    found: list[str] = []
    for piece in text.split(","):
        ends = RANGE.fullmatch(piece)
        several = list(map(str, range(int(ends[1]), int(ends[2]) + 1))) if ends else [piece]
        if not any(several):
            raise source.wrong(f"{{{text}}} names nothing")
        found += several
    return found
