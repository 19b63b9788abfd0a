"""Each cell of the run as results.json shows it."""

from __future__ import annotations

from farm_reports.judge.case import Case
from farm_reports.judge.compared import versus
from farm_reports.judge.conditions import throttle
from farm_reports.judge.doubts import doubts
from farm_reports.judge.energy import figures as energies
from farm_reports.judge.evidence import Evidence
from farm_reports.judge.figures import cpu_ms, latency, of_launches
from farm_reports.judge.limits import checks, fit
from farm_reports.judge.screened import shown
from farm_reports.judge.soaked import soaked
from farm_reports.judge.state import state
from farm_reports.parts import Value
from farm_reports.results import Accuracy, Cell, Fit, Launches, Point

ABSENT = "not reported by the agent"


def judged(case: Case) -> list[Cell]:
    """All cells, in the order of the plan."""
    return [
        _fitted(case, evidence, shown(case, evidence, _cell(case, evidence))) for evidence in case.evidence.values()
    ]


def point(key: str) -> Point:
    """A point from the text that names it."""
    provider, runtime, cpus, threads, pin, mode, pace = key.split("/")
    return Point(
        provider=provider,
        runtime=runtime,
        cpus=cpus,
        threads=None if threads == "auto" else int(threads),
        pin=pin,
        mode=mode,
        pace_hz=None if pace == "tight" else float(pace.removesuffix("Hz")),
    )


def _cell(case: Case, evidence: Evidence) -> Cell:
    board, variant, key = evidence.key
    word, reason = state(case, evidence)
    absent = ABSENT if evidence.valid else reason or "no valid launch"
    return Cell(
        board=board,
        variant=variant,
        point=point(key),
        point_key=key,
        state=word,
        reason=reason,
        fit=Fit(verdict="not_measured"),
        launches=Launches(valid=evidence.valid, dropped=evidence.dropped, lost=evidence.lost),
        iterations=sum(launch.n or 0 for launch in evidence.used),
        latency_ms=latency(evidence, absent, absolute=not case.tables.compare),
        load_ms=_fact(evidence, "load_ms", absent),
        first_ms=_fact(evidence, "first_ms", absent),
        cpu_ms_per_inference=cpu_ms(evidence, absent),
        peak_rss_bytes=_fact(evidence, "peak_memory", absent),
        **energies(evidence, absent),
        soak=soaked(evidence),
        accuracy=_accuracy(case, evidence),
        throttle=throttle(evidence, case.calibration(board)),
        findings=doubts(case, evidence),
        versus_baseline=versus(case, evidence, word),
    )


def _fitted(case: Case, evidence: Evidence, cell: Cell) -> Cell:
    return cell.model_copy(update={"fit": fit(checks(case, evidence, cell))})


def _fact(evidence: Evidence, name: str, absent: str) -> Value:
    """A value of each launch; where none has it, the reason the agent gave."""
    told = (launch.facts.get(f"{name}_reason") for launch in evidence.used)
    reasons = (reason for reason in told if reason and isinstance(reason, str))
    return of_launches(evidence.fact(name).values(), next(reasons, absent))


def _accuracy(case: Case, evidence: Evidence) -> Accuracy:
    board, variant, _ = evidence.key
    score = case.tables.scores.get((board, variant))
    if score is None:
        return Accuracy(metric=None, value=None, reason="not evaluated")
    return Accuracy.model_validate(dict(score))
