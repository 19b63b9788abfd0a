"""The address of a power meter outside the board, as it is written in the board's field `meter`."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from farm_inventory.problem import closest

PORTS = {"shelly": 80, "tasmota": 80, "scpi": 5025, "joulescope": 0}
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%a-z0-9]*")
WITH_PORT = re.compile(r"([^:]+|\[[^\]]*\])(:[0-9]*)?")
SERIAL = re.compile(r"[A-Za-z0-9-]{1,32}")
SHAPE = "KIND://HOST[:PORT][?channel=N], e.g. shelly://192.0.2.9; KIND is " + ", ".join(PORTS)
LOGIN = (
    "holds a login, and no secret belongs in a file: write KIND://HOST here, and "
    "`machine HOST login NAME password WORD` into ~/.netrc (chmod 600)"
)
CHANNELS = 99


@dataclass(frozen=True)
class MeterAddress:
    """`host`: of a Joulescope its serial number. `channel` None: the first, or the only one."""

    kind: str
    host: str
    port: int
    channel: int | None = None

    @property
    def name(self) -> str:
        """Of its readings: `meter.NAME.power`."""
        return self.kind if self.channel is None else f"{self.kind}-{self.channel}"


def meter_address(text: str) -> MeterAddress:
    """Raises ValueError, which tells no secret that `text` may hold."""
    if "@" in text:
        raise ValueError(LOGIN)
    kind, sign, rest = text.partition("://")
    host = re.split("[/?#]", rest if sign else text)[0]
    if not host or not sign:
        raise ValueError(f"must be {SHAPE}{_meant(_near('shelly', host))}")
    if kind not in PORTS:
        near = closest(kind, PORTS) or "shelly"
        raise ValueError(f"{kind}:// is no kind of meter; it must be {SHAPE}{_meant(_near(near, host))}")
    return _address(kind, text)


def _address(kind: str, text: str) -> MeterAddress:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:  # whose text repeats what stands there
        raise ValueError(f"is no address of a meter, or of a port above 65535; it must be {SHAPE}") from None
    if kind == "joulescope":
        return MeterAddress(kind, _serial(url), PORTS[kind])
    host = url.hostname or ""
    if not HOST.fullmatch(host):
        raise ValueError(f"names no host; it must be {SHAPE}")
    if url.path not in ("", "/") or url.fragment:
        near = f"{kind}://{url.netloc}"
        raise ValueError(f"a meter has no path, farm knows where to ask; it must be {SHAPE}{_meant(near)}")
    return MeterAddress(kind, host, PORTS[kind] if port is None else port, _channel(url))


def _serial(url: SplitResult) -> str:
    if not SERIAL.fullmatch(url.netloc) or url.path not in ("", "/") or url.query:
        raise ValueError("must be joulescope://SERIAL, the number on the instrument's back")
    return url.netloc


def _channel(url: SplitResult) -> int | None:
    found = parse_qsl(url.query, keep_blank_values=True)
    if not url.query:
        return None
    if len(found) != 1 or found[0][0] != "channel":
        raise ValueError(f"only ?channel=N may follow the host{_meant(f'{url.scheme}://{url.netloc}?channel=0')}")
    if not re.fullmatch("[0-9]{1,2}", found[0][1]):
        raise ValueError(f"the channel must be a number up to {CHANNELS}")
    return int(found[0][1])


def _near(kind: str, host: str) -> str | None:
    """What follows a host's colon and is no port may be a password."""
    return f"{kind}://{host}" if WITH_PORT.fullmatch(host) else None


def _meant(near: str | None) -> str:
    return f"; did you mean '{near}'?" if near else ""
