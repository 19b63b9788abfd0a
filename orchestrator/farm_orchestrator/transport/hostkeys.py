"""Whether a host key may be trusted: pinned in the inventory, enrolled in the project, or known to OpenSSH."""

from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator.errors import HostKeyChanged, HostKeyUnknown, UsageError, typed
from farm_orchestrator.model import Json
from farm_orchestrator.transport import OfferedKey, known_hosts
from farm_orchestrator.transport.known_hosts import Recorded

FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
RSA = "ssh-rsa"


@dataclass(frozen=True)
class Trust:
    """What is known of a machine before it is asked."""

    spec: Json
    name: str
    files: tuple[str, ...]
    records: tuple[Recorded, ...]

    @property
    def keys(self) -> tuple[Recorded, ...]:
        return tuple(record for record in self.records if not record.marker)


def label(spec: Json) -> str:
    """How messages call a machine on the way to a board."""
    return (
        f"gateway {spec['name']!r} (on the way to board {spec['for']!r})"
        if "for" in spec
        else f"board {spec['name']!r}"
    )


def board_of(spec: Json) -> str:
    return str(spec.get("for", spec["name"]))


def lookup_name(spec: Json) -> str:
    """The name a key is recorded under: HostKeyAlias, else the host, with its port where that is not 22."""
    if spec["ssh"]["alias"]:
        return str(spec["ssh"]["alias"])
    host = str(spec["host"]).lower()
    return host if spec["port"] == 22 else f"[{host}]:{spec['port']}"


def trust(spec: Json, farm_home: Path | None) -> Trust:
    """Reads the records: the project's, the user's, the machine's. A host without its port counts where nothing else does."""
    name = lookup_name(spec)
    project = [str(farm_home / "known_hosts")] if farm_home else []
    files = (*project, *spec["ssh"]["known_hosts"])
    records = known_hosts.find(name, files)
    if name.startswith("[") and not any(not record.marker for record in records):
        records += known_hosts.find(str(spec["host"]).lower(), files)
    return Trust(spec, name, files, tuple(records))


def wanted_kinds(known: Trust) -> list[tuple[str, ...]]:
    """Lists of key types to ask for, one connection each, until one fits.

    As OpenSSH does, the types on record come first: a board with three keys shows the one that is known. A pinned
    fingerprint does not say its type, so each family is asked for alone.
    """
    if known.spec.get("fingerprint"):
        return list(FAMILIES)
    kinds = {record.key.kind for record in known.keys}
    every = [kind for family in FAMILIES for kind in family]
    first = [kind for kind in every if kind in kinds or (RSA in kinds and kind.startswith("rsa-"))]
    return [tuple(first + [kind for kind in every if kind not in first])]


def check(known: Trust, key: OfferedKey) -> None:
    """Returns where the key may be trusted; raises HostKeyUnknown or HostKeyChanged, which say what to do."""
    _refuse_revoked(known, key)
    pinned = known.spec.get("fingerprint")
    if pinned:
        if key.fingerprint != pinned:
            raise _not_pinned(known, key, str(pinned))
    elif not known.keys:
        raise _unknown(known, key)
    elif not any(record.key.text == key.text for record in known.keys):
        raise _changed(known, key)


def enroll(farm_home: Path, spec: Json, expected_fingerprint: str | None) -> OfferedKey:
    """Records the key the machine offers in the project's known_hosts, and nowhere else.

    With `expected_fingerprint` only that key is recorded, whichever of the machine's keys it is; another one raises
    HostKeyChanged.
    """
    from farm_orchestrator.transport.connect import offered_keys

    known = trust(spec, farm_home)
    offered = []
    for key in offered_keys(spec, farm_home):
        if expected_fingerprint in (None, key.fingerprint):
            _refuse_revoked(known, key)
            known_hosts.add(farm_home / "known_hosts", known.name, key)
            return key
        offered.append(f"{key.kind} {key.fingerprint}")
    raise HostKeyChanged(
        board_of(spec),
        f"{label(spec)} does not offer the key {expected_fingerprint}, but {', '.join(offered)}; nothing was recorded",
        mend="read the fingerprint on the board itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    )


def _refuse_revoked(known: Trust, key: OfferedKey) -> None:
    lists = known.spec["ssh"]["revoked_keys"]
    where = [f"{r.file}:{r.line}" for r in known.records if r.marker == "REVOKED" and r.key.text == key.text]
    if lists and known_hosts.revoked(lists, key):
        where.append(f"{lists} (RevokedHostKeys)")
    if where:
        raise HostKeyChanged(
            board_of(known.spec),
            f"{label(known.spec)} offers a host key that is revoked: {key.kind} {key.fingerprint}, see {', '.join(where)}",
            mend="give the machine a new host key, or take the record away if it is wrong",
        )


def _not_pinned(known: Trust, key: OfferedKey, pinned: str) -> HostKeyChanged:
    if not pinned.startswith("SHA256:"):
        raise UsageError(
            f"{label(known.spec)}: fingerprint {pinned!r} is none",
            mend="write it as ssh-keygen -l shows it: SHA256:...",
        )
    return HostKeyChanged(
        board_of(known.spec),
        f"{label(known.spec)} offers the host key {key.kind} {key.fingerprint}, but the inventory pins {pinned}",
        mend="if the board was set up anew, write its new fingerprint into the inventory; "
        "if not, somebody may stand between you and it",
    )


def _changed(known: Trust, key: OfferedKey) -> HostKeyChanged:
    recorded = ", ".join(f"{r.key.kind} {r.key.fingerprint} ({r.file}:{r.line})" for r in known.keys)
    return HostKeyChanged(
        board_of(known.spec),
        f"{label(known.spec)} offers another host key than the one on record for {known.name}\n"
        f"  offered:  {key.kind} {key.fingerprint}\n  recorded: {recorded}",
        mend=f"if it was set up anew, compare the fingerprint on the machine itself, then run: {_remedy(known)}; "
        "if not, somebody may stand between you and it",
    )


def _unknown(known: Trust, key: OfferedKey) -> HostKeyUnknown:
    return HostKeyUnknown(
        board_of(known.spec),
        f"{label(known.spec)}: its host key {key.kind} {key.fingerprint} is not known: nothing is recorded for "
        f"{known.name} in {', '.join(known.files)}{_why_ssh_might(known)}",
        mend=f"compare the fingerprint on the machine itself, then run: {_remedy(known)}",
    )


def _remedy(known: Trust) -> str:
    if "for" in known.spec:
        return f"ssh {known.spec['name']} (farm reads what it records)"
    return f"farm boards enroll {typed(known.spec)}"


def _why_ssh_might(known: Trust) -> str:
    """Why ssh may connect where farm does not."""
    unread = list(known.spec["ssh"]["unread"])
    if any(record.marker == "CA" for record in known.records):
        unread.append("@cert-authority")
    if unread:
        return f" ({' and '.join(unread)}: farm does not read that; `fingerprint` in the inventory is another way out)"
    strict = known.spec["ssh"]["strict"]
    if strict not in ("ask", "yes", "true"):
        return f" (StrictHostKeyChecking {strict} does not count here)"
    return ""
