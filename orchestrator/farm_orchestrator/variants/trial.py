"""All eight checks over all files: who may run, with which inputs, and what the right outputs are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Feeds, FileRef, Json, Variant
from farm_orchestrator.variants import feeding
from farm_orchestrator.variants.arrays import Stored, save
from farm_orchestrator.variants.checks import dry
from farm_orchestrator.variants.checks.refusal import BaselineRefused, Refusal
from farm_orchestrator.variants.dataset import Dataset, feeds_of, open_dataset
from farm_orchestrator.variants.feeding import Fed
from farm_orchestrator.variants.inputs import Made
from farm_orchestrator.variants.inspection import Candidate, inspect, refused
from farm_orchestrator.variants.records import Checked, Labels, Recorded, Refused, VariantSet
from farm_orchestrator.variants.sandbox import Job, Sandbox
from farm_reports.findings import Name, finding


@dataclass(frozen=True)
class Trial:
    """A candidate with its inputs, ready for the sandbox."""

    candidate: Candidate
    fed: Fed
    feeds: Stored
    folder: Path

    @property
    def job(self) -> Job:
        dtypes = {tensor.name: tensor.dtype for tensor in self.candidate.graph.inputs}
        return Job.of(self.candidate.files[0].path, self.candidate.size, self.feeds.path, dtypes, self.folder)


@dataclass(frozen=True)
class Proved:
    """A trial that ended in finite outputs."""

    trial: Trial
    golden: Stored
    findings: tuple[Json, ...]


def prove(found: VariantSet, folder: Path, recorded: Mapping[str, Recorded], sandbox: Sandbox) -> Checked:
    """Raises BaselineRefused as soon as that is known."""
    candidates, out = inspect(found.entries, folder / "models", recorded)
    common = _common(found, candidates, out)
    dataset = _dataset(found, candidates, folder)
    trials, unfed = _feed(found, candidates, common, folder)
    proved, broken = _try(sandbox, trials, folder)
    _stop_without_baseline(found, broken)
    order = [entry.name for entry in found.entries]
    everyone = sorted((*out, *unfed, *broken), key=lambda each: order.index(each.name))
    assumed = [made.assumed for made in common.values() if made.assumed]
    return _checked(found, proved, everyone, dataset, assumed)


def _common(found: VariantSet, candidates: Sequence[Candidate], out: Sequence[Refused]) -> dict[str, Made]:
    """The baseline's inputs."""
    _stop_without_baseline(found, out)
    graphs = {candidate.name: candidate.graph for candidate in candidates}
    entries = {entry.name: entry for entry in found.entries}
    feeding.check_names(entries, graphs, {} if out else found.inputs)  # a tensor may belong to a variant that is out
    try:
        return feeding.common_inputs(entries[found.baseline], graphs[found.baseline], found.inputs)
    except Refusal as refusal:
        raise BaselineRefused(refused(entries[found.baseline], refusal)) from None


def _stop_without_baseline(found: VariantSet, out: Iterable[Refused]) -> None:
    lost = next((each for each in out if each.name == found.baseline), None)
    if lost:
        raise BaselineRefused(lost)


def _dataset(found: VariantSet, candidates: Iterable[Candidate], folder: Path) -> Dataset | None:
    """Raises UsageError where the rows do not fit the baseline: then they are not what was meant."""
    if found.dataset is None:
        return None
    dataset = open_dataset(found.dataset, folder)
    graph = next(candidate.graph for candidate in candidates if candidate.name == found.baseline)
    fit = feeds_of(dataset, graph)
    stray = sorted(found.dataset.inputs.keys() - {tensor.name for tensor in graph.inputs})
    problem = fit if isinstance(fit, str) else f"it has no input {stray[0]}" if stray else None
    if problem:
        raise UsageError(
            f"{found.dataset.where}: the baseline {found.baseline} does not take the rows: {problem}",
            mend="name the arrays of its inputs below dataset.inputs, one example per row, in the shape of its graph",
        )
    return dataset


