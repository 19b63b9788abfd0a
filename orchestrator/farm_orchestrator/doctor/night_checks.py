"""What must hold of the nights: facts in, findings out."""

from __future__ import annotations

from collections.abc import Callable

from farm_orchestrator.doctor.amounts import counted
from farm_orchestrator.doctor.farm_facts import FarmFacts
from farm_orchestrator.doctor.finding import Answer, ok, warning

Check = tuple[str, Callable[[FarmFacts], Answer | None]]


def nights(facts: FarmFacts) -> Answer | None:
    """A directory matters where the nights begin: of a farm of several machines that may be another one."""
    refused = next((each for each in facts.nights if each.refused), None)
    missing = next((each for each in facts.nights if not each.here), None)
    if refused:
        return warning(f"the last night of {refused.name} could not begin", refused.refused,
                       f"mend that, then `farm nightly run {refused.name}`")  # fmt: skip
    if missing:
        return warning(f"the variants of the schedule {missing.name} are not on this machine: {missing.folder}",
                       "they must be there on the machine that begins its nights",
                       f"bring them there, or `farm nightly rm {missing.name}`")  # fmt: skip
    return ok(counted(len(facts.nights), "schedule")) if facts.nights else None


def heard(facts: FarmFacts) -> Answer | None:
    if not facts.nights or facts.settings is None:
        return None
    if not facts.settings.notify.ways:
        return warning("nobody is told what changes in a night", "farm.yaml has no `notify`",
                       "`notify: {command: [WORDS]}` in farm.yaml, or FARM_NOTIFY_WEBHOOK")  # fmt: skip
    return ok("somebody is told what changes")


CHECKS: tuple[Check, ...] = (("nights", nights), ("notify", heard))
