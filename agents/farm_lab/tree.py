"""The hardware of a virtual board, simulated or recorded: a /sys of plain files, with values that stand still."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from farm_agents.sysfs import cpu_list
from farm_lab.record import Entry, Record

FREQS_KHZ = (600_000, 1_000_000, 1_500_000, 1_800_000, 2_400_000)
GOVERNORS = ("performance", "powersave", "schedutil", "userspace")
TEMP_MC = 40_000
POWER_UW = 1_200_000
SUPPLY_MV = 5_000
MODEL = "benchfarm virtual board"
CPU = "sys/devices/system/cpu"
POLICY = f"{CPU}/cpufreq/policy0"
ZONE = "sys/devices/virtual/thermal/thermal_zone0"
COOLER = "sys/devices/virtual/thermal/cooling_device0"
METER = "sys/devices/platform/ina226/hwmon/hwmon0"
BOOT_ID = "proc/sys/kernel/random/boot_id"
METERS = (METER, "sys/class/hwmon/")
CLOSED = ("EACCES", "EPERM")
LINKS = {
    "sys/class/thermal/thermal_zone0": "../../devices/virtual/thermal/thermal_zone0",
    "sys/class/thermal/cooling_device0": "../../devices/virtual/thermal/cooling_device0",
    "sys/class/hwmon/hwmon0": "../../devices/platform/ina226/hwmon/hwmon0",
}


def generic(name: str, cpus: int) -> Record:
    """Everything may be written: the knobs by the agent, the sensors by what moves them."""
    links = {**LINKS, **_policy_links(cpus)}
    entries = {path: Entry(text=text, writable=True) for path, text in files(name, cpus).items()}
    return Record({**entries, **{path: Entry(link=target) for path, target in links.items()}})


def stock(name: str, cpus: int) -> Record:
    """As one buys them: the knobs are root's, and nothing measures power."""
    kept = {path: entry for path, entry in generic(name, cpus).entries.items() if not path.startswith(METERS)}
    closed = {path: replace(entry, writable=False) for path, entry in kept.items() if path.startswith(POLICY)}
    return Record({**kept, **closed})


def replay(root: Path, record: Record, name: str) -> None:
    """Writes a recorded tree below `root`, of a board called `name`; what is there already is written over."""
    for path, entry in record.entries.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear(place)
        _lay(place, entry)
    identity = _identity(name, 1)
    for path in ("proc/cpuinfo", "etc/machine-id"):  # level 1 binds them over the machine's own
        if path not in record.entries:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(identity[path])
    (root / "sys").mkdir(exist_ok=True)


def boot(root: Path) -> None:
    """Each start of a board has an id of its own."""
    place = root / BOOT_ID
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear(place)
    place.write_text(f"{uuid.uuid4()}\n")


def _lay(place: Path, entry: Entry) -> None:
    if entry.link is not None:
        place.symlink_to(entry.link)
    elif entry.error in CLOSED:
        place.symlink_to(place.name)  # to itself: nobody may open it, not even root
    elif entry.error is not None:
        place.mkdir()  # it is there, it may be opened, and reading it fails
    else:
        place.write_text(entry.text or "", "utf-8", newline="")
        place.chmod(0o644 if entry.writable else 0o444)


def _clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    place.unlink(missing_ok=True)


def cpus(record: Record) -> set[int]:
    """Those that are online; none where it does not say."""
    entry = record.entries.get(f"{CPU}/online")
    try:
        return set(cpu_list(entry.text or "")) if entry else set()
    except ValueError:
        return set()


def files(name: str, cpus: int) -> dict[str, str]:
    """Path below the root to content, as the kernel would print it."""
    tables = (_cpus(cpus), _policy(cpus), _thermal(), _meter())
    lines = {f"{folder}/{entry}": f"{value}\n" for table in tables for folder, rows in table.items()
             for entry, value in rows.items()}  # fmt: skip
    return {**lines, **_identity(name, cpus)}


def _cpus(cpus: int) -> Mapping[str, Mapping[str, object]]:
    every = _range(cpus)
    one = {f"{CPU}/cpu{cpu}": {"online": 1} for cpu in range(cpus)}
    return {CPU: {"online": every, "possible": every, "present": every}, **one}


def _policy(cpus: int) -> Mapping[str, Mapping[str, object]]:
    low, high = FREQS_KHZ[0], FREQS_KHZ[-1]
    members = " ".join(str(cpu) for cpu in range(cpus))
    policy = {
        "scaling_available_frequencies": " ".join(map(str, FREQS_KHZ)),
        "cpuinfo_min_freq": low, "cpuinfo_max_freq": high, "cpuinfo_cur_freq": high,
        "scaling_min_freq": low, "scaling_max_freq": high, "scaling_cur_freq": high,
        "scaling_governor": "schedutil", "scaling_available_governors": " ".join(GOVERNORS),
        "scaling_driver": "cpufreq-dt", "scaling_setspeed": "<unsupported>",
        "affected_cpus": members, "related_cpus": members,
    }  # fmt: skip
    times = "\n".join(f"{freq} {0 if freq < high else 1000}" for freq in FREQS_KHZ)
    return {POLICY: policy, f"{POLICY}/stats": {"total_trans": 0, "time_in_state": times}}


def _thermal() -> Mapping[str, Mapping[str, object]]:
    zone = {
        "type": "cpu-thermal", "temp": TEMP_MC, "mode": "enabled", "policy": "step_wise",
        "trip_point_0_temp": 60_000, "trip_point_0_type": "passive",
        "trip_point_1_temp": 85_000, "trip_point_1_type": "critical",
    }  # fmt: skip
    return {ZONE: zone, COOLER: {"type": "cpufreq-cpu0", "max_state": len(FREQS_KHZ) - 1, "cur_state": 0}}


def _meter() -> Mapping[str, Mapping[str, object]]:
    current_ma = POWER_UW // SUPPLY_MV
    rows = {"name": "ina226", "power1_input": POWER_UW, "in1_input": SUPPLY_MV, "curr1_input": current_ma,
            "temp1_input": TEMP_MC}  # fmt: skip
    return {METER: rows}


def _identity(name: str, cpus: int) -> dict[str, str]:
    cores = "".join(f"processor\t: {cpu}\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n" for cpu in range(cpus))
    devicetree = "sys/firmware/devicetree/base"
    return {
        f"{devicetree}/model": f"{MODEL} {name}\0",
        f"{devicetree}/compatible": "benchfarm,virtual\0",
        "proc/cpuinfo": f"{cores}Model\t\t: {MODEL} {name}\n",
        "etc/machine-id": f"{name.encode().hex():0>32.32}\n",
    }


def _policy_links(cpus: int) -> dict[str, str]:
    return {f"{CPU}/cpu{cpu}/cpufreq": "../cpufreq/policy0" for cpu in range(cpus)}


def _range(cpus: int) -> str:
    return "0" if cpus == 1 else f"0-{cpus - 1}"