def _feed(
    found: VariantSet, candidates: Iterable[Candidate], common: Mapping[str, Made], folder: Path
) -> tuple[list[Trial], list[Refused]]:
    shared = save(folder, {name: made.array for name, made in common.items()})
    trials: list[Trial] = []
    out = []
    for candidate in candidates:
        try:
            fed = feeding.feed(candidate.entry, candidate.graph, found.inputs, common)
        except Refusal as refusal:
            out.append(refused(candidate.entry, refusal))
        else:
            work = folder / "tried" / str(len(trials))
            work.mkdir(parents=True)
            feeds = shared if fed.shares(common) else save(folder, fed.arrays)
            trials.append(Trial(candidate, fed, feeds, work))
    return trials, out


def _try(sandbox: Sandbox, trials: Sequence[Trial], folder: Path) -> tuple[list[Proved], list[Refused]]:
    """Check 8, all of them side by side."""
    ended = sandbox.run([trial.job for trial in trials])
    proved, out = [], []
    for index, trial in enumerate(trials):
        try:
            golden = dry.judge(ended[index], trial.folder)
        except Refusal as refusal:
            out.append(refused(trial.candidate.entry, refusal))
        else:
            findings = tuple(_findings(trial, golden, trials))
            proved.append(Proved(trial, save(folder, golden.outputs), findings))
    return proved, out


def _findings(trial: Trial, golden: dry.Golden, trials: Sequence[Trial]) -> Iterator[Json]:
    mine, graph = trial.candidate, trial.candidate.graph
    twins = [t.candidate.name for t in trials if t.candidate.sha256 == mine.sha256 and t is not trial]
    if twins:
        yield _finding(Name.SAME_FILE, f"The same file as {', '.join(twins)}; measured separately.")
    if trial.fed.difference:
        yield _finding(Name.INPUTS_DIFFER, trial.fed.difference)
    if graph.data_dependent and trial.fed.generated:
        operators = ", ".join(graph.data_dependent)
        yield _finding(
            Name.DATA_DEPENDENT, f"Its time depends on the data ({operators}), and its inputs were generated."
        )
    if golden.subnormal or any(map(dry.subnormal, trial.fed.arrays.values())):
        yield _finding(Name.DENORMALS, None)


def _finding(name: str, text: str | None) -> Json:
    return finding(name, text).model_dump()


def _checked(
    found: VariantSet,
    proved: Sequence[Proved],
    out: Sequence[Refused],
    dataset: Dataset | None,
    assumed: Sequence[str],
) -> Checked:
    rows = (
        {each.trial.candidate.name: feeds_of(dataset, each.trial.candidate.graph) for each in proved} if dataset else {}
    )
    files = [file for each in proved for file in (*each.trial.candidate.files, each.trial.feeds, each.golden)]
    files += [dataset.stored, dataset.truth] if dataset else []
    return Checked(
        variants=tuple(_variant(each, rows.get(each.trial.candidate.name)) for each in proved),
        refused=tuple(out),
        baseline=found.baseline,
        files={file.sha256: file.path for file in files},
        names={each.trial.candidate.name: each.trial.candidate.entry.path.name for each in proved},
        limits=found.limits,
        labels=_labels(dataset, rows) if dataset else None,
        assumptions=(*found.assumptions, *assumed),
    )


def _labels(dataset: Dataset, rows: Mapping[str, Feeds | str]) -> Labels:
    unscored = {name: why for name, why in rows.items() if isinstance(why, str)}
    return Labels(dataset.truth.sha256, dataset.truth.size, dataset.spec.metric, dataset.rows, unscored)


def _variant(each: Proved, rows: Feeds | str | None) -> Variant:
    candidate = each.trial.candidate
    tensors = {tensor.name: tensor.name for tensor in candidate.graph.inputs}
    dims = candidate.graph.bound({name: each.trial.fed.arrays[name].shape for name in tensors})
    return Variant(
        name=candidate.name,
        sha256=candidate.sha256,
        files=candidate.refs,
        opset=candidate.graph.opset,
        feeds=Feeds(each.trial.feeds.sha256, each.trial.feeds.size, tensors, dims=dims),
        golden=FileRef("golden.npz", each.golden.sha256, each.golden.size),
        dataset=rows if isinstance(rows, Feeds) else None,
        quantised=candidate.graph.quantised,
        parent=candidate.entry.parent,
        recipe=candidate.entry.recipe,
        findings=each.findings,
        ir=candidate.graph.ir,
    )
