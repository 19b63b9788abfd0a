"""A board of another architecture: an arm64 userland under emulation, made ready and measured from here."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper

from farm_lab.sshd import banner, free_port
from farm_orchestrator import bundle, digest
from farm_orchestrator.transport import names, open_channel, resolve
from run_support import QUICK, Desk, Said
from transport_support import fingerprint, make_key, public, until
from variants_support import folder, model, value

pytestmark = pytest.mark.arm

USERLAND = Path(__file__).with_name("userland")
PATIENCE_S = 3600.0  # emulated, and on whatever machine
NEAR = 1e-5
AARCH64 = (2, 183)  # of an ELF header: 64 bits, the machine
INPUTS, OUTPUTS = 32, 10


@dataclass(frozen=True)
class Foreign:
    """A bare board and the desk of its user. `disk`: all that it can write to, as seen from here."""

    desk: Desk
    disk: Path
    board: dict[str, Any]

    def farm(self, *words: str | Path) -> Said:
        process = self.desk.start(*words, "--inventory", "inventory.json")
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
        sys.stdout.write(f"$ farm {' '.join(map(str, words))}\n{err}\n")
        return Said(process.returncode, out, err)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    """It ends with the process that was started for it, and leaves nothing."""
    desk = Desk(tmp_path_factory.mktemp("desk"), tuple(_environment().items()))
    disk, client, port = desk.folder / "disk", desk.folder / "client", free_port()
    disk.mkdir()
    make_key(disk / "host_key")
    (disk / "authorized_keys").write_text(f"{public(make_key(client))}\n")
    with (desk.folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([USERLAND, "sshd", disk, str(port)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: banner(port).startswith(b"SSH-") or server.poll() is not None, "the board answers")
        assert server.poll() is None, (desk.folder / "sshd.log").read_text()
        board = {
            "host": "127.0.0.1", "port": port, "user": "board", "key": str(client),
            "fingerprint": fingerprint(disk / "host_key"), "lab": True,
        }  # fmt: skip
        (desk.folder / "inventory.json").write_text(json.dumps({"boards": {"foreign": board}}))
        yield Foreign(desk, disk, {"name": "foreign", **board})
    finally:
        server.kill()
        server.wait()
    until(lambda: not banner(port), "its server is gone")


@pytest.fixture(scope="module")
def made(bare: Foreign) -> dict[str, Any]:
    """What `farm boards bootstrap` says of the board that it made ready."""
    said = bare.farm("boards", "bootstrap", "foreign", "--json")
    assert said.code == 0, said.err
    (outcome,) = json.loads(said.out)
    sys.stdout.write(f"{json.dumps(outcome, indent=2)}\n")
    return dict(outcome)


def test_wheels_for_its_architecture_reach_it_and_live_there(bare: Foreign, made: Mapping[str, Any]) -> None:
    platforms = {wheel["file"].removesuffix(".whl").rpartition("-")[2] for wheel in made["wheels"]}
    assert {platform.endswith("_aarch64") for platform in platforms - {"any"}} == {True}, platforms
    site = bare.disk / "home" / ".cache" / "benchfarm" / "sites" / made["site"]
    headers = {_elf(library) for library in site.rglob("*.so*")}
    assert headers == {AARCH64}


def test_what_the_runtime_grumbles_about_its_processor_stays_apart(bare: Foreign, made: Mapping[str, Any]) -> None:
    channel = open_channel(resolve({**bare.board, "python": "python3"}), bare.desk.state)
    agent = names.stored(channel.base, digest.of(bundle.build(bare.desk.folder)))
    done = channel.exec(["python3", "-I", agent, "probe", "--site", f"{channel.base}/sites/{made['site']}"])
    channel.close()
    sys.stdout.write(done.err.decode())
    assert b"cpu" in done.err.lower(), "nothing to be kept apart"
    (answer,) = done.out.splitlines()
    assert json.loads(answer)["onnxruntime"] == made["onnxruntime"]


def test_a_board_that_was_made_ready_is_left_as_it_is(bare: Foreign, made: Mapping[str, Any]) -> None:
    said = bare.farm("boards", "bootstrap", "foreign", "--json")
    (outcome,) = json.loads(said.out)
    assert (said.code, outcome["state"], outcome["sent"]) == (0, "ready", 0)
    assert outcome["site"] == made["site"]


def test_a_run_measures_it_and_its_outputs_are_those_of_this_machine(bare: Foreign, made: Mapping[str, Any]) -> None:
    folder(bare.desk.folder / "models", {"wide": perceptron(128), "narrow": perceptron(32)})
    run = bare.farm("run", "--variants", "models", "--baseline", "wide", *QUICK, "--json")
    assert run.code == 0, run.err
    (board,) = run.results["boards"]
    assert (board["arch"], board["onnxruntime"]) == ("aarch64", made["onnxruntime"])
    assert {cell["state"] for cell in run.results["cells"]} == {"measured"}
    rows = [row for row in bare.desk.launches() if row["variant"] in {"wide", "narrow"}]
    far = max(map(_golden_max_abs, rows))
    sys.stdout.write(f"largest difference from this machine's outputs in {len(rows)} launches: {far}\n")
    assert {row["variant"] for row in rows} == {"wide", "narrow"}
    assert far <= NEAR


def perceptron(hidden: int) -> ModelProto:
    """Far below 1 MFLOP; no output is so near 0 or 1 that a difference could not be seen."""
    random = np.random.default_rng(hidden)
    first = random.standard_normal((INPUTS, hidden)) / np.sqrt(INPUTS)
    second = random.standard_normal((hidden, OUTPUTS)) / np.sqrt(hidden)
    return model(
        [
            helper.make_node("MatMul", ["x", "first"], ["sums"]),
            helper.make_node("Tanh", ["sums"], ["hidden"]),
            helper.make_node("MatMul", ["hidden", "second"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["y"]),
        ],
        [value("x", [1, INPUTS])],
        [value("y", [1, OUTPUTS])],
        [
            numpy_helper.from_array(each.astype(np.float32), name)
            for name, each in (("first", first), ("second", second))
        ],
    )


def _environment() -> dict[str, str]:
    """Whatever pip needs to reach its index is left alone."""
    return {name: text for name, text in os.environ.items() if not name.startswith("FARM_")}


def _elf(program: Path) -> tuple[int, int]:
    """Class and machine."""
    with program.open("rb") as file:
        head = file.read(20)
    return head[4], int.from_bytes(head[18:20], "little")


def _golden_max_abs(row: Mapping[str, Any]) -> float:
    facts = row["facts"]
    found = json.loads(facts) if isinstance(facts, str) else facts
    return float(found["golden_max_abs"])
