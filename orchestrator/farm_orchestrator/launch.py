"""One launch, from a claimed row to its outcome: begun, heard, settled."""

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from farm_agents import wire
from farm_orchestrator import calibration, powered, profiling
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.intake import Answer
from farm_orchestrator.line import FRESH_NS, Line, feeds_of, golden_of
from farm_orchestrator.meters.align import Sync
from farm_orchestrator.meters.watch import without_meter
from farm_orchestrator.model import (
    NOT_SUPPORTED,
    Failed,
    Json,
    Kind,
    LaunchRow,
    Lost,
    Measured,
    Outcome,
    Part,
    Phase,
    Point,
)
from farm_orchestrator.plan import chirping, idling, settling
from farm_orchestrator.store import Claim, Timed, Transcript, block_launches, write_launch
from farm_orchestrator.undo import on_error
from farm_orchestrator.watchdog import Concern
from farm_reports.stats.launch import summarise

SPARE_S = 60.0  # on top of what the recipe allows a launch
BEYOND_AGENT_S = 30.0  # the agent ends an overdue runner first
NOT_LOADED = ("INVALID_GRAPH", "NOT_IMPLEMENTED")
OURS = {"outputs", "profile", "failure", "lost"}  # facts that no agent tells: they name files, or say what went wrong
NOT_THE_VARIANT = {"AGENT_ERROR": "agent_error", "STOPPED": "worker_lost", "DISK_FULL": "disk_full"}


@dataclass(frozen=True)
class Begun:
    """A launch that the agent has been given; `clock`: the board's before it, where a meter needs it."""

    claim: Claim
    job: wire.Job
    transcript: Transcript
    clock: Sync | None = None


@dataclass(frozen=True)
class Heard:
    """The agent's answer to a launch, and why it was asked to stop, if it was; `clock`: the board's after it."""

    answer: Answer
    verdict: Lost | None
    clock: Sync | None = None

    @property
    def whole(self) -> bool:
        """The launch went to its end by itself."""
        return self.verdict is None and isinstance(self.answer.end, wire.Done)


def begin(claim: Claim, line: Line) -> Begun:
    """Everything up to the job's line. Raises BoardError where the line broke, or was cut."""
    with line.explained():
        line.supply(claim.row, claim.part)
        begun = Begun(
            claim,
            job_of(claim, _start(claim, line), line.told),
            Transcript(_folder(claim, line), claim.row.id, claim.fence),
            line.look_at_clock(claim.row, FRESH_NS),
        )
        with on_error(begun.transcript.close):
            line.watch.expect(_concern(begun, line, silence_s=None))
            line.session.begin(begun.job, begun.transcript.append)
    return begun


def hear(begun: Begun, line: Line) -> Heard:
    """Whatever the agent lived to say. Raises BoardError where the line broke, or was cut, before it had."""
    note = begun.transcript.append
    with line.explained(), on_error(begun.transcript.close):
        line.watch.expect(_concern(begun, line, line.world.pace.silence_s))
        try:
            answer = line.session.answer(begun.job, note)
        finally:
            verdict = line.watch.verdict
            if verdict is not None:
                note("orchestrator", wire.encode(wire.Stop(verdict.detail)))
        line.watch.expect(None)
        heard = Heard(answer, verdict)
        return dataclasses.replace(heard, clock=line.look_at_clock(begun.claim.row) if heard.whole else None)


def settle(begun: Begun, heard: Heard, line: Line) -> Outcome:
    """The outcome, with its files on disk. Raises BoardError where the outputs could not be fetched."""
    with line.explained(), on_error(begun.transcript.close):
        outcome = _outcome(_metered(heard, begun, line), begun.claim, line)
    kept = begun.transcript.close()
    if isinstance(outcome, Lost):
        return outcome
    outcome = dataclasses.replace(outcome, transcript=kept)
    _hand_over(outcome, begun.claim, line)
    return outcome


def beyond(claim: Claim, line: Line) -> Failed | None:
    """The outcome of a launch that this board's onnxruntime cannot take; None where it may."""
    why = line.beyond(claim.part.variant(claim.row.variant))
    return None if why is None else Failed("check", NOT_SUPPORTED, why, boot_id=line.hello.boot_id)


