"""One board from its plan to a runtime that was tried on it."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

from farm_orchestrator.bootstrap.laying import Died, Need, check_room, install, lay_interpreter, put
from farm_orchestrator.bootstrap.plan import Plan
from farm_orchestrator.bootstrap.scan import Scan
from farm_orchestrator.bootstrap.table import dotted
from farm_orchestrator.bootstrap.wanted import DEFAULT, name
from farm_orchestrator.bootstrap.workshop import Site, Workshop
from farm_orchestrator.errors import NoRuntime
from farm_orchestrator.model import FileRef, Json
from farm_orchestrator.transport import Channel

ATTEMPTS = 4  # versions that may die on a board before the trouble must be another
Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How a board came out of it. `state`: ready (it was), made, would (be made), failed; sizes in bytes."""

    board: str
    state: str
    python: str | None = None
    runtime: str | None = None
    onnxruntime: str | None = None
    default: bool = False
    site: str | None = None
    wheels: tuple[Json, ...] = ()
    push: int = 0
    unpacked: int = 0
    sent: int = 0
    resumed_at: int = 0
    notes: tuple[str, ...] = ()
    error: str | None = None
    exit_code: int = 0

    def to_json(self) -> Json:
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """A board that answered, its channel open."""

    spec: Json
    channel: Channel
    scan: Scan

    @property
    def board(self) -> str:
        return str(self.spec["name"])


def as_it_is(seen: Seen, plan: Plan, workshop: Workshop, *, check: bool) -> Outcome | None:
    """A board that has what it needs, tried again; None where something must be laid on it."""
    document = plan.already or {}
    if plan.version is not None and not document:
        return None
    names = [str(document["name"]), *_default(plan)] if document else []
    order = {"site": document.get("site"), "document": document, "names": names, "link": plan.link}
    outcome = Outcome(
        seen.board, "ready", dotted(plan.target.python), document.get("name"), document.get("onnxruntime"),
        plan.default, document.get("site"),
    )  # fmt: skip
    if check:
        return outcome
    try:
        with ExitStack() as undo:
            put(seen.channel, workshop.agent_path, workshop.agent, undo)
            answer = install(seen.board, seen.channel, plan.python or "", workshop.agent, order)
            undo.pop_all()
    except NoRuntime as error:
        if document:
            return None  # it is laid out again
        raise NoRuntime(seen.board, error.text, mend="lay another one beside its own: --runtime VERSION") from error
    return replace(outcome, onnxruntime=_version(answer))


def make(seen: Seen, plan: Plan, workshop: Workshop, say: Say, *, check: bool) -> Outcome:
    """The newest version that lives there. Raises what stands in the way; then nothing of it is left on the board."""
    died: dict[str, Died] = {}
    with ExitStack() as undo:
        python = None
        while (requirement := plan.requirement(died)) is not None and len(died) < ATTEMPTS:
            say(f"resolving {requirement} for {plan.target}")
            site = workshop.site(plan.project, requirement, plan.target)
            need = _need(plan, site, workshop)
            check_room(seen.board, seen.scan.base, need, seen.scan.others)
            if check:
                return _outcome(plan, site, need, "would")
            python = python or _lay_ground(seen, plan, workshop, undo)
            try:
                outcome = _lay(seen, plan, site, (python, workshop, died), say)
            except Died as error:
                died[site.version] = error
                say(f"onnxruntime {site.version} dies there: {error.text}")
            else:
                undo.pop_all()
                return replace(outcome, notes=tuple(f"onnxruntime {version} dies there" for version in died))
    tried = ", ".join(died)
    raise NoRuntime(
        seen.board, f"board {seen.board!r}: these die there: {tried}", mend="name another one: --runtime VERSION"
    )


def _lay_ground(seen: Seen, plan: Plan, workshop: Workshop, undo: ExitStack) -> str:
    """Agent and, where one is brought, interpreter; its command."""
    put(seen.channel, workshop.agent_path, workshop.agent, undo)
    if plan.archive is not None:
        return lay_interpreter(seen.board, seen.channel, plan.archive, undo)
    return str(plan.python)


def _lay(seen: Seen, plan: Plan, site: Site, with_: tuple[str, Workshop, dict[str, Died]], say: Say) -> Outcome:
    python, workshop, died = with_
    archive = site.archive
    say(f"pushing onnxruntime {site.version}, {archive.size / 1e6:.1f} MB")
    with ExitStack() as undo:
        sent = put(seen.channel, archive.path, FileRef("site.tar.gz", archive.sha256, archive.size), undo)
        say("unpacking and trying it")
        document = _document(plan, site, died)
        order = {
            "site": archive.sha256,
            "document": document,
            "names": [document["name"], *_default(plan)],
            "link": plan.link,
        }
        answer = install(seen.board, seen.channel, python, workshop.agent, order)
        undo.pop_all()
    outcome = _outcome(plan, site, _need(plan, site, workshop), "made")
    return replace(outcome, onnxruntime=_version(answer), sent=sent.sent, resumed_at=sent.resumed_at)


def _document(plan: Plan, site: Site, died: Iterable[str]) -> Json:
    """What is written down beside the runtime; the agent adds what the trial found."""
    return {
        "name": name(plan.project, site.version),
        "project": plan.project,
        "version": site.version,
        "site": site.archive.sha256,
        "python": dotted(plan.target.python),
        "arch": plan.target.arch,
        "wheels": _wheels(site),
        "denied": sorted({*plan.died, *died}),
    }


def _wheels(site: Site) -> list[Json]:
    return [{"file": wheel.name.file, "sha256": wheel.sha256} for wheel in site.wheels]


def _outcome(plan: Plan, site: Site, need: Need, state: str) -> Outcome:
    named = name(plan.project, site.version)
    return Outcome(
        plan.board, state, dotted(plan.target.python), named, site.version, plan.default, site.archive.sha256,
        tuple(_wheels(site)), need.pushed, need.unpacked,
    )  # fmt: skip


def _need(plan: Plan, site: Site, workshop: Workshop) -> Need:
    pushed, unpacked = site.archive.size + workshop.agent.size, site.archive.unpacked
    if plan.archive is not None:
        return Need(pushed + plan.archive.size, unpacked + plan.archive.unpacked)
    return Need(pushed, unpacked)


def _default(plan: Plan) -> list[str]:
    return [DEFAULT] if plan.default else []


def _version(answer: Json) -> str:
    """As the board's own import says it."""
    return str(answer["found"].get("onnxruntime"))[:64]
