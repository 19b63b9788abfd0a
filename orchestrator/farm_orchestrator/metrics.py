"""OpenMetrics of a worker over HTTP: what it does, and what the store says of the fleet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from typing import TYPE_CHECKING

from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.store import counts
from farm_orchestrator.tally import BOUNDS_S

if TYPE_CHECKING:
    from farm_orchestrator.world import World

CONTENT = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PATH = "/metrics"
PATIENCE_S = 10.0
PORTS = range(65536)


@dataclass(frozen=True)
class Family:
    """One metric with its samples: (what follows the name, labels, value)."""

    name: str
    kind: str
    told: str
    samples: tuple[tuple[str, Mapping[str, str], float], ...]

    def lines(self) -> Iterator[str]:
        yield f"# TYPE {self.name} {self.kind}"
        yield f"# HELP {self.name} {self.told}"
        for suffix, labels, value in self.samples:
            told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{suffix}{{{told}}} {value:.15g}" if told else f"{self.name}{suffix} {value:.15g}"


def serve(address: str, world: World, lanes: Callable[[], int]) -> ThreadingHTTPServer:
    """Answers at `HOST:PORT` (127.0.0.1 where there is no host) until it is shut down. Raises UsageError."""
    host, port = _read(address)
    try:
        server = ThreadingHTTPServer((host, port), partial(_Answer, partial(page, world, lanes)))
    except OSError as error:
        raise UsageError(
            f"--metrics {address}: nobody can listen there: {error.strerror}",
            mend="another worker may listen there already; write another port",
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def page(world: World, lanes: Callable[[], int]) -> str:
    """A store that is away leaves what only it knows out, and says so by farm_store_up."""
    families = [*_of_worker(world, lanes), *_of_store(world)]
    return "\n".join([line for family in families for line in family.lines()] + ["# EOF", ""])


def _of_worker(world: World, lanes: Callable[[], int]) -> Iterator[Family]:
    yield _gauge("farm_lanes", "Lanes at work in this worker.", lanes())
    yield _gauge("farm_leases", "Boards that this worker holds.", world.leases.count())
    yield _gauge("farm_heartbeat_age_seconds", "Since the leases were last renewed.", world.leases.beat_age_s())
    launches = sorted(world.tally.launches().items())
    yield Family(
        "farm_launches", "counter", "Launches that ended here, by outcome.",
        tuple(("_total", {"outcome": outcome}, count) for outcome, count in launches),
    )  # fmt: skip
    yield _commits(*world.tally.commits())


def _commits(counted: list[int], seconds: float) -> Family:
    upto = list(accumulate(counted))
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    buckets = tuple(("_bucket", {"le": le}, float(count)) for le, count in zip(bounds, upto, strict=True))
    none: Mapping[str, str] = {}
    ends = (("_count", none, float(upto[-1])), ("_sum", none, seconds))
    return Family("farm_commit_seconds", "histogram", "How long commits took.", (*buckets, *ends))


def _of_store(world: World) -> Iterator[Family]:
    try:
        found = counts(world.store)
    except StoreError:
        yield _gauge("farm_store_up", "Whether the store answers.", 0)
        return
    yield _gauge("farm_store_up", "Whether the store answers.", 1)
    yield _gauge("farm_queue_launches", "Launches of open runs that wait.", found.pending)
    yield _gauge("farm_running_launches", "Launches under way on any worker.", found.running)
    yield _gauge("farm_open_runs", "Runs that are not closed.", found.runs)
    yield Family(
        "farm_boards", "gauge", "Boards of the store by state.",
        tuple(("", {"state": state}, count) for state, count in found.boards.items()),
    )  # fmt: skip


def _gauge(name: str, told: str, value: float) -> Family:
    return Family(name, "gauge", told, (("", {}, value),))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _read(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) not in PORTS:
        raise UsageError(f"--metrics {address}: no address", mend="write it like 127.0.0.1:9464")
    return host or "127.0.0.1", int(port)


class _Answer(BaseHTTPRequestHandler):
    timeout = PATIENCE_S

    def __init__(self, text: Callable[[], str], *args: object) -> None:
        self.text = text
        super().__init__(*args)  # type: ignore[arg-type] # what the server gives

    def do_GET(self) -> None:  # the name is that of the library
        if self.path.partition("?")[0] != PATH:
            self.send_error(404)
            return
        body = self.text().encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Each look at the figures is no news."""