def job_of(claim: Claim, start: Json, told: Json) -> wire.Job:
    """`told`: of the board, by its agent."""
    row, part = claim.row, claim.part
    idle = powered.has_source(part.board, told)
    variant = part.variant(row.variant)
    golden = golden_of(variant, row)
    model = {
        "name": variant.name,
        "variant": variant.sha256,
        "file": variant.files[0].name,
        "bytes": variant.bytes,
        "quantised": variant.quantised,
    }
    return wire.Job(
        launch=f"{row.id}.{claim.fence}",
        kind=row.kind,
        model=model,
        feeds=feeds_of(variant, row).to_json(),
        point=Point.from_key(row.point).to_json(),
        recipe={**idling.recipe(row, part, powered=idle).to_json(), "chirp_s": chirping.chirp_s(row, part)},
        deadline_s=deadline_s(row, part),
        golden=golden.sha256 if golden else None,
        start=start,
        memory_limit=part.memory_limit,
    )


def _hand_over(outcome: Measured | Failed, claim: Claim, line: Line) -> None:
    """Before the commit: what is committed can be read by whoever reports it."""
    files = [] if outcome.transcript is None else [(outcome.transcript.name, outcome.transcript.sha256)]
    if isinstance(outcome, Measured):
        trace = outcome.facts.get("outputs", {}) if claim.row.kind == Kind.PROFILE else {}
        files += [] if outcome.file is None else [(outcome.file.name, outcome.file.sha256)]
        files += [(trace["file"], trace["sha256"])] if "file" in trace else []
    for name, sha256 in files:
        line.world.artefacts.hand_over(_folder(claim, line) / name, sha256)
        failpoint("launch_file_put")


def _start(claim: Claim, line: Line) -> Json:
    """Where the launch may begin: where it waits for it, around where its block began, which is written down by now."""
    known = calibration.of_part(claim.part, line.told, Point.from_key(claim.row.point).pin)
    if claim.part.recipe_in(claim.row.phase).cooldown_max_s == 0:
        return settling.anywhere(known)
    return settling.start(block_launches(line.world.store, claim.row.board, claim.block), known)


def deadline_s(row: LaunchRow, part: Part) -> float:
    """From the job on: rest, load, warm-up at their longest, a slot that slides, one that counts, idle windows; or the rows."""
    recipe = part.recipe_in(row.phase)
    if row.kind == Kind.MEASURE:
        before_s = max(recipe.cooldown_s, recipe.cooldown_max_s) + max(recipe.warmup_s, recipe.warmup_max_s)
        return recipe.load_budget_s + before_s + 2 * (recipe.slot_cap_s + recipe.idle_s) + SPARE_S
    rows = feeds_of(part.variant(row.variant), row).rows
    again = rows is not None or row.kind == Kind.PROFILE
    return recipe.load_budget_s + SPARE_S + (recipe.rows_s if again else 0.0)


def _concern(begun: Begun, line: Line, silence_s: float | None) -> Concern:
    """An agent may be silent for that long while somebody listens."""
    until = line.world.clock() + begun.job.deadline_s + BEYOND_AGENT_S
    return Concern("the launch", until, begun.claim.row.run, silence_s, late="deadline", polite=True)


def _metered(heard: Heard, begun: Begun, line: Line) -> Heard:
    """With what the meter outside the board said meanwhile, on the board's clock, as if the agent had told it."""
    answer, end = heard.answer, heard.answer.end
    if begun.claim.row.kind != Kind.MEASURE or not isinstance(end, wire.Done):
        return heard
    rows, facts = without_meter()
    if line.meter is not None:
        rows, facts = line.meter.beside(begun.clock, heard.clock, end.facts)
    done = dataclasses.replace(end, facts={**end.facts, **facts})
    return dataclasses.replace(heard, answer=dataclasses.replace(answer, end=done, readings=(*answer.readings, *rows)))


