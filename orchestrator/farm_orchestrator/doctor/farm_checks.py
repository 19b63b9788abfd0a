"""What must hold on the orchestrator's machine: facts in, findings out."""

from collections.abc import Callable

from farm_orchestrator.doctor.amounts import counted, size, span, version
from farm_orchestrator.doctor.farm_facts import FarmFacts
from farm_orchestrator.doctor.finding import REINSTALL, Answer, fault, ok, warning
from farm_orchestrator.doctor.folders import NETWORK, Folder

Check = tuple[str, Callable[[FarmFacts], Answer | None]]

PYTHON_FLOOR = (3, 11)
ROOM_FLOOR = 100e6  # a run's samples and transcripts
ROOM_WANTED = 1e9
STEP_S = 0.5  # NTP slews by far less while the doctor looks
AHEAD_S = 60.0
OLD_REDIS = (6, 2)


def python(facts: FarmFacts) -> Answer:
    if facts.python < PYTHON_FLOOR:
        return fault(f"Python {version(facts.python)}", "the orchestrator needs 3.11 or newer",
                     "install benchfarm into a newer Python: `python3.11 -m venv .venv && .venv/bin/pip install benchfarm`")  # fmt: skip
    return ok(f"Python {version(facts.python)}")


def runtime(facts: FarmFacts) -> Answer:
    """Variants are read and tried here before any board sees them."""
    found = facts.runtime
    if "error" in found:
        return fault("numpy and onnxruntime do not work in this Python", found["error"], REINSTALL)
    return ok(f"onnxruntime {found['onnxruntime']}, numpy {found['numpy']}")


def settings(facts: FarmFacts) -> Answer:
    if facts.refused:
        return fault(
            facts.refused.text,
            "nothing that needs settings was looked at",
            facts.refused.mend or "mend that line; `farm schema config` says what may stand there",
        )
    where = facts.settings and facts.settings.home
    return ok(f"state in {where}")


def state(facts: FarmFacts) -> Answer | None:
    return _place(facts.state, "FARM_HOME") if facts.state else None


def room(facts: FarmFacts) -> Answer | None:
    """The state folder holds copies of models, the runs' folder the samples."""
    if not facts.state or not facts.runs:
        return None
    folder = min(facts.state, facts.runs, key=lambda one: one.free)
    left = f"{size(folder.free)} free for {folder.path}"
    mend = f"make room there: `du -sh {facts.state.path}/* {facts.runs.path}/* | sort -h`"
    if folder.free < ROOM_FLOOR:
        return fault(left, "a run would end in the middle; what was committed is safe", mend)
    if folder.free < ROOM_WANTED:
        return warning(left, "copies of models and every run's samples go there", mend)
    return ok(left)


def runs(facts: FarmFacts) -> Answer | None:
    return _place(facts.runs, "FARM_RUNS") if facts.runs else None


def clock(facts: FarmFacts) -> Answer:
    """Leases and the order of runs are told by the wall clock; durations never are."""
    seen, stored = facts.clock, facts.database.runs if facts.database else ()
    newest = max((run.created for run in stored), default=0.0)
    why = "leases on boards and the order of runs are told by it; no result is"
    mend = "`sudo timedatectl set-ntp true`"
    if abs(seen.stepped_s) > STEP_S:
        return warning(f"the clock jumped by {span(seen.stepped_s)} while the doctor looked", why, mend)
    if newest > seen.now + AHEAD_S:
        return warning(f"the clock was set back: the newest run was made {span(newest - seen.now)} from now", why, mend)
    if seen.installed > seen.now + 86400:
        return warning(
            f"the clock is wrong: benchfarm was installed {span(seen.installed - seen.now)} from now", why, mend
        )
    return ok("steady, ahead of all that is stored")


def broker(facts: FarmFacts) -> Answer | None:
    seen = facts.broker
    if seen is None:
        return None
    if seen.folder:
        return _place(seen.folder, "FARM_BROKER")
    redis = f"Redis {seen.version or '(it does not say which)'} at {seen.where}"
    if seen.error:
        return fault(f"the Redis at {seen.where} does not serve", seen.error,
                     seen.mend or "start it, or leave `broker` out: then a folder in .farm carries the hints")  # fmt: skip
    if seen.open_to:
        return warning(f"{redis} lets anyone in", f"it listens on {seen.open_to} and asks for no password",
                       "`redis-cli CONFIG SET protected-mode yes`, or a password: `requirepass` in redis.conf, and it in FARM_BROKER")  # fmt: skip
    if seen.version and tuple(map(int, seen.version.split(".")[:2])) < OLD_REDIS:
        return warning(f"{redis} is old", "farm is tried with 6.2 and newer", "update that Redis")
    return ok(redis)


