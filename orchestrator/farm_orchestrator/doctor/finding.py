"""What the doctor says: a state with its cause and the way to mend it."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from farm_orchestrator.model import Json

REINSTALL = "`python -m pip install --upgrade --force-reinstall benchfarm`"


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Answer:
    """`what` was seen, `why` it is so or matters, `mend`: what to do, a command where there is one."""

    state: State
    what: str
    why: str | None = None
    mend: str | None = None


@dataclass(frozen=True)
class Finding:
    """One line: `subject` is `orchestrator`, `fleet` or a board's name."""

    subject: str
    check: str
    state: State
    what: str
    why: str | None
    mend: str | None

    def to_json(self) -> Json:
        return asdict(self)


def ok(what: str) -> Answer:
    return Answer(State.OK, what)


def warning(what: str, why: str | None, mend: str | None) -> Answer:
    return Answer(State.WARNING, what, why, mend)


def fault(what: str, why: str | None, mend: str | None) -> Answer:
    return Answer(State.FAULT, what, why, mend)


def finding(subject: str, check: str, answer: Answer) -> Finding:
    return Finding(subject, check, answer.state, answer.what, answer.why, answer.mend)