def _outcome(heard: Heard, claim: Claim, line: Line) -> Outcome:
    """An agent that was asked to stop may have been done before: then its answer counts."""
    end, before = heard.answer.end, line.hello.boot_id
    after = end.facts.get("boot_id") or before
    if after != before:
        return Lost("rebooted", f"boot_id was {before}, is {after}")
    if isinstance(end, wire.Failed):
        return heard.verdict or _failed(end, claim, line)
    return _measured(heard.answer, end, claim, line)


def _failed(end: wire.Failed, claim: Claim, line: Line) -> Failed | Lost:
    """The machine that checked the model loads it: what fails at the load here is this board's runtime."""
    if end.kind in NOT_THE_VARIANT:
        return Lost(NOT_THE_VARIANT[end.kind], f"{end.stage}: {end.detail}")
    if claim.row.phase == Phase.CHECK and end.stage == "load" and end.kind in NOT_LOADED:
        why = f"not supported by onnxruntime {line.hello.onnxruntime} on this board: {end.kind}: {end.detail}"
        return Failed(end.stage, NOT_SUPPORTED, why, end.facts, boot_id=line.hello.boot_id)
    return Failed(end.stage, end.kind, end.detail, end.facts, boot_id=line.hello.boot_id)


def _measured(answer: Answer, end: wire.Done, claim: Claim, line: Line) -> Measured:
    facts, findings = _facts(answer, end, claim, line)
    measured = Measured(facts, (*end.findings, *findings), boot_id=line.hello.boot_id)
    if claim.row.kind != Kind.MEASURE:
        return measured
    took = powered.facts(claim.part.board, line.told, end.facts, answer.readings)
    measured = dataclasses.replace(measured, facts={**measured.facts, **took})
    timed = Timed(answer.t0_ns, answer.latency_ns, answer.start_delay_ns, Point.from_key(claim.row.point).pace_hz)
    file = write_launch(_folder(claim, line), claim.row.id, claim.fence, timed, answer.readings)
    failpoint("parquet_written")
    return dataclasses.replace(measured, summary=summarise(answer.latency_ns), file=file)


def _facts(answer: Answer, end: wire.Done, claim: Claim, line: Line) -> tuple[Json, tuple[Json, ...]]:
    """Those of the agent, and what its file says; with findings of the file."""
    said = {name: fact for name, fact in end.facts.items() if name not in OURS}
    if claim.row.kind == Kind.PROFILE:
        return _profiled(answer, said, claim, line)
    if answer.outputs is None:
        return said, ()
    with _fetched(answer.outputs, claim, line) as file:
        kept = line.world.artefacts.put(file)
    failpoint("artefact_put")
    return {**said, "outputs": {"sha256": kept.sha256, "size": kept.size}}, ()


def _profiled(answer: Answer, said: Json, claim: Claim, line: Line) -> tuple[Json, tuple[Json, ...]]:
    """The trace lies in the run's folder, for a trace viewer."""
    row, part, outputs = claim.row, claim.part, answer.outputs
    if outputs is None:
        return {**said, "profile": profiling.without(said)}, ()
    with _fetched(outputs, claim, line) as file:
        name = profiling.keep(file, _folder(claim, line), row)
    profile, findings = profiling.taken(_folder(claim, line) / name, part, row, said, line.world.artefacts)
    told = {"sha256": outputs.sha256, "size": outputs.size, "file": name}
    return {**said, "outputs": told, "profile": profile}, findings


@contextmanager
def _fetched(outputs: wire.Outputs, claim: Claim, line: Line) -> Iterator[Path]:
    """The file of a launch, checked by its digest; it goes unless it is taken away."""
    line.expect("the fetch of the outputs", line.world.pace.fetch_s, claim.row.run)
    with tempfile.TemporaryDirectory(prefix="outputs-", dir=_folder(claim, line)) as folder:
        remote = f"scratch/{outputs.launch}/{outputs.name}"
        yield line.channel.get(remote, outputs.sha256, outputs.size, Path(folder))


def _folder(claim: Claim, line: Line) -> Path:
    return line.world.runs / claim.row.run
