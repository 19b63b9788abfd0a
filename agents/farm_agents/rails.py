"""Where power can be read, what each place feeds, and how fine its sensor is."""

import os
import re
from dataclasses import dataclass, replace
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from farm_agents import board
from farm_agents.family import Family, Place
from farm_agents.hwmon import Chip
from farm_agents.sysfs import Sysfs, integer

IIO = "sys/bus/i2c/drivers/ina3221x"
POWERCAP = "sys/class/powercap"
RAPL = re.compile(r"intel-rapl:[0-9]{1,3}(:[0-9]{1,3})?\Z")
SENSOR = re.compile(r"(power|curr|energy)([0-9]{1,3})_input\Z")
TOLD = {"power": "power_uw", "energy": "energy_uj"}
MAILBOX = "dev/vcio"
UNKNOWN = Place("rail")
# Of the widest scope first: what lies inside another is never added to it.
SCOPES = ("wall_ac", "board_dc", "module_input", "board_rails", "soc_pkg")
SHUNT_STEP_W = {"ina219": 200.0, "ina220": 200.0, "ina226": 62.5, "ina230": 62.5, "ina231": 62.5}  # times 1 / micro-ohm
INA3221_CHANNELS = 3  # the fourth current and the seventh voltage are sums, of rails that lie inside each other
INA3221_STEP_UV = 40


@dataclass(frozen=True)
class Rail:
    """One place. `files`: what to read, by quantity (power_uw; volt_mv and curr_ma; energy_uj; mailbox).

    `scope`, `total`, `nested_in`: see family.Place; a rail that nobody wrote down is never added up. `lsb_w`: the
    smallest step of its sensor, `interval_ms`: how often that has a new value, `range_uj`: where its counter wraps,
    `shunt_uohm`: what scales it, each None where it is not told. `reason`: why it cannot be read.
    """

    key: str
    label: str
    source: str
    files: Mapping[str, str]
    scope: str = UNKNOWN.scope
    total: bool = UNKNOWN.total
    nested_in: Optional[str] = UNKNOWN.nested_in
    lsb_w: Optional[float] = None
    interval_ms: Optional[int] = None
    range_uj: Optional[int] = None
    shunt_uohm: Optional[int] = None
    reason: Optional[str] = None


def read(tree: Sysfs, known: Family, chips: Sequence[Chip]) -> Tuple[Rail, ...]:
    """Every rail of the board, in a fixed order."""
    found = [rail for chip in chips if chip.refused is None for rail in _of_chip(tree, chip)]
    found += [*_of_iio(tree), *_of_rapl(tree), *_of_pmic(tree)]
    return tuple(_placed(_tried(tree, rail), known) for rail in found)


def whole(rails: Sequence[Rail]) -> List[Rail]:
    """Those whose sum is the power of the widest scope that the board tells; none where one of them cannot be read."""
    for scope in SCOPES:
        found = [rail for rail in rails if rail.total and rail.scope == scope]
        if found and all(rail.reason is None for rail in found):
            return found
    return []


def counters(tree: Sysfs, chips: Sequence[Chip]) -> List[Tuple[str, str]]:
    """(name of its readings, file) of each counter of energy: reading one costs microseconds, unlike a shunt."""
    of_chips = (rail for chip in chips if chip.refused is None and _counts(tree, chip) for rail in _of_chip(tree, chip))
    return [("rail.{}.energy".format(rail.key), rail.files["energy_uj"]) for rail in (*of_chips, *_of_rapl(tree))]


def _counts(tree: Sysfs, chip: Chip) -> bool:
    return any(quantity == "energy" for quantity, _ in _sensors(tree, chip))


def _of_chip(tree: Sysfs, chip: Chip) -> Iterator[Rail]:
    folder = chip.folder + "/"
    for quantity, number in _sensors(tree, chip):
        files = {"curr_ma": "{}curr{}_input".format(folder, number), "volt_mv": "{}in{}_input".format(folder, number)}
        if quantity != "curr":
            files = {TOLD[quantity]: "{}{}{}_input".format(folder, quantity, number)}
        shunt = _shunt_uohm(tree, folder, number)
        off = tree.number("{}in{}_enable".format(folder, number)) == 0
        yield Rail("{}/{}{}".format(chip.key, quantity, number), _label(tree, chip, number), chip.name, files,
                   lsb_w=_step_w(tree, chip.name, shunt, files), interval_ms=tree.number(folder + "update_interval"),
                   shunt_uohm=shunt, reason="its channel is switched off" if off else None)  # fmt: skip


def _label(tree: Sysfs, chip: Chip, number: int) -> str:
    kinds = ("power", "energy", "in", "curr")
    words = (tree.word("{}/{}{}_label".format(chip.folder, kind, number)) for kind in kinds)
    return next(filter(None, words), chip.name)


