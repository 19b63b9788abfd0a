"""Settings, resolved once: flags > FARM_* variables, or files they name > farm.yaml > defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.addresses import SQLITE, broker_address, check_driver, is_shared, store_url, without_password
from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.model import Json
from farm_orchestrator.setting_values import CHECKS

if TYPE_CHECKING:
    from farm_inventory import Board, Rank

FILE = "farm.yaml"
NOT_CI = ("", "0", "false", "no")


@dataclass(frozen=True)
class Notify:
    """Who is told what changed in a night: a command's words, a URL. The URL may be a secret."""

    command: tuple[str, ...] = ()
    webhook: str | None = None

    @property
    def ways(self) -> int:
        return bool(self.command) + bool(self.webhook)

    def __repr__(self) -> str:
        return f"Notify(command={self.command!r}, webhook={'set' if self.webhook else None})"


@dataclass(frozen=True)
class Settings:
    """All paths absolute. `home`: the state folder; `broker`: a folder or a Redis URL. `nightly`: defaults of schedules, as written;
    `budgets`: how much worse than its past a metric may be, where a directory of variants does not say.

    `store` and `broker` may hold passwords. `shared`: the farm is one of several machines.
    """

    home: Path
    store: str
    broker: str
    runs: Path
    preset: str
    inventory: Path | None = None
    notify: Notify = Notify()
    nightly: Json = field(default_factory=dict, hash=False)
    budgets: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def shared(self) -> bool:
        return is_shared(self.store)

    def to_json(self) -> Json:
        """For the worker's stdin, never for a file."""
        inventory = None if self.inventory is None else str(self.inventory)
        return {"home": str(self.home), "store": self.store, "broker": self.broker, "runs": str(self.runs),
                "preset": self.preset, "inventory": inventory, "notify": asdict(self.notify), "nightly": self.nightly,
                "budgets": dict(self.budgets)}  # fmt: skip

    @classmethod
    def from_json(cls, body: Json) -> Settings:
        inventory = None if body["inventory"] is None else Path(body["inventory"])
        notify = Notify(tuple(body["notify"]["command"]), body["notify"]["webhook"])
        return cls(
            Path(body["home"]), body["store"], body["broker"], Path(body["runs"]), body["preset"], inventory, notify,
            body["nightly"], body["budgets"],
        )  # fmt: skip

    def __repr__(self) -> str:
        store, broker = without_password(self.store), without_password(self.broker)
        return f"Settings(home={str(self.home)!r}, store={store!r}, broker={broker!r}, ...)"


@dataclass(frozen=True)
class _Layer:
    """Where a value came from: its words for the message, and the folder that relative paths start at."""

    name: Callable[[str], str]
    folder: Path
    values: Mapping[str, str]


