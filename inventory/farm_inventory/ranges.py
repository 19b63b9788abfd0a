"""Ansible's ranges in names: `rpi5-[01:04]`, `node-[a:c]`, `n[1:9:2]`."""

import itertools
import re

RANGE = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]")
LIMIT = 10_000


def expand(name: str) -> list[str]:
    """The names a pattern stands for, in order. Raises ValueError for a range that counts nothing."""
    texts = RANGE.split(name)
    literals = texts[0::4]
    steps = [_values(*texts[i : i + 3]) for i in range(1, len(texts), 4)]
    count = 1
    for values in steps:
        count *= len(values)
    if count > LIMIT:
        raise ValueError(f"the ranges stand for {count:,} boards; at most {LIMIT:,} are accepted")
    return ["".join(_interleave(literals, chosen)) for chosen in itertools.product(*steps)]


def _interleave(literals: list[str], chosen: tuple[str, ...]) -> list[str]:
    return [part for pair in itertools.zip_longest(literals, chosen, fillvalue="") for part in pair]


def _values(first: str, last: str, step: str | None) -> list[str]:
    every = int(step or 1)
    if first.isdecimal() and last.isdecimal() and every and len(last) < 8:
        _check(first, last, ordered=int(first) <= int(last))
        return [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1, every)]
    if len(first) == len(last) == 1 and first.isalpha() and last.isalpha() and every:
        _check(first, last, ordered=first <= last and first.isupper() == last.isupper())
        return [chr(n) for n in range(ord(first), ord(last) + 1, every)]
    raise ValueError(f"[{first}:{last}] is no range; write it like [01:04] or [a:f]")


def _check(first: str, last: str, *, ordered: bool) -> None:
    if not ordered:
        raise ValueError(f"the range [{first}:{last}] runs backwards")
    if first.startswith("0") and len(first) != len(last):
        raise ValueError(f"both ends of [{first}:{last}] need the same number of digits")