def _shunt_uohm(tree: Sysfs, folder: str, number: int) -> Optional[int]:
    found = [tree.number(folder + name) for name in ("shunt{}_resistor".format(number), "shunt_resistor")]
    return next((one for one in found if one is not None and one > 0), None)


def _sensors(tree: Sysfs, chip: Chip) -> List[Tuple[str, int]]:
    """(quantity, its number): power where the chip tells it, or energy, else current beside the voltage of its number."""
    names = tree.entries(chip.folder)
    found = [(match.group(1), int(match.group(2))) for match in map(SENSOR.match, names) if match]
    power = sorted(each for each in found if each[0] == "power")
    energy = sorted(each for each in found if each[0] == "energy")
    most = INA3221_CHANNELS if chip.name == "ina3221" else 999
    return (
        power
        or energy
        or sorted((kind, number) for kind, number in found if number <= most and "in{}_input".format(number) in names)
    )


def _step_w(tree: Sysfs, name: str, shunt_uohm: Optional[int], files: Mapping[str, str]) -> Optional[float]:
    if shunt_uohm is None:
        return None
    if name in SHUNT_STEP_W:
        return round(SHUNT_STEP_W[name] / shunt_uohm, 6)
    volt_mv = tree.number(files["volt_mv"]) if name == "ina3221" and "volt_mv" in files else None
    return None if volt_mv is None else round(INA3221_STEP_UV / shunt_uohm * volt_mv / 1000, 6)


def _of_iio(tree: Sysfs) -> Iterator[Rail]:
    """The INA3221 under the driver of older Jetsons, which counts from 0 and tells mW."""
    for chip in tree.entries(IIO):
        for device in tree.names("{}/{}".format(IIO, chip), "iio:device"):
            folder = "{}/{}/{}/".format(IIO, chip, device)
            names = [name for name in tree.entries(folder) if re.match(r"in_power[0-9]_input\Z", name)]
            for name in names:
                number = name[len("in_power")]
                label = tree.word("{}rail_name_{}".format(folder, number)) or "in{}".format(number)
                yield Rail("ina3221x@{}/power{}".format(chip, number), label, "ina3221x", {"power_mw": folder + name})


def _of_rapl(tree: Sysfs) -> Iterator[Rail]:
    """Of intel-rapl-mmio, the same package again, nothing is taken."""
    for zone in filter(RAPL.match, tree.entries(POWERCAP)):
        folder = "{}/{}/".format(POWERCAP, zone)
        parent = tree.word("{}/{}/name".format(POWERCAP, zone.rpartition(":")[0]))
        yield Rail("rapl@" + zone, tree.word(folder + "name") or zone, "rapl", {"energy_uj": folder + "energy_uj"},
                   nested_in=parent if zone.count(":") > 1 else None, range_uj=tree.number(folder + "max_energy_range_uj"))  # fmt: skip


def _of_pmic(tree: Sysfs) -> Iterator[Rail]:
    """A Raspberry Pi 5 tells its rails through its firmware alone, and each question interrupts what is measured."""
    if "Raspberry Pi 5" in (board.model(tree) or ""):
        yield Rail("pmic", "pmic", "pmic", {"mailbox": MAILBOX}, reason="only the firmware's mailbox tells it, no file")


def _tried(tree: Sysfs, rail: Rail) -> Rail:
    if rail.reason is not None:
        return rail
    return replace(rail, reason=next(filter(None, (_why_not(tree, file) for file in rail.files.values())), None))


def _why_not(tree: Sysfs, file: str) -> Optional[str]:
    text, error = tree.read(file)
    name = os.path.basename(file)
    if error is not None:
        return "{} {}".format(error, name)
    return None if integer(text) is not None else "{} is no number".format(name)


def _placed(rail: Rail, known: Family) -> Rail:
    """What a package's number is, nobody wrote down: package-0 and package-1 are both the package."""
    place = known.rails.get(rail.label if rail.source != "rapl" else re.sub(r"-[0-9]+\Z", "", rail.label), UNKNOWN)
    lsb_w = rail.lsb_w if rail.lsb_w is not None else known.lsb_w.get(rail.label)
    return replace(rail, scope=place.scope, total=place.total, nested_in=rail.nested_in or place.nested_in, lsb_w=lsb_w)


def shown(rails: Sequence[Rail]) -> Dict[str, Rail]:
    """One rail for each sensor that somebody may have to open, by key: not each channel, nothing inside another."""
    found: Dict[str, Rail] = {}
    for rail in rails:
        if rail.source != "rapl" or rail.nested_in is None:
            found.setdefault(rail.key.partition("/")[0], rail)
    return found
