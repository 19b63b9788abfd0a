"""What must hold of the Redis and the database that several machines share: facts in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from farm_orchestrator.doctor.amounts import counted, span
from farm_orchestrator.doctor.farm_facts import FarmFacts
from farm_orchestrator.doctor.finding import Answer, fault, ok, warning

Check = tuple[str, Callable[[FarmFacts], Answer | None]]

SLOW_S = 0.05  # a question of the database, or of the Redis: leases are renewed and launches committed by such
OFF_S = 5.0  # this machine's clock dates its logs; leases and the order of runs go by the server's
FEW = 20  # connections: two more workers
EVERYTHING = "default"  # the account of whoever names none
KEPT = "noeviction"
SHOWN = 3
NO_BEAT = "runs that nobody watches are neither looked after nor reported, and no night begins"


def broker_tls(facts: FarmFacts) -> Answer | None:
    seen = facts.broker
    if seen is None or seen.folder or seen.error:
        return None
    if seen.remote and not seen.tls:
        return warning(f"the way to {seen.where} is open", "whoever listens reads the password, and may send hints of his own",
                       "give that Redis a certificate (`tls-port`), then `broker: rediss://...?ssl_ca_certs=FILE`")  # fmt: skip
    return ok("encrypted" if seen.tls else "on this machine alone")


def broker_user(facts: FarmFacts) -> Answer | None:
    """Hints need few commands and one prefix of keys."""
    seen = facts.broker
    if seen is None or seen.folder or seen.error or seen.user is None:
        return None
    if seen.user == EVERYTHING and seen.remote:
        return warning(f"the farm is {EVERYTHING} there", "that account may do everything; hints need little",
                       "an account of the commands that hints need: SECURITY.md has its `ACL SETUSER` line")  # fmt: skip
    return ok(f"account {seen.user}")


def broker_memory(facts: FarmFacts) -> Answer | None:
    """Where it may throw keys away, a queue is one of them."""
    seen = facts.broker
    if seen is None or seen.policy is None:
        return None
    if seen.policy != KEPT:
        return warning(f"it throws keys away when it is full ({seen.policy})", "hints would vanish; boards then wait for the next one",
                       f"`redis-cli CONFIG SET maxmemory-policy {KEPT}`")  # fmt: skip
    return ok("it keeps what it is given")


def database(facts: FarmFacts) -> Answer | None:
    if facts.fleet is None:
        return None
    seen = facts.fleet.server
    if seen.error:
        return fault(seen.error.text, None, seen.error.mend)
    return ok(f"PostgreSQL {seen.version} at {seen.place}, {counted(len(facts.fleet.runs), 'run')}")


def schema(facts: FarmFacts) -> Answer | None:
    """One migration behind, or ahead."""
    if facts.fleet is None or facts.fleet.server.error:
        return None
    found, head = facts.fleet.server.revision, facts.fleet.head
    if found == head:
        return ok(f"schema {found}")
    if found is None:
        return fault("it has no tables yet", None, "`farm store upgrade`, as a role that may make them")
    if found < head:
        return fault(f"its tables are of schema {found}, this farm needs {head}", "no run can be read or made",
                     "end the workers of the older farm, then `farm store upgrade` once")  # fmt: skip
    return fault(f"its tables are of schema {found}, this farm knows {head}", "a newer farm has brought them there",
                 "`pip install -U benchfarm`")  # fmt: skip


def database_tls(facts: FarmFacts) -> Answer | None:
    if facts.fleet is None or facts.fleet.server.error:
        return None
    seen = facts.fleet.server
    if seen.remote and not seen.tls:
        return warning(f"the way to {seen.place} is open", "models, results and the password go over it",
                       "`ssl = on` in postgresql.conf, then `?sslmode=verify-full&sslrootcert=FILE` at the end of `store`")  # fmt: skip
    return ok("encrypted" if seen.tls else "on this machine alone")


def role(facts: FarmFacts) -> Answer | None:
    """A worker needs rows, and no more."""
    if facts.fleet is None or facts.fleet.server.error:
        return None
    seen = facts.fleet.server
    if seen.changes:
        return warning(f"the role {seen.role} may change tables", "a worker needs no more than their rows",
                       "`farm store upgrade --grant ROLE` as this role; then FARM_STORE with that ROLE for workers and commands")  # fmt: skip
    return ok(f"role {seen.role}, rows only")


def database_clock(facts: FarmFacts) -> Answer | None:
    if facts.fleet is None or facts.fleet.server.error:
        return None
    offset_s = facts.fleet.server.offset_s
    if abs(offset_s) > OFF_S:
        return warning(f"the server's clock is {span(abs(offset_s))} {'ahead of' if offset_s > 0 else 'behind'} this machine's",
                       "leases and the order of runs go by the server's; logs of this machine do not fit it",
                       "`sudo timedatectl set-ntp true` on both")  # fmt: skip
    return ok("the server's clock agrees with this machine's")


def latency(facts: FarmFacts) -> Answer | None:
    asked = {}
    if facts.broker is not None and facts.broker.latency_s is not None:
        asked["Redis"] = facts.broker.latency_s
    if facts.fleet is not None and not facts.fleet.server.error:
        asked["PostgreSQL"] = facts.fleet.server.latency_s
    if not asked:
        return None
    told = ", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in asked.items())
    if max(asked.values()) > SLOW_S:
        return warning(f"answers take long: {told}", "leases are renewed and launches committed by such questions",
                       "put the servers nearer to the workers, or see what else they do")  # fmt: skip
    return ok(told)


def connections(facts: FarmFacts) -> Answer | None:
    if facts.fleet is None or facts.fleet.server.error:
        return None
    left = facts.fleet.server.left
    if left < FEW:
        return warning(f"the database has {counted(left, 'connection')} left", "each worker and each command takes up to 11",
                       "raise max_connections in postgresql.conf, or run fewer workers")  # fmt: skip
    return ok(f"{left} connections left")


def workers(facts: FarmFacts) -> Answer | None:
    if facts.fleet is None or not facts.fleet.server.fits:
        return None
    seen = facts.fleet.workers
    others = sorted({each.version for each in seen} - {facts.fleet.version})
    if not seen:
        return warning("no worker lives", "runs wait until one does", "`farm worker --beat`, on a machine that reaches the boards")  # fmt: skip
    if others:
        return warning(f"workers of benchfarm {', '.join(others)} live, this is {facts.fleet.version}", "they would plan and judge differently",
                       f"`pip install 'benchfarm[shared]=={facts.fleet.version}'` there, and start them again")  # fmt: skip
    if not any(each.beats for each in seen):
        return warning("no worker beats", NO_BEAT, "end one of them and start it as `farm worker --beat`")
    pools, lanes = {each.pool for each in seen if each.boards}, sum(each.lanes for each in seen)
    hosts = sorted({each.host for each in seen})
    return ok(
        f"{counted(len(seen), 'worker')} on {_named(hosts)}, {counted(len(pools), 'pool')}, {counted(lanes, 'lane')}"
    )


def served(facts: FarmFacts) -> Answer | None:
    """Of the boards that were asked for."""
    if facts.fleet is None or not facts.fleet.workers:
        return None
    if facts.fleet.unserved:
        return warning(f"nobody serves {_named(facts.fleet.unserved)}", "what runs want of them waits",
                       f"a worker whose inventory has them: `farm worker --boards {facts.fleet.unserved[0]}`")  # fmt: skip
    return ok("every board has a worker")


def held(facts: FarmFacts) -> Answer | None:
    if facts.fleet is None or not facts.fleet.server.fits:
        return None
    if facts.fleet.held:
        name = facts.fleet.held[0].partition(" ")[0]
        return warning("; ".join(facts.fleet.held[:SHOWN]), "runs go without them",
                       f"`farm boards check {name}`, and where it is well `farm boards release {name}`")  # fmt: skip
    return ok("every board takes work")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


CHECKS: tuple[Check, ...] = (
    ("brokertls", broker_tls),
    ("account", broker_user),
    ("evictions", broker_memory),
    ("database", database),
    ("schema", schema),
    ("storetls", database_tls),
    ("role", role),
    ("storeclock", database_clock),
    ("connections", connections),
    ("latency", latency),
    ("workers", workers),
    ("served", served),
    ("held", held),
)