def store(facts: FarmFacts) -> Answer | None:
    seen = facts.database
    if seen is None:
        return None
    if seen.error:
        return fault(seen.error.text, None, seen.error.mend)
    if seen.filesystem in NETWORK:
        return warning(f"{seen.path} lies on {seen.filesystem}", "SQLite's locks do not hold between machines there",
                       "set FARM_HOME to a folder on a local disk")  # fmt: skip
    return ok(
        f"{seen.path.name}, {counted(len(seen.runs), 'run')}" if seen.exists else "none yet; the first run makes it"
    )


def unfinished(facts: FarmFacts) -> Answer | None:
    """A command that was killed cannot say so; its run stays open."""
    if facts.database is None or facts.database.error:
        return None
    left = [run for run in facts.database.runs if run.state == "open" and not run.attached and not run.cancel]
    busy = [run.id for run in facts.database.runs if run.attached]
    if left:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        return warning(f"run {left[0].id}{more} was left unfinished", "its command was killed; what was measured is safe",
                       f"`farm run --resume {left[0].id}`")  # fmt: skip
    return ok(f"run {busy[0]} is being measured now" if busy else "nothing left over")


def ssh(facts: FarmFacts) -> Answer:
    seen = facts.ssh
    missing = [name for name, there in (("ssh", seen.client), ("ssh-keygen", seen.keygen)) if not there]
    if missing:
        answer = fault if seen.needed else warning
        return answer(f"no `{'` and no `'.join(missing)}` on this machine", "boards are reached as OpenSSH has it configured",
                      "`sudo apt-get install openssh-client`")  # fmt: skip
    if seen.refuses:
        return fault("ssh refuses its configuration", seen.refuses, "mend it there, then try: `ssh -G board`")
    if seen.unreadable:
        return warning(f"{', '.join(seen.unreadable)} cannot be read", "the host keys in it count as unknown",
                       f"`chmod u+r {seen.unreadable[0]}`")  # fmt: skip
    if seen.agent == -1:
        return warning("SSH_AUTH_SOCK names an agent that does not answer", "keys with a passphrase cannot be used",
                       "`eval $(ssh-agent) && ssh-add`")  # fmt: skip
    keys = "no agent" if seen.agent is None else f"agent with {counted(seen.agent, 'key')}"
    return ok(f"{(seen.client or '').partition(',')[0]}, {keys}")


def inventory(facts: FarmFacts) -> Answer | None:
    if facts.inventory:
        file = facts.settings.inventory if facts.settings else None
        tabs = f"`sed -i 's/\\t/  /g' {file}`" if "a tab cannot indent" in facts.inventory.text else None
        mend = tabs or "mend that line; `farm schema inventory` says what may stand there"
        return fault(facts.inventory.text, "no board was looked at", facts.inventory.mend or mend)
    if facts.settings is None:
        return None
    if facts.settings.inventory is None:
        return ok(f"none; {counted(facts.boards, 'board')}")
    return ok(f"{facts.settings.inventory.name}, {counted(facts.boards, 'board')} chosen")


def lab(facts: FarmFacts) -> Answer | None:
    if facts.lab is None:
        return None
    if facts.lab.down or not facts.lab.finished:
        down = f"virtual boards that are down: {', '.join(facts.lab.down)}"
        what = down if facts.lab.down else "a lab that was never finished"
        return warning(what, "left over from `farm lab up`", "`farm lab down`")
    return ok("its virtual boards run")


def _place(folder: Folder, setting: str) -> Answer:
    other = f"or set {setting} to a folder of yours"
    if not folder.is_folder:
        return fault(f"{folder.stands} is no folder", f"{folder.path} cannot be made", f"move it away, {other}")
    if not folder.writable:
        return fault(f"{folder.path} cannot be written", None if folder.made else f"{folder.stands} belongs to somebody else, or is read-only",
                     f"give this user the right to write there (`ls -ld {folder.stands}`), {other}")  # fmt: skip
    return ok(str(folder.path) if folder.made else f"{folder.path}, made when needed")


CHECKS: tuple[Check, ...] = (
    ("python", python),
    ("runtime", runtime),
    ("settings", settings),
    ("state", state),
    ("runs", runs),
    ("disk", room),
    ("clock", clock),
    ("broker", broker),
    ("store", store),
    ("leftovers", unfinished),
    ("lab", lab),
    ("ssh", ssh),
    ("inventory", inventory),
)
