"""What the agent finds on the trees of real boards and on those that hurt, and what it does not believe."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hardware_golden as golden
from agents_support import Client
from farm_agents import family, survey, wire
from farm_agents.rails import SCOPES
from farm_agents.survey import Hardware
from farm_agents.sysfs import Sysfs
from farm_lab import notation, tree
from farm_lab.record import Record
from farm_orchestrator import bundle
from farm_orchestrator.doctor import program

Start = Callable[..., Client]
FAMILIES = Path(family.__file__).parent / "families"
EVERY_CPU = range(64)
KEYS = {"family", "cpu_zones", "exclude_zones", "rails", "lsb", "effective_tolerance", "forbidden", "memory_clocks"}


def surveyed(root: Path, name: str) -> Hardware:
    return survey.survey(golden.laid(root, name))


def made(root: Path, text: str) -> Sysfs:
    tree.replay(root, Record(notation.read(text, "mine.tree")), "vb001")
    return Sysfs(str(root))


def missing(root: Path, name: str) -> dict[str, str]:
    found = survey.look(golden.laid(root, name).root, EVERY_CPU)["capabilities"]
    return {capability: said["reason"] for capability, said in found.items() if not said["ok"]}


@pytest.mark.parametrize("name", golden.names())
def test_a_tree_is_found_to_be_what_it_was(name: str) -> None:
    kept = (golden.FOLDER / f"{name}.json").read_text("utf-8")
    assert golden.text(golden.found(name)) == kept, "renew with: python tests/hardware_golden.py"


def test_every_tree_has_its_golden_file_and_no_file_is_left_over() -> None:
    assert {file.stem for file in golden.FOLDER.iterdir()} == set(golden.names())


DECOYS = {
    "a charger's contract": ("rock5b", "tcpm_source_psy_4_0022: what a charger promised, not what flows"),
    "a supply's contract": ("rock5b", "tcpm-source-psy-4-0022"),
    "a battery manager's port": ("qrb5165", "qcom_battmgr_usb: what a charger promised"),
    "a constant": ("n100", "acpitz: no sensor of the board's heat"),
    "a dummy": ("jetson-nano", "PMIC-Die: no sensor of the board's heat"),
    "an estimate": ("xavier-nx", "thermal-fan-est: no sensor of the board's heat"),
    "a sum of currents": ("orin-nano", "curr4_input"),
    "a sum of voltages": ("orin-nano", "in7_input"),
}


@pytest.mark.parametrize(("name", "refusal"), DECOYS.values(), ids=DECOYS)
def test_what_only_looks_like_a_measurement_is_refused_with_a_word(tmp_path: Path, name: str, refusal: str) -> None:
    found = surveyed(tmp_path, name)
    assert any(refusal in f"{refused.path} {refused.why}" for refused in found.refused)
    read = {file for rail in found.rails for file in rail.files.values()}
    assert not [file for file in read for refused in found.refused if file.startswith(refused.path)]
    assert not {zone.name for zone in found.zones if zone.refused} & set(found.cpu_zones)


def test_the_same_package_by_another_driver_is_counted_once(tmp_path: Path) -> None:
    rapl = "sys/class/powercap/intel-rapl{}:0: name=package-0 energy_uj=1 max_energy_range_uj=2\n"
    found = survey.survey(made(tmp_path, rapl.format("") + rapl.format("-mmio")))
    assert [rail.key for rail in found.rails] == ["rapl@intel-rapl:0"]
    assert ["intel-rapl-mmio:0" in refused.path for refused in found.refused] == [True]


WHOLE = {
    "orin-nano": ["VDD_IN"], "agx-orin": ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"], "xavier-nx": ["VDD_IN"],
    "jetson-nano": ["POM_5V_IN"], "generic": ["ina226"], "stock": [], "rock5b": [], "qrb5165": [], "pi4": [],
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_rails_inside_others_are_never_added_to_the_total(tmp_path: Path, name: str) -> None:
    found = surveyed(tmp_path, name)
    labels = {rail.key: rail.label for rail in found.rails}
    assert sorted(labels[key] for key in found.power) == sorted(WHOLE[name])
    assert not [rail for rail in found.rails if rail.key in found.power and rail.nested_in]


def test_a_total_with_a_part_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    board = golden.laid(tmp_path, "agx-orin")
    (current,) = (rail.files["curr_ma"] for rail in survey.survey(board).rails if rail.label == "VDD_CPU_CV")
    Path(board.path(current)).unlink()
    Path(board.path(current)).mkdir()
    assert survey.survey(board).power == ()
    said = survey.look(board.root, EVERY_CPU)["capabilities"]["power"]
    assert said == {"ok": False, "reason": "VDD_CPU_CV: EISDIR curr2_input"}


def test_a_package_without_the_right_to_read_it_is_no_meter(tmp_path: Path) -> None:
    assert missing(tmp_path, "n100")["power"] == "package-0: EACCES energy_uj"
    rails = {rail.label: rail for rail in surveyed(tmp_path, "n100").rails}
    assert {label: rail.nested_in for label, rail in rails.items()} == {
        "package-0": None, "core": "package-0", "uncore": "package-0",
    }  # fmt: skip
    assert rails["package-0"].range_uj == 262_143_328_850


@pytest.mark.parametrize(("name", "label", "step_w"), [("orin-nano", "VDD_IN", 0.04), ("agx-orin", "VDD_CPU_CV", 0.4)])
def test_the_step_of_a_shunt_is_known_from_its_resistor(tmp_path: Path, name: str, label: str, step_w: float) -> None:
    (rail,) = (rail for rail in surveyed(tmp_path, name).rails if rail.label == label)
    assert rail.lsb_w == pytest.approx(step_w, rel=0.03)


def test_sensors_keep_their_keys_through_a_boot_that_numbers_them_anew(tmp_path: Path) -> None:
    before, after = surveyed(tmp_path / "before", "pi5"), surveyed(tmp_path / "after", "adv-hwmon-renumbered")
    assert [chip.key for chip in before.chips] == [chip.key for chip in after.chips]
    assert [chip.folder for chip in before.chips] != [chip.folder for chip in after.chips]


def test_a_board_without_policies_is_a_board(tmp_path: Path) -> None:
    found, lacks = surveyed(tmp_path, "bb-ai64"), missing(tmp_path, "bb-ai64")
    assert (found.policies, found.temp_mc) == ((), 51_400)
    assert lacks["clocks"] == "no cpufreq policy tells a clock"
    assert lacks["pin"] == "no cpufreq policy: the clocks cannot be set here"
    assert lacks["throttle"] == "nothing on this board counts or tells throttling"
    assert "temperature" not in lacks


def test_knobs_that_are_root_s_are_named(tmp_path: Path) -> None:
    assert missing(tmp_path / "stock", "stock")["pin"] == "this account may not write scaling_governor of policy0"
    assert "pin" not in missing(tmp_path / "generic", "generic")


def test_no_power_is_told_with_what_only_looks_like_it(tmp_path: Path) -> None:
    promise = "what a charger promised, not what flows"
    assert missing(tmp_path, "rock5b")["power"] == f"no sensor of the board's power; tcpm_source_psy_4_0022: {promise}"


def test_a_processor_without_a_zone_is_asked_itself(tmp_path: Path) -> None:
    found = survey.survey(made(tmp_path, "H0: name=coretemp temp1_input=61000\nH0/temp1_label = Package id 0\n"))
    assert (found.temp_mc, found.cpu_zones) == (61_000, ())


def test_degrees_are_guessed_and_said_to_be_a_guess(tmp_path: Path) -> None:
    found = surveyed(tmp_path, "adv-celsius")
    assert [zone.kind for zone in found.zones if zone.guessed] == ["AO-therm", "CPU-therm"]
    assert found.temp_mc == 58_000


@pytest.mark.parametrize(("said", "reason"), [("-256000", "no temperature: -256000"), ("150000", "no temperature: 150000"),
                                              ("180", "no temperature: 180"), ("", "no number"), ("4.5e4", "no number")])  # fmt: skip
def test_a_temperature_that_is_none_says_why(tmp_path: Path, said: str, reason: str) -> None:
    (zone,) = survey.survey(made(tmp_path, f"Z0/type = cpu\nZ0/temp = {said}\n")).zones
    assert (zone.temp_mc, zone.reason) == (None, reason)


@pytest.mark.parametrize(("words", "name"), [
    (r"radxa,rock-5b\0rockchip,rk3588\0", "rk3588"), (r"xunlong,orangepi-5\0rockchip,rk3588s\0", "rk3588"),
    (r"somebody,something\0", "generic"), (r"../generic\0,\0x,\0../../x,y\0", "generic"), ("", "generic"),
])  # fmt: skip
def test_a_family_is_known_by_the_start_of_a_compatible_word(tmp_path: Path, words: str, name: str) -> None:
    assert family.of(made(tmp_path, f"sys/firmware/devicetree/base/compatible = {words}\n")).name == name


@pytest.mark.parametrize("file", sorted(FAMILIES.iterdir()), ids=lambda file: file.stem)
def test_a_family_s_file_says_what_the_agent_understands(file: Path) -> None:
    said: dict[str, Any] = json.loads(file.read_text())
    assert said["family"]
    assert set(said) <= KEYS
    assert file.stem == "generic" or family.WORD.match(file.stem)
    for label, rail in said.get("rails", {}).items():
        place = family.Place(**rail)
        assert place.scope in {*SCOPES, "rail"}, label
        assert place.nested_in is None or (place.nested_in in said["rails"] and not place.total), label


@pytest.mark.parametrize("carrier", ["a bundle", "a text"])
def test_families_are_found_wherever_the_agent_runs_from(tmp_path: Path, carrier: str) -> None:
    made(
        tmp_path / "root",
        r"sys/firmware/devicetree/base/compatible = ti,j721e\0" + "\nZ0/type = mpu-thermal\nZ0/temp = 51400\n",
    )
    find = (
        f"sys.path.insert(0, {str(bundle.build(tmp_path))!r})" if carrier == "a bundle" else bundle.importable("survey")
    )
    ask = f"import sys\n{find}\nfrom farm_agents import survey\nprint(survey.look({str(tmp_path / 'root')!r}, [0])['hardware']['temp_mc'])"
    done = subprocess.run([sys.executable, "-I", "-"], input=ask, capture_output=True, text=True, check=True)
    assert done.stdout == "51400\n"


def test_the_agent_s_text_fits_into_one_argument() -> None:
    """Of Linux: the doctor tries a runtime with `python -c`."""
    assert len(program.child()) < 60_000


@pytest.mark.parametrize("name", ["orin-nano", "bb-ai64"])
def test_hello_carries_what_was_found(start: Start, tmp_path: Path, name: str) -> None:
    root = golden.laid(tmp_path / "board", name).root
    hello = start().open(sysroot=root)
    assert isinstance(hello, wire.Hello)
    kept = json.loads((golden.FOLDER / f"{name}.json").read_text("utf-8"))
    assert hello.facts["hardware"] == kept["hardware"]
    lacks = {capability for capability, said in hello.capabilities.items() if not said["ok"]}
    assert {"firmware"} <= lacks
    assert ("power" in lacks) == (name == "bb-ai64")


MODES = """< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_4 1
< POWER_MODEL ID=2 NAME=7W >
< PM_CONFIG DEFAULT=2 >
"""


def mode(root: Path, status: str, modes: str = MODES) -> Any:
    for name, text in (("var/lib/nvpmodel/status", status), ("etc/nvpmodel.conf", modes)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return survey.survey(Sysfs(str(root))).to_json()["nvpmodel"]


def test_the_power_mode_of_a_jetson_is_part_of_what_it_is(tmp_path: Path) -> None:
    assert survey.survey(Sysfs(str(tmp_path))).nvpmodel is None
    assert mode(tmp_path, "pmode:0002\n") == {"id": 2, "name": "7W"}
    assert mode(tmp_path, "fmode:quiet pmode:0000") == {"id": 0, "name": "15W"}
    assert mode(tmp_path, "pmode:0003") == {"id": 3, "name": None}
    assert mode(tmp_path, "pmode:0002", "\0\xff<<>") == {"id": 2, "name": None}
    assert mode(tmp_path, "pmode:two") is None


def test_the_idle_states_are_named_and_left_alone(tmp_path: Path) -> None:
    assert survey.survey(Sysfs(str(tmp_path))).to_json()["idle"] == {"mode": "default", "states": ()}
    assert surveyed(tmp_path, "agx-orin").idle.states == ("WFI", "C7")