def load(
    *,
    inventory: Path | str | None = None,
    preset: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Settings of a command started in `cwd`; None means: not given. Raises UsageError."""
    here = (cwd or Path.cwd()).absolute()
    env = os.environ if env is None else env
    file = find_file(here)
    written = _from_file(file)
    given = {"inventory": inventory, "preset": preset}
    flags = {key: str(value) for key, value in given.items() if value is not None}
    layers = (
        _Layer("--{}".format, here, flags),
        _Layer(_variable, here, _from_env(env)),
        _Layer(_file_variable, here, _from_named_files(env, here)),
        _Layer(f"{file}: {{}}".format, file.parent if file else here, _texts(written)),
    )
    folder = file.parent if file else here
    home = state_folder(folder, here, env)
    found = _resolve(layers, home, folder, "standard" if env.get("CI", "").lower() in NOT_CI else "ci")
    command = tuple(written.get("notify", {}).get("command", ()))
    return replace(found, notify=replace(found.notify, command=command), nightly=written.get("nightly", {}),
                   budgets=written.get("budgets", {}))  # fmt: skip


def find_file(here: Path) -> Path | None:
    """farm.yaml of this folder, or the nearest above it that this user or root put there."""
    for folder in (here, *here.parents):
        file = folder / FILE
        if file.is_file() and (folder == here or file.stat().st_uid in (0, os.geteuid())):
            return file
    return None


def state_folder(folder: Path, here: Path, env: Mapping[str, str]) -> Path:
    """Where a farm with its farm.yaml in `folder` keeps its state, for a command started in `here`."""
    return here / Path(env["FARM_HOME"]).expanduser() if env.get("FARM_HOME") else folder / ".farm"


def check_client(settings: Settings) -> None:
    """Whether what carries hints fits the store, and what speaks to both is installed. Raises UsageError."""
    if settings.shared and "://" not in settings.broker:
        raise UsageError(
            "the store is a server that several machines share, and the broker is a folder of this one",
            mend="set `broker` in farm.yaml, or FARM_BROKER, to the farm's Redis: rediss://USER@HOST:PORT/0?ssl_ca_certs=FILE",
        )
    check_driver(settings.store)
    if "://" in settings.broker and find_spec("redis") is None:
        raise UsageError(
            f"the broker {without_password(settings.broker)} is a Redis, and its client is not installed here",
            mend="pip install 'benchfarm[shared]', or leave `broker` out: then a folder in .farm carries the hints",
        )


def make_home(settings: Settings) -> Path:
    """The state folder, made where it is missing, open to this user alone. Raises StoreError."""
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.home.stat().st_mode & 0o077:
            settings.home.chmod(0o700)
    except OSError as error:
        raise StoreError(
            f"{settings.home}: the state folder cannot be made: {error.strerror}",
            mend="set FARM_HOME to a folder you may write",
        ) from error
    return settings.home


def boards(settings: Settings, text: str | None = None, rank: Rank | None = None) -> tuple[Board, ...]:
    """The boards of the inventory that `text` selects; without one, those that it names. Raises UsageError.

    `rank`: where any so many of them will do, which are the best.
    """
    from farm_inventory import InventoryError, load, named, select

    try:
        if settings.inventory is None:
            return named(text, settings.home)
        return select(load(settings.inventory, settings.home), text, *([] if rank is None else [rank]))
    except InventoryError as error:
        raise UsageError(str(error)) from error


def schema() -> Json:
    """JSON Schema of farm.yaml."""
    from farm_orchestrator.farm_yaml import FarmFile

    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **FarmFile.model_json_schema()}


def _variable(key: str) -> str:
    return f"FARM_{key.upper()}"


def _file_variable(key: str) -> str:
    return f"{_variable(key)}_FILE"


def _from_env(env: Mapping[str, str]) -> dict[str, str]:
    return {key: env[_variable(key)] for key in CHECKS if env.get(_variable(key))}


def _from_named_files(env: Mapping[str, str], here: Path) -> dict[str, str]:
    """FARM_STORE_FILE and its like name a file that holds the value: a secret stays out of every environment."""
    return {key: _named_file(key, env, here) for key in CHECKS if env.get(_file_variable(key))}


def _named_file(key: str, env: Mapping[str, str], here: Path) -> str:
    name, file = _file_variable(key), here / Path(env[_file_variable(key)]).expanduser()
    if env.get(_variable(key)):
        raise UsageError(f"{_variable(key)} and {name} are both set", mend="leave one of them out")
    try:
        value = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise UsageError(
            f"{name}: {file} cannot be read: {reason}", mend="name a file that this user may read, with the value in it"
        ) from error
    if not value:
        raise UsageError(f"{name}: {file} is empty", mend=f"write into it what {_variable(key)} would hold")
    return value


def _from_file(file: Path | None) -> Json:
    if file is None:
        return {}
    from farm_inventory import DocumentError, load_document
    from farm_orchestrator.farm_yaml import FarmFile

    try:
        return load_document(file, FarmFile).model_dump(exclude_none=True, mode="json")
    except DocumentError as error:
        raise UsageError(str(error)) from error


def _texts(written: Json) -> dict[str, str]:
    """The settings that can be given elsewhere too."""
    webhook = written.get("notify", {}).get("webhook")
    own = {key: value for key, value in written.items() if isinstance(value, str)}
    return own if webhook is None else {**own, "notify_webhook": webhook}


def _resolve(layers: tuple[_Layer, ...], home: Path, folder: Path, preset: str) -> Settings:
    def value(key: str) -> tuple[str, Path] | None:
        layer = next((layer for layer in layers if key in layer.values), None)
        return None if layer is None else (_checked(layer, key), layer.folder)

    def path(key: str) -> Path | None:
        found = value(key)
        return None if found is None else found[1] / Path(found[0]).expanduser()

    return Settings(
        home=home,
        store=store_url(*(value("store") or (f"{SQLITE}{home}/farm.db", home))),
        broker=broker_address(*(value("broker") or (str(home / "broker"), home))),
        runs=path("runs") or folder / "runs",
        preset=(value("preset") or (preset,))[0],
        inventory=path("inventory"),
        notify=Notify(webhook=(value("notify_webhook") or (None,))[0]),
    )


def _checked(layer: _Layer, key: str) -> str:
    try:
        return CHECKS[key](layer.values[key])
    except ValueError as error:
        raise UsageError(f"{layer.name(key)}: {error}") from error
