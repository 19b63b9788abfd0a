"""The line to one board: its channel, the agent at the other end, and what has been pushed over it."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from farm_agents import wire
from farm_orchestrator.errors import BoardError
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import Feeds, FileRef, Json, LaunchRow, Part, Phase, Variant
from farm_orchestrator.session import Session
from farm_orchestrator.store import Lease
from farm_orchestrator.watchdog import Concern, Watch
from farm_orchestrator.world import World


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
        try:
            with self.explained():
                self.session = self._agent()
                self.hello = self._greet(lease.fence)
        except BaseException:
            self.close()
            raise
        self.rested_at = world.clock()

    def serves(self, part: Part) -> bool:
        """Whether launches of `part` may go over this line: the same board, reached the same way, the same agent."""
        return not self.watch.cut and part.board == self.part.board and part.agent.sha256 == self.part.agent.sha256

    def supply(self, row: LaunchRow, part: Part) -> None:
        """Before the first launch of a block: what its launches need is pushed and laid out. Later: nothing to do."""
        named = part.variants if row.phase == Phase.MEASURE else (part.variant(row.variant),)
        variants = {variant.sha256: variant for variant in named if variant.sha256 not in self.laid}
        inputs = [ref for variant in named for ref in inputs_of(variant, row) if ref.sha256 not in self.pushed]
        for ref in (*(file for variant in variants.values() for file in variant.files), *inputs):
            self._push(ref, row.run)
        if variants or inputs:
            self._lay(variants.values(), inputs, row.run)

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
        session = Session(self.part.name, self.channel.stream(argv), self.watch.heard)
        self.ends.callback(session.close)
        return session

    def _greet(self, fence: int) -> wire.Hello:
        self.expect("the agent's hello", self.world.pace.hello_s, self.part.run)
        sysroot = str(self.part.board.get("sysroot") or "/")
        deadman_s, farm = self.world.pace.deadman_s, self.world.farm
        self.session.send(wire.Open(wire.VERSION, fence, self.channel.base, sysroot, deadman_s=deadman_s, farm=farm))
        hello = self.session.hello()
        self.watch.talk_to(self.session)
        failpoint("agent_started")
        return hello

    def _push(self, ref: FileRef, run: str) -> None:
        """A push has no deadline of its own: a slow link is no dead one, and the transport knows which it is."""
        if ref.sha256 not in self.pushed:
            self.expect(f"the push of {ref.name}", float("inf"), run)
            self.channel.put(self.world.artefacts.get(ref.sha256), ref.sha256, ref.size)
            self.pushed.add(ref.sha256)

    def _lay(self, variants: Iterable[Variant], inputs: Iterable[FileRef], run: str) -> None:
        self.expect("the preparation of the files", self.world.pace.prepare_s, run)
        layouts = [_layout(variant) for variant in variants]
        self.session.prepare(layouts, [ref.sha256 for ref in inputs])
        self.laid.update(layout["sha256"] for layout in layouts)


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
