"""The findings of a cell: those that were reported, and those that its figures show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from farm_reports.findings import NEAR, NOISY_SD, Name, collect
from farm_reports.judge import conditions
from farm_reports.judge.case import Case
from farm_reports.judge.evidence import Evidence, pairs
from farm_reports.results import Finding
from farm_reports.stats.compare import mad_sd
from farm_reports.stats.modes import modes
from farm_reports.stats.power import MARGIN
from farm_reports.stats.signed_rank import estimate, walsh
from farm_reports.tables import Json
from farm_reports.words import limit, number

AGREEING = 0.995  # of the rows, where a board ran only the first ones


def doubts(case: Case, evidence: Evidence) -> list[Finding]:
    """Each finding once, in the order of the table."""
    variant = case.variants.get(evidence.key[1])
    reported = [*(variant.findings if variant else ())]
    reported += [item for launch in evidence.used for item in launch.findings if conditions.of_launch(item)]
    reported += [item for item in _of_profile(case, evidence) if item.get("name") == Name.PROFILE_CUT]
    return collect([*reported, *_shown(case, evidence)])


def _of_profile(case: Case, evidence: Evidence) -> tuple[Json, ...]:
    found = case.profiled.get(evidence.key)
    return found.findings if found is not None else ()


def _shown(case: Case, evidence: Evidence) -> Iterator[Json]:
    yield from _same_file(case, evidence)
    yield from _small_dataset(case, evidence)
    yield from _first_rows(case, evidence)
    if any("NON_FINITE" in (failure.outcome or "") for failure in case.failures.get(evidence.key[:2], ())):
        yield {"name": Name.NON_FINITE}
    if evidence.valid:
        yield from _near_floor(case, evidence)
        yield from _noisy(case, evidence)
        yield from _two_speeds(evidence)
        yield from conditions.notes(evidence, case.calibration(evidence.key[0]))


def _same_file(case: Case, evidence: Evidence) -> Iterator[Json]:
    mine = case.variants.get(evidence.key[1])
    counts = Counter(variant.sha256 for variant in case.tables.variants if variant.sha256)
    if mine is not None and mine.sha256 and counts[mine.sha256] > 1:
        others = [v.name for v in case.tables.variants if v.sha256 == mine.sha256 and v.name != mine.name]
        yield {"name": Name.SAME_FILE, "text": f"The same file as {', '.join(others)}; measured separately."}


def _small_dataset(case: Case, evidence: Evidence) -> Iterator[Json]:
    score = case.tables.scores.get(evidence.key[:2], {})
    resolved = score.get("resolution_pt")
    for bound in case.bounds:
        if bound.metric == "accuracy" and bound.relative and resolved is not None and resolved > abs(bound.value):
            text = f"{score['rows']} rows tell differences from {resolved:.1f} pt on; the limit is {limit(bound)}."
            yield {"name": Name.SMALL_DATASET, "text": text}


def _first_rows(case: Case, evidence: Evidence) -> Iterator[Json]:
    """How many rows ran, why not all, and what all of them give elsewhere; both must agree on those that ran."""
    score = case.tables.scores.get(evidence.key[:2], {})
    if not score.get("rows_asked"):
        return
    whole = score.get("orchestrator") or {}
    yield {"name": Name.FIRST_ROWS, "text": " ".join(_told(score, whole))}
    agreement = whole.get("agreement")
    if agreement is not None and agreement < AGREEING:
        required = f"of the {score['rows']} rows that ran here; {AGREEING:.1%} are required"
        yield {"name": Name.BOARD_DIFFERS, "text": f"Board and orchestrator agree on {agreement:.1%} {required}."}


def _told(score: Json, whole: Json) -> Iterator[str]:
    yield f"Scored on the first {score['rows']} of {score['rows_asked']} rows: {score['rows_reason']}."
    value, agreement = whole.get("value"), whole.get("agreement")
    if value is not None:
        figure = f"{value:.1%}" if score["metric"] == "top1" else number(value)
        yield f"On the machine that started the run {whole['rows']} rows give {figure}."
    if agreement is not None:
        yield f"It agrees with the board on {agreement:.1%} of the rows that ran here."
    if whole.get("reason"):
        yield f"Nothing to compare them with: {whole['reason']}."


def _near_floor(case: Case, evidence: Evidence) -> Iterator[Json]:
    floor_ns = case.floors.get(evidence.key[0])
    median_ns = float(np.exp(estimate(walsh(np.array(list(evidence.logs().values()))))))
    if floor_ns and median_ns < NEAR * floor_ns:
        share = floor_ns / median_ns
        yield {
            "name": Name.NEAR_FLOOR,
            "text": f"p50 {number(median_ns / 1e6)} ms; the loop itself takes {floor_ns / 1e3:.1f} us of it ({share:.1%}).",
        }


def _noisy(case: Case, evidence: Evidence) -> Iterator[Json]:
    reference = case.reference(evidence)
    differences = pairs(evidence.logs(), reference.logs()) if reference else np.array([])
    if differences.size > 1 and (sd := mad_sd(differences)) > NOISY_SD:
        yield {"name": Name.NOISY, "text": f"The ratio to the baseline varies by {sd:.1%} from block to block."}


def _two_speeds(evidence: Evidence) -> Iterator[Json]:
    """Modes nearer than the margin of every verdict are of no account."""
    found = modes(np.array(list(evidence.logs().values())))
    if found is not None and found.high - found.low > MARGIN:
        groups = ((found.lower, found.low), (found.upper, found.high))
        told = " and ".join(f"{count} launches near {number(np.exp(log_ns) / 1e6)} ms" for count, log_ns in groups)
        yield {"name": Name.MULTIMODAL, "text": f"{told}."}
