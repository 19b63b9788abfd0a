"""The line to one board: its channel, the agent at the other end, and what has been pushed over it."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from farm_agents import wire
from farm_orchestrator.errors import BoardError, DiskFull
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.meters import align
from farm_orchestrator.meters.watch import Watching
from farm_orchestrator.model import Feeds, FileRef, Json, Kind, LaunchRow, Part, Phase, Variant
from farm_orchestrator.runtimes import too_new
from farm_orchestrator.session import Session
from farm_orchestrator.store import Lease
from farm_orchestrator.undo import on_error
from farm_orchestrator.watchdog import Concern, Watch
from farm_orchestrator.world import World

FRESH_NS = 500_000_000  # the look at the clock that ends one launch begins the next


class Line:
    """Opened with the agent's hello, closed once; closing ends the agent, which then restores the board."""

    def __init__(self, part: Part, lease: Lease, world: World) -> None:
        self.part = part
        self.world = world
        self.pushed: set[str] = set()
        self.laid: set[str] = set()
        self.met: set[str] = set()  # runs that were told of this hello
        self.ends = ExitStack()
        self.channel = world.open_channel(part)
        self.ends.callback(self.channel.close)
        self.watch = Watch(lease.lost, self.channel.close, world.clock)
        self.ends.enter_context(world.watchdog.over(self.watch))
        with on_error(self.close), self.explained():
            self.session = self._agent()
            self.hello = self._greet(lease.fence)
            self.meter = self._watched()
        self.clock: align.Sync | None = None
        said = {name: value for name, value in vars(self.hello).items() if name != "facts"}
        self.told: Json = {**self.hello.facts, **said}  # of the board, for the report and for each launch

    def serves(self, part: Part) -> bool:
        """Whether launches of `part` may go over this line: the same board, reached the same way, the same agent."""
        return not self.watch.cut and part.board == self.part.board and part.agent.sha256 == self.part.agent.sha256

    def supply(self, row: LaunchRow, part: Part) -> None:
        """Before the first launch of a block: what its launches need is pushed and laid out. Later: nothing to do."""
        meant = part.measured if row.phase >= Phase.SCREEN else (part.variant(row.variant),)
        named = [variant for variant in meant if self.beyond(variant) is None]
        variants = {variant.sha256: variant for variant in named if variant.sha256 not in self.laid}
        inputs = [ref for variant in named for ref in inputs_of(variant, row) if ref.sha256 not in self.pushed]
        for ref in (*(file for variant in variants.values() for file in variant.files), *inputs):
            self._bring(ref, named, row)
        if variants or inputs:
            self._lay(variants.values(), inputs, row.run)

    def beyond(self, variant: Variant) -> str | None:
        """Why this board's onnxruntime cannot take the variant, known before any of it is pushed; None where it may."""
        found = too_new(variant.opset, variant.ir, self.hello.onnxruntime or "")
        if found is None:
            return None
        what, has, newest = found
        takes = f"has {what} {has}; onnxruntime {self.hello.onnxruntime} on this board takes {newest} at most"
        return f"{takes}; export it with {what} {newest} or older, or update onnxruntime there"

    def look_at_clock(self, row: LaunchRow, within_ns: int = 0) -> align.Sync | None:
        """The board's clock against ours, where a meter needs it for this launch; one that is `within_ns` old at most will do.

        None too where the agent did not tell it: then the line is closed, which the next step over it finds.
        """
        if self.meter is None or row.kind != Kind.MEASURE:
            return None
        if self.clock is None or time.monotonic_ns() - self.clock.at_ns > within_ns:
            self.expect("the board's clock", self.world.pace.prepare_s, row.run)
            self.clock = self._compared()
            self.watch.expect(None)
        return self.clock

    def expect(self, what: str, within_s: float, run: str) -> None:
        self.watch.expect(Concern(what, self.world.clock() + within_s, run))

    def close(self) -> None:
        self.ends.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Where the watchdog cut the line, its verdict is the reason, not the error that the cut caused."""
        try:
            yield
        except BoardError as error:
            verdict = self.watch.verdict
            if verdict is None:
                raise
            cut = BoardError(self.part.name, verdict.detail)
            cut.outcome = verdict.reason
            raise cut from error

    def _agent(self) -> Session:
        """The agent comes by content like everything else; its command is a constant."""
        agent = self.part.agent
        self._push(agent, self.part.run)
        argv = (str(self.part.board["python"]), "-I", f"{self.channel.base}/cas/{agent.sha256[:2]}/{agent.sha256}")
        session = Session(self.part.board, self.channel.stream(argv), self.watch.heard)
        self.ends.callback(session.close)
        return session

    def _watched(self) -> Watching | None:
        """The meter beside the board, from now to the end of the line."""
        text = self.part.board.get("meter")
        if text is None:
            return None
        watching = Watching(str(text))
        self.ends.callback(watching.close)
        return watching

    def _compared(self) -> align.Sync | None:
        try:
            return align.sync([self._trip() for _ in range(align.TRIPS)])
        except BoardError:
            self.close()
            return None

    def _trip(self) -> align.Trip:
        sent_ns = time.monotonic_ns()
        board_ns = self.session.clock_ns(sent_ns)
        return align.Trip(sent_ns, board_ns, time.monotonic_ns())

    def _greet(self, fence: int) -> wire.Hello:
        self.expect("the agent's hello", self.world.pace.hello_s, self.part.run)
        hello = self.session.hello(opening(self.part.board, self.channel.base, fence, self.world))
        self.watch.talk_to(self.session)
        failpoint("agent_started")
        return hello

    def _push(self, ref: FileRef, run: str) -> None:
        """A push has no deadline of its own: a slow link is no dead one, and the transport knows which it is."""
        if ref.sha256 not in self.pushed:
            self.watch.expect(Concern(f"the push of {ref.name}", float("inf"), run, crowded=True))
            self.channel.put(self.world.artefacts.get(ref.sha256), ref.sha256, ref.size)
            self.pushed.add(ref.sha256)

    def _bring(self, ref: FileRef, named: Sequence[Variant], row: LaunchRow) -> None:
        """A full board gives up what it has not used for longest, but nothing that the variants `named` need."""
        try:
            self._push(ref, row.run)
        except DiskFull:
            if not self._make_room(ref, named, row):
                raise
            self._push(ref, row.run)

    def _make_room(self, ref: FileRef, named: Sequence[Variant], row: LaunchRow) -> bool:
        """Whether anything went. What is not kept is forgotten: pushing or laying out again finds out what is there."""
        keep = {needed.sha256 for variant in named for needed in (*variant.files, *inputs_of(variant, row))}
        self.expect(f"room for {ref.name}", self.world.pace.prepare_s, row.run)
        evicted = self.session.evict(ref.size, sorted(keep))
        self.pushed &= keep
        self.laid &= {variant.sha256 for variant in named}
        return evicted.files > 0

    def _lay(self, variants: Iterable[Variant], inputs: Iterable[FileRef], run: str) -> None:
        self.expect("the preparation of the files", self.world.pace.prepare_s, run)
        layouts = [_layout(variant) for variant in variants]
        self.session.prepare(layouts, [ref.sha256 for ref in inputs])
        self.laid.update(layout["sha256"] for layout in layouts)


def opening(board: Json, base: str, fence: int, world: World) -> wire.Open:
    """The runtime `default` is the agent's to find: laid out on the board, or the interpreter's own."""
    runtime = board.get("runtime")
    return wire.Open(
        wire.VERSION, fence, base, str(board.get("sysroot") or "/"),
        runtime=None if runtime == "default" else runtime, deadman_s=world.pace.deadman_s, farm=world.farm,
        who=world.who,
    )  # fmt: skip


def feeds_of(variant: Variant, row: LaunchRow) -> Feeds:
    """The labelled rows in phase 1, the timed input elsewhere."""
    return variant.dataset if row.phase == Phase.EVALUATE and variant.dataset else variant.feeds


def golden_of(variant: Variant, row: LaunchRow) -> FileRef | None:
    """The expected outputs belong to the timed input."""
    return None if row.phase == Phase.EVALUATE else variant.golden


def inputs_of(variant: Variant, row: LaunchRow) -> tuple[FileRef, ...]:
    feeds, golden = feeds_of(variant, row), golden_of(variant, row)
    return (FileRef("inputs", feeds.sha256, feeds.size), *((golden,) if golden else ()))


def _layout(variant: Variant) -> Json:
    return {"sha256": variant.sha256, "files": [file.to_json() for file in variant.files]}
