"""What may be written about a board, and how each value must look."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from farm_inventory.meter import meter_address
from farm_inventory.problem import NAME_PATTERN

PATH = r"^(~/)?[A-Za-z0-9._/][A-Za-z0-9._/-]*$"
HOST = r"^[A-Za-z0-9_:\[][A-Za-z0-9_.:%\[\]-]*$"
JUMPS = r"^[A-Za-z0-9_\[][A-Za-z0-9_.@:%,\[\]-]*$"
USER = r"^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$"
CPUS = re.compile(r"^(big|all|\d+(-\d+)?(,\d+(-\d+)?)*)$")
PIN = r"^(max|stock|sustained|[1-9][0-9]{4,7})$"


def _plain(value: str) -> str:
    if "{{" in value:
        raise ValueError("templates are not evaluated here; write the value itself")
    return value


def _looks(pattern: str, meaning: str) -> AfterValidator:
    """`meaning` says what the value must be, in words; a pattern alone helps nobody."""
    shape = re.compile(pattern)

    def check(value: str) -> str:
        if not shape.fullmatch(_plain(value)):
            raise ValueError(f"must be {meaning}")
        return value

    return AfterValidator(check)


def _inside(value: str) -> str:
    if ".." in value.split("/"):
        raise ValueError("must not climb with `..`")
    return value


def _cpus(value: Any) -> Any:
    """A single number and a YAML list are lists of CPUs too."""
    if isinstance(value, list) and all(type(cpu) is int for cpu in value):
        return ",".join(map(str, value))
    return str(value) if type(value) is int else value


def _cpu_list(value: str) -> str:
    if not CPUS.fullmatch(value):
        raise ValueError("must be big, all or a list of CPUs like 0-3,6")
    backwards = next((r for r in value.split(",") if "-" in r and int(r.split("-")[0]) > int(r.split("-")[1])), None)
    if backwards:
        raise ValueError(f"the range {backwards} runs backwards")
    return value


def _pin(value: Any) -> Any:
    """YAML reads a clock as a number."""
    return str(value) if type(value) is int else value


def _meter(value: str) -> str:
    meter_address(_plain(value))
    return value


def _command(words: list[str]) -> list[str]:
    """A program and its words, as they are: no shell reads them, so that no board's name can be one."""
    if not words or not all(word and word.isprintable() for word in map(_plain, words)):
        raise ValueError("must be a list of words, the program first: [/usr/local/bin/pdu, cycle, '4']")
    return words


def _words(value: Any) -> Any:
    """YAML reads the number of a socket as a number."""
    return [str(word) if type(word) is int else word for word in value] if isinstance(value, list) else value


def _labels(value: Any) -> Any:
    """Numbers and booleans of YAML are texts as labels."""
    if not isinstance(value, dict):
        return value
    return {key: str(text).lower() if type(text) in (bool, int, float) else text for key, text in value.items()}


Name = Annotated[
    str, _looks(NAME_PATTERN, "letters, digits, dot, dash and underscore, at most 64, a letter or digit first")
]
Folder = Annotated[
    str,
    _looks(PATH, "a path of letters, digits, `.`, `_`, `/` and `-`; only a leading `~/` is expanded"),
    AfterValidator(_inside),
]
Host = Annotated[str, _looks(HOST, "a host name or an address")]
Jumps = Annotated[str, _looks(JUMPS, "[user@]host[:port] as for `ssh -J`")]
User = Annotated[str, _looks(USER, "a login name")]
Port = Annotated[int, Field(ge=1, le=65535)]
KeyFile = Annotated[str, _looks(r"^[^-\x00-\x1f][^\x00-\x1f]*$", "the path of a private key"), AfterValidator(_plain)]
Fingerprint = Annotated[str, _looks(r"^SHA256:[A-Za-z0-9+/]{43}=?$", "SHA256:... as `ssh-keygen -lf` prints it")]
Labels = Annotated[dict[Name, str], BeforeValidator(_labels)]
Cpus = Annotated[str, BeforeValidator(_cpus), AfterValidator(_cpu_list)]
Pin = Annotated[
    str, BeforeValidator(_pin), _looks(PIN, "max, stock, sustained or a clock in kHz; 1800 MHz are 1800000")
]
Meter = Annotated[str, AfterValidator(_meter)]
Action = Literal["cycle", "on", "off", "reboot", "status"]
Command = Annotated[list[str], BeforeValidator(_words), AfterValidator(_command)]


class Fields(BaseModel):
    """Fields of a board; everything may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host | None = Field(None, description="Address or name as ssh knows it; default: the board's name.")
    user: User | None = Field(None, description="Login; default: as ssh would choose.")
    port: Port | None = Field(None, description="Default: as ssh would choose.")
    key: KeyFile | None = Field(None, description="Private key file; then no other key is tried.")
    gateway: Jumps | None = Field(None, description="Jump hosts, [user@]host[:port], separated by commas.")
    agent: bool | None = Field(None, description="no: leave the ssh-agent out.")
    proxy_command: Literal["allow"] | None = Field(None, description="allow: run the ProxyCommand of ssh_config.")
    cipher: Annotated[str, _looks(r"^[a-z0-9][a-z0-9@.-]*$", "the name of an ssh cipher")] | None = Field(
        None, description="Cipher to offer first; default aes128-gcm@openssh.com."
    )
    fingerprint: Fingerprint | None = Field(None, description="Host key; when given, nothing else counts.")
    python: Folder | None = Field(None, description="Interpreter; default: the one that bootstrap chose, else python3.")
    base: Folder | None = Field(None, description="Folder for the board's store; default ~/.cache/benchfarm.")
    sysroot: Folder | None = Field(None, description="Root of /sys and /proc; default /.")
    labels: Labels | None = Field(None, description="Words to select by: --boards key=value.")
    type: Name | None = Field(None, description="What kind of board it is: --boards type=NAME.")
    cpus: Cpus | None = Field(None, description="big (default: the fastest class), all, or a list like 0-3.")
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(None, description="Default: as many as cpus.")
    pin: Pin | None = Field(
        None, description="Clock held during launches: stock (default: none), max, sustained, or kHz."
    )
    meter: Meter | None = Field(
        None,
        description="Power meter outside the board: shelly://HOST, tasmota://HOST, scpi://HOST or joulescope://SERIAL.",
    )
    power: Annotated[dict[Action, Command], Field(min_length=1)] | None = Field(
        None, description="What switches it: a command, as a list of words, for any of cycle, on, off, reboot, status."
    )
    provider: Annotated[str, _looks(r"^[A-Za-z][A-Za-z0-9_.-]*$", "the name of an execution provider")] | None = Field(
        None, description="Execution provider; default CPUExecutionProvider."
    )
    runtime: Name | None = Field(
        None,
        description="Version of onnxruntime that bootstrap laid there; default: the newest of them, else the interpreter's own.",
    )
    interference: Literal["drop", "note"] | None = Field(None, description="Drop disturbed blocks, or note them.")
    local: bool | None = Field(None, description="This machine itself, without ssh.")
    lab: bool | None = Field(None, description="A virtual board.")

    def written(self) -> dict[str, Any]:
        """The fields that have a value."""
        return self.model_dump(exclude_none=True)
