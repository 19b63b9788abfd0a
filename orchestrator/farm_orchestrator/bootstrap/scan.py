"""What a board is, asked in plain sh: it may have no Python at all."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from farm_orchestrator.errors import BoardError
from farm_orchestrator.model import Json
from farm_orchestrator.transport import Channel

SCAN_S = 60.0
LINE_LIMIT = 20_000  # characters
PYTHONS = (
    "python3 python3.8 python3.9 python3.10 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3 "
    "/usr/local/bin/python3.? /usr/local/bin/python3.?? /opt/*/bin/python3 $HOME/.local/bin/python3 $HOME/.pyenv/versions/*/bin/python3"
)
# Of one interpreter: version, kind, bits, ABI flags, whether numpy and onnxruntime are there, its own idea of its path.
ASK = (
    'import sys,struct;from importlib.util import find_spec as f;print("%d.%d.%d"%sys.version_info[:3],'
    'sys.implementation.name,struct.calcsize("P")*8,getattr(sys,"abiflags","")or"-",'
    'int(all(map(f,("numpy","onnxruntime")))),sys.executable)'
)
ELSEWHERE = "$HOME /var/tmp /opt"
MACHINES = {3: "x86", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}  # e_machine of an ELF file
LOGIN = re.compile(r"\d+ \(.*\) \S(?: -?\d+){18} (?P<start>\d+) ")  # /proc/<pid>/stat up to field 22
END = "end=farm.scan"

# First of all how old this shell is: `exec` keeps the age of the login shell that it replaced.
SCRIPT = (
    r"""
exec 2>/dev/null
case $BASE in /*) ;; *) BASE=$PWD/$BASE;; esac
say() { printf '%s=%s\n' "$1" "$2"; }
text() { for f in "$@"; do [ -r "$f" ] && tr -d '\000' <"$f" && return; done; }
printf '\nbegin=farm.scan\n'
read -r up rest </proc/uptime; say uptime "$up"
read -r stat </proc/$$/stat; say stat "$stat"
say ticks "$(getconf CLK_TCK || echo 100)"
say time "$(date +%s)"
say system "$(uname -s)"; say machine "$(uname -m)"; say kernel "$(uname -r)"
say elf "$(dd if=/bin/sh bs=1 count=20 | od -An -v -tu1 | tr '\n' ' ')"
say bits "$(getconf LONG_BIT)"
libc=$(getconf GNU_LIBC_VERSION) || libc=$(ldd --version 2>&1 | head -n 2 | tr '\n' ' ')
say libc "$libc"
say model "$(text "$ROOT/proc/device-tree/model" "$ROOT/sys/firmware/devicetree/base/model" | head -n 1)"
m=$ROOT/proc/meminfo; [ -r "$m" ] || m=/proc/meminfo
while read -r key kb rest; do case $key in
MemTotal:) say memory "$kb";; MemAvailable:) say available "$kb";; esac; done <"$m"
say cpus "$(nproc || getconf _NPROCESSORS_ONLN)"
say parts "$(for f in "$ROOT/proc/cpuinfo" /proc/cpuinfo; do [ -r "$f" ] &&
  sed -n 's/^CPU part.*0x/0x/p' "$f" | sort -u | tr '\n' ' ' && break; done)"
say tools "$(for t in tar gzip sha256sum; do command -v $t >/dev/null && printf '%s ' $t; done)"
sudo -n true </dev/null && say sudo yes
say user "$(id -un)"; say groups "$(id -Gn)"; say home "$HOME"
say boot "$(text "$ROOT/proc/sys/kernel/random/boot_id" /proc/sys/kernel/random/boot_id)"
look() {
  d=$2
  while [ ! -d "$d" ]; do case $d in /*/*|[!/]*/*) d=${d%/*};; /*) d=/;; *) d=.;; esac; done
  [ -w "$d" ] && w=yes || w=no
  df -Pk "$d" | { read -r head; read -r fs total used free percent mount
    o=-; while read -r dev at type options rest; do [ "$at" = "$mount" ] && o="$type $options"; done </proc/mounts
    say "$1" "$total $free $w $(stat -c %d:%i "$d" || echo -) $o|${2#"$d"}|$2"; }
}
look base "$BASE"
for d in ELSEWHERE; do look other "$d"; done
for p in "$PYTHON" "$BASE/python/bin/python3" PYTHONS; do
  path=$(command -v "$p") || continue
  case $path in */shims/python3.*) continue;; esac  # of a version manager: slow, and its Pythons are found below
  case " $seen " in *" $path "*) continue;; esac
  seen="$seen $path"
  say python "$("$path" -I -c 'ASK' </dev/null || echo -)|$path"
