"""What raw bytes say, once the slot is over: readings with value, unit and error, and what taking them has cost."""

import errno
import re
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from farm_agents import thermal
from farm_agents.ring import Raw, Ring
from farm_agents.sampler import p95
from farm_agents.wire import Json

MOST = 2**63 - 1  # what the other end can store
WAITED = re.compile(rb"some .*\btotal=(\d+)")
Checked = Tuple[Optional[int], Optional[str]]  # a value, or what is wrong with it
CHUNK = 2000  # readings in a line: far below 1 MiB
EMPTY, NONSENSE, IMPLAUSIBLE = "empty", "nonsense", "implausible"


def number(text: bytes) -> int:
    return int(text)


def bits(text: bytes) -> int:
    """Hexadecimal, with or without 0x."""
    return int(text, 16)


def waited(text: bytes) -> int:
    """The total of the first line of a file in /proc/pressure."""
    found = WAITED.match(text)
    if found is None:
        raise ValueError("no total")
    return int(found.group(1))


PARSERS: Dict[str, Callable[[bytes], int]] = {"number": number, "bits": bits, "waited": waited}


def chunks(launch: str, ring: Ring, sources: Sequence[Json]) -> Iterator[Json]:
    """Everything that was kept, as the wire's `readings`."""
    rows: List[Json] = []
    for raw in ring.kept():
        rows.append(reading(raw, sources[raw.source]))
        if len(rows) == CHUNK:
            yield {"msg": "readings", "launch": launch, "readings": rows}
            rows = []
    if rows:
        yield {"msg": "readings", "launch": launch, "readings": rows}


def reading(raw: Raw, source: Json) -> Json:
    """`source`: name, unit, parser and interval_ns; a value that took over half of its interval has no moment."""
    value, error = _value(raw, source)
    t_ns = (raw.before_ns + raw.after_ns) // 2
    return {"t_ns": t_ns, "source": source["name"], "value": value, "unit": source["unit"], "error": error}


def _value(raw: Raw, source: Json) -> Checked:
    text = raw.text.replace(b"\0", b"").strip()
    if raw.length < 0:
        return None, errno.errorcode.get(-raw.length, "errno {}".format(-raw.length))
    if raw.took_ns > source["interval_ns"] / 2:
        return None, "took {} ms".format(raw.took_ns // 1_000_000)
    if not text:
        return None, EMPTY
    try:
        value = PARSERS[source["parser"]](text)
    except ValueError:
        return None, NONSENSE
    return _plausible(value, source["unit"])


def _plausible(value: int, unit: str) -> Checked:
    checked = thermal.plausible_mc(value) if unit == "mC" else value
    if checked is None or abs(checked) > MOST:
        return None, IMPLAUSIBLE
    return checked, None


def cost(ring: Ring) -> Json:
    """How long a reading took, of those that are kept, and how many are not."""
    took_ns = [raw.took_ns for raw in ring.kept() if raw.length >= 0]
    return {
        "readings": ring.taken,
        "overwritten": ring.overwritten,
        "p95_read_us": p95(took_ns) / 1000 if took_ns else None,
    }
