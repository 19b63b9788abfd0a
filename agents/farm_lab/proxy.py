"""The chaos proxy: one process between orchestrator and boards that delays, slows, loses, freezes and resets what passes their links."""

import asyncio
import json
import random
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm_lab import background
from farm_lab.sshd import HOST

CHUNK = 64 * 1024
QUEUE = 4096  # chunks in flight per direction
CONTROL_LINE = 64 * 1024
PACKET = 1448  # bytes of a chunk that travel together
AGAIN_S = 0.2  # Linux sends a packet again no sooner where nothing comes back
Json = dict[str, Any]


@dataclass(eq=False)
class Link:
    """One connection through the proxy; `pumps` move its bytes."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    pumps: list["asyncio.Task[None]"] = field(default_factory=list)

    def reset(self) -> None:
        """Both ends get a RST: a connection that is closed with linger 0 has no farewell."""
        for writer in (self.near, self.far):
            sock = writer.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Route:
    """A listening port and the board behind it. Delays are one way, in seconds; rates in bytes per second.

    `loss`: share of the packets. A connection loses no byte by it, but waits until the packet was sent again.
    """

    def __init__(self, name: str, target: int) -> None:
        self.name = name
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        self.rate: float | None = None
        self.loss = 0.0
        self.chance = random.Random(name)  # noqa: S311 - which packet is lost is no secret
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.links: set[Link] = set()

    async def listen(self, port: int) -> None:
        """Takes `port` if it can, any other otherwise."""
        try:
            self.server = await asyncio.start_server(self._serve, HOST, port, limit=CHUNK)
        except OSError:
            self.server = await asyncio.start_server(self._serve, HOST, 0, limit=CHUNK)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.thawed.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, far_writer)
        link.pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
        ]
        self.links.add(link)
        await asyncio.gather(*link.pumps, return_exceptions=True)
        self.links.discard(link)
        for end in (writer, far_writer):
            end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bytes of one direction, each chunk due some time after it came; the end of file is passed on."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE)
        out = asyncio.ensure_future(self._deliver(queue, writer))
        try:
            while not out.done():
                chunk = await reader.read(CHUNK)
                await queue.put((asyncio.get_running_loop().time() + self.way_s(len(chunk)), chunk))
                if not chunk:
                    break
                await self.thawed.wait()
        except OSError:
            await self.thawed.wait()  # of an end that comes while nothing passes, nothing is heard
            writer.transport.abort()
            await queue.put((0.0, b""))
        await out

    def way_s(self, size: int) -> float:
        """How long so many bytes are on their way; what comes after them waits for them."""
        lost = self.chance.random() >= (1 - self.loss) ** -(-size // PACKET)
        return self.delay_s + (AGAIN_S + 2 * self.delay_s if lost else 0.0)

    async def _deliver(self, queue: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            due, chunk = await queue.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await self.thawed.wait()
            try:
                await self._write(chunk, writer)
            except OSError:
                writer.transport.abort()
                return
            if not chunk:
                return

    async def _write(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        if not chunk:
            if writer.can_write_eof():
                writer.write_eof()
            return
        writer.write(chunk)
        await writer.drain()
        if self.rate:
            await asyncio.sleep(len(chunk) / self.rate)

    def reset(self) -> None:
        for link in list(self.links):
            link.reset()

    def status(self) -> Json:
        return {"name": self.name, "port": self.port, "target": self.target, "delay_s": self.delay_s,
                "rate": self.rate, "loss": self.loss, "frozen": not self.thawed.is_set(), "links": len(self.links)}  # fmt: skip


class Proxy:
    """All routes and the control socket, for as long as the process lives."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}

    async def obey(self, command: Json) -> Json:
        """One command: {"do": add | delay | rate | loss | freeze | thaw | reset | status, "board": name or "*", ...}."""
        verb = str(command.get("do"))
        if verb == "add":
            return await self._add(str(command["board"]), int(command["target"]), int(command.get("port") or 0))
        acts: dict[str, Callable[[Route], object]] = {
            "delay": lambda route: setattr(route, "delay_s", float(command["seconds"])),
            "rate": lambda route: setattr(route, "rate", command["bytes_per_s"]),
            "loss": lambda route: setattr(route, "loss", float(command["share"])),
            "freeze": lambda route: route.thawed.clear(),
            "thaw": lambda route: route.thawed.set(),
            "reset": Route.reset,
            "status": lambda _: None,
        }
        if verb not in acts:
            return {"ok": False, "error": f"no command {verb!r}; there are add, {', '.join(acts)}"}
        chosen = self._chosen(str(command.get("board", "*")))
        for route in chosen:
            acts[verb](route)
        return {"ok": bool(chosen), "routes": [route.status() for route in chosen]}

    async def _add(self, name: str, target: int, port: int) -> Json:
        if name in self.routes:
            self.routes[name].target = target
        else:
            route = Route(name, target)
            await route.listen(port)
            self.routes[name] = route
        return {"ok": True, "routes": [self.routes[name].status()]}

    def _chosen(self, name: str) -> list[Route]:
        return [route for route in self.routes.values() if name in {"*", route.name}]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers each line of JSON with one."""
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> Json:
        try:
            return await self.obey(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}


async def serve(control: Path, ready: Callable[[], None]) -> None:
    """Runs until the process is ended; `ready` is called once commands are taken."""
    server = await asyncio.start_unix_server(Proxy().converse, control, limit=CONTROL_LINE)
    ready()
    await server.serve_forever()


def main(control: Path) -> None:
    ready = background.enter()
    control.unlink(missing_ok=True)
    asyncio.run(serve(control, ready))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