done
for f in "$BASE"/runtimes/*.json; do [ -r "$f" ] && say runtime "${f##*/} $(head -c 16384 "$f" | tr -d '\n')"; done
say end farm.scan
""".replace("PYTHONS", PYTHONS)
    .replace("ELSEWHERE", ELSEWHERE)
    .replace("ASK", ASK)
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that was found; `version` None where it does not start.

    `executable`: its own idea of its path, behind wrappers and links of version managers. `runtime`: it has numpy and
    onnxruntime of its own. `threads`: a build without the GIL, which takes other wheels.
    """

    path: str
    version: tuple[int, ...] | None
    kind: str | None = None
    bits: int | None = None
    threads: bool = False
    runtime: bool = False
    executable: str | None = None

    @property
    def minor(self) -> tuple[int, int]:
        """(0, 0) where it does not start."""
        return (self.version[0], self.version[1]) if self.version else (0, 0)


@dataclass(frozen=True)
class Room:
    """A folder, or the nearest one above it that exists: sizes in bytes, None where the board does not say.

    `inode`: device and inode of that folder, which with what is `missing` of the path tells two names of one place.
    """

    path: str
    missing: str
    total: int | None
    free: int | None
    writable: bool
    inode: str | None
    filesystem: str | None
    options: tuple[str, ...] = ()

    @property
    def noexec(self) -> bool:
        return "noexec" in self.options

    @property
    def read_only(self) -> bool:
        return "ro" in self.options


@dataclass(frozen=True)
class Scan:
    """What the board said; None where it did not.

    `machine`: the kernel's word; `arch`, `bits`: of the userland. `parts`: of Arm processors. `tools`: the commands
    found of those needed. `runtimes`: documents of the runtimes that lie there, by name. `shell_s`: what the login shell took before the
    command began. `libc`: ("glibc", (2, 36)) or ("musl", ...). `pythons`: the inventory's first, then the PATH's.
    """

    time: float | None
    shell_s: float | None
    system: str | None
    machine: str | None
    kernel: str | None
    arch: str | None
    bits: int | None
    libc: tuple[str, tuple[int, ...]] | None
    model: str | None
    memory: int | None
    available: int | None
    cpus: int | None
    user: str | None
    groups: tuple[str, ...]
    home: str | None
    boot_id: str | None
    base: Room
    others: tuple[Room, ...]
    pythons: tuple[Interpreter, ...]
    parts: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    sudo: bool = False
    runtimes: Mapping[str, Json] = field(default_factory=dict)


def scan(channel: Channel, spec: Json) -> Scan:
    """Writes nothing on the board. Raises BoardError where it has no shell that answers."""
    done = channel.exec(["sh", "-s"], stdin=script(channel.base, spec).encode(), timeout_s=SCAN_S)
    found = parse(done.out.decode("utf-8", "replace"))
    if found is None:
        said = (done.err or done.out).decode("utf-8", "replace").strip()[-300:]
        raise BoardError(
            channel_board(spec),
            f"board {channel_board(spec)!r}: its shell did not answer (exit code {done.rc}): {said or 'nothing was said'}",
            mend="the account needs a POSIX `sh`; try: ssh BOARD sh -c true",
        )
    return found


def channel_board(spec: Json) -> str:
    return str(spec["name"])


def script(base: str, spec: Json) -> str:
    """What goes to `sh -s`: the board's own values first, quoted."""
    root = str(spec.get("sysroot") or "/").rstrip("/")
    values = {"BASE": base, "ROOT": root, "PYTHON": str(spec.get("python") or "python3")}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + SCRIPT


def parse(text: str) -> Scan | None:
    """None for an answer that is torn, or none at all; what a login shell printed before it is skipped."""
    lines = [_plain(line) for line in text.partition("\nbegin=farm.scan\n")[2].split("\n")]
    if END not in lines:
        return None
    try:
        return _scan(lines[: lines.index(END)])
    except (ValueError, IndexError):  # a line that this script does not print
        return None


def _plain(line: str) -> str:
    """What a board says must not move a cursor, nor be endless."""
    return "".join(c if c.isprintable() else " " for c in line[:LINE_LIMIT])


def _scan(lines: Sequence[str]) -> Scan:
    """Raises ValueError, IndexError."""
    pairs = [line.partition("=")[::2] for line in lines]
    said = {key: value.strip() for key, value in pairs}
    elf = [int(byte) for byte in said.get("elf", "").split() if byte.isdigit()]
    rooms = {key: [_room(value) for name, value in pairs if name == key] for key in ("base", "other")}
    return Scan(
        time=_float(said.get("time")),
        shell_s=_age(said),
        system=said.get("system") or None,
        machine=said.get("machine") or None,
        kernel=said.get("kernel") or None,
        arch=_arch(elf),
        bits={1: 32, 2: 64}.get(elf[4]) if len(elf) == 20 else _int(said.get("bits")),
        libc=_libc(said.get("libc", "")),
        model=said.get("model") or None,
        memory=_kb(said.get("memory")),
        available=_kb(said.get("available")),
        cpus=_int(said.get("cpus")),
        user=said.get("user") or None,
        groups=tuple(said.get("groups", "").split()),
        home=said.get("home") or None,
        boot_id=said.get("boot") or None,
        base=rooms["base"][0],
        others=tuple(rooms["other"]),
        pythons=tuple(_pythons([value for key, value in pairs if key == "python"])),
        parts=tuple(said.get("parts", "").split()),
        tools=tuple(said.get("tools", "").split()),
        sudo=said.get("sudo") == "yes",
        runtimes=dict(_runtimes([value for key, value in pairs if key == "runtime"])),
    )


def _age(said: dict[str, str]) -> float | None:
    """Seconds from the start of the login shell to the first line of the script."""
    started, ticks, uptime = LOGIN.match(said.get("stat", "")), _int(said.get("ticks")), _float(said.get("uptime"))
    if not started or not ticks or uptime is None:
        return None
    age = uptime - int(started["start"]) / ticks
    return age if age >= 0 else None  # a container may count its uptime from its own start


def _arch(elf: list[int]) -> str | None:
    """Of /bin/sh: what runs, whatever kernel is below it."""
    if len(elf) != 20 or elf[:4] != [127, 69, 76, 70]:
        return None
    low, high = elf[18:] if elf[5] == 1 else reversed(elf[18:])
    return MACHINES.get(low + 256 * high, f"machine {low + 256 * high}")


def _libc(text: str) -> tuple[str, tuple[int, ...]] | None:
    """Of `glibc 2.36`, `ldd (Debian GLIBC 2.36-9) 2.36` or `musl libc (aarch64) Version 1.2.4`."""
    version = re.search(r"(?:Version|glibc|GLIBC)\s+(\d{1,4}(?:\.\d{1,4})+)", text)
    name = "musl" if "musl" in text else "glibc" if "glibc" in text.lower() else None
    return (name, tuple(map(int, version[1].split(".")))) if name and version else None


def _room(text: str) -> Room:
    facts, missing, path = text.split("|", 2)
    total, free, writable, inode, *mount = facts.split()
    kind, options = mount if len(mount) == 2 else (None, "")
    return Room(path, missing, _kb(total), _kb(free), writable == "yes", None if inode == "-" else inode, kind,
                tuple(options.split(",")) if options else ())  # fmt: skip


def _pythons(lines: Sequence[str]) -> Iterator[Interpreter]:
    for line in lines:
        said, _, path = line.partition("|")
        facts = said.split(maxsplit=5)
        if len(facts) < 6:
            yield Interpreter(path, None)
        else:
            version, kind, bits, flags, runtime, executable = facts
            yield Interpreter(path, _version(version), kind, _int(bits), "t" in flags, runtime == "1", executable)


def _version(text: str) -> tuple[int, ...] | None:
    return tuple(map(int, text.split("."))) if re.fullmatch(r"\d{1,4}(\.\d{1,4}){1,3}", text) else None


def _runtimes(lines: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """Those whose document can be read: a spoilt one counts as absent."""
    for line in lines:
        file, _, text = line.partition(" ")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            yield file.removesuffix(".json"), document


def _kb(text: str | None) -> int | None:
    number = _int(text)
    return None if number is None else number * 1024


def _int(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"-?\d{1,18}", text) else None


def _float(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,18}(\.\d+)?", text) else None
