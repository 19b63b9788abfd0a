"""Options of onnxruntime: only known ones, each read back; and what its errors are called."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import agents_support as parts
from farm_agents import runtime
from farm_agents.failure import LaunchFailed
from farm_agents.runtime import Session, Settings

SPIN = "session.intra_op.allow_spinning"
DENORMALS = "session.set_denormal_as_zero"


def settings(**config: str) -> Settings:
    return Settings(parts.CPU, 1, {}, config)


def test_a_misspelt_key_is_refused_before_the_load_with_a_suggestion(tmp_path: Path) -> None:
    """The model is no model: whatever loads it would fail in another way."""
    (tmp_path / "none.onnx").write_text("not a model")
    with pytest.raises(LaunchFailed, match=f"did you mean '{SPIN}'"):
        Session(str(tmp_path / "none.onnx"), settings(**{"session.intra_op.allow_spining": "1"}))


def test_a_key_like_no_other_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(LaunchFailed, match="known are"):
        runtime.check_config({"zzzz": "1"})


def test_every_option_reads_back_as_it_was_set(tmp_path: Path) -> None:
    session = Session(
        str(parts.mlp(tmp_path / "m.onnx")), Settings(parts.CPU, 2, {"batch": 1}, {SPIN: "0", DENORMALS: "0"})
    )
    assert session.options[SPIN] == "0"
    assert session.options[DENORMALS] == "0"  # "1" would change the arithmetic of this whole process
    assert session.options["intra_op_num_threads"] == 2
    assert session.options["graph_optimization_level"] == "ORT_ENABLE_ALL"
    assert session.options["free_dimensions"] == {"batch": 1}


def test_an_option_that_this_onnxruntime_lacks_is_recorded_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runtime.KNOWN, SPIN, (99, 0))
    session = Session(str(parts.mlp(tmp_path / "m.onnx")), settings(**{SPIN: "1"}))
    assert session.options["absent"] == {SPIN: "needs onnxruntime 99.0"}
    assert SPIN not in session.options


def test_an_accelerator_may_not_fall_back_to_the_cpu() -> None:
    assert runtime.settings("QNNExecutionProvider", 1, {}).config[runtime.NO_FALLBACK] == "1"
    assert runtime.NO_FALLBACK not in runtime.settings(parts.CPU, 1, {}).config


def test_operators_are_counted_per_provider_where_onnxruntime_says(tmp_path: Path) -> None:
    session = Session(str(parts.mlp(tmp_path / "m.onnx")), runtime.settings(parts.CPU, 1, {"batch": 1}))
    assert session.operators() in ({parts.CPU: 3}, None)
    assert (session.operators() is None) == (runtime.RECORD_ASSIGNMENT in session.options["absent"])


def test_the_bound_call_and_the_plain_one_agree(tmp_path: Path) -> None:
    session = Session(str(parts.mlp(tmp_path / "m.onnx")), runtime.settings(parts.CPU, 1, {}))
    tensors = {"x": np.ones((1, 64), np.float32)}
    session.bind(tensors)
    session.call(session.binding)
    np.testing.assert_array_equal(session.results()["y"], session.run(tensors)["y"])


DENORMAL_STORY = """
import json, sys
import numpy as np
from farm_agents.runtime import Session, Settings
flags = json.loads(sys.argv[2])
sessions = [Session(sys.argv[1], Settings("CPUExecutionProvider", 1, {}, {"session.set_denormal_as_zero": f})) for f in flags]
x = np.full((1, 64), 1e-39, np.float32)
zero = [not s.run({"x": x})["y"].any() for s in sessions]
print(json.dumps([[s.options["session.set_denormal_as_zero"] for s in sessions], zero]))
"""


@pytest.mark.parametrize(("flags", "zero"), [(["1", "0"], True), (["0", "1"], False), (["0", "0"], False)], ids=str)
def test_only_the_first_session_of_a_process_decides_about_denormals(
    tmp_path: Path,
    *,
    flags: list[str],
    zero: bool,
) -> None:
    """Why a launch makes the model's session first, and why two launches never share a process."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Mul", ["x", "one"], ["y"])]
    weights = [helper.make_tensor("one", TensorProto.FLOAT, [1], [0.5])]
    model = parts.save_model(
        tmp_path / "m.onnx", nodes, [parts.tensor("x", [1, 64])], [parts.tensor("y", [1, 64])], weights
    )
    onnx.checker.check_model(str(model))
    argv = [sys.executable, "-c", DENORMAL_STORY, str(model), json.dumps(flags)]
    read_back, zeros = json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout)
    assert read_back == flags
    assert zeros == [zero, zero]


def test_the_first_session_of_a_launch_is_the_models() -> None:
    """No file of the agent but the runtime's makes sessions, and that one makes one per Session."""
    sources = {path.name: path.read_text() for path in Path(runtime.__file__).parent.glob("*.py")}
    assert [name for name, text in sources.items() if "InferenceSession(" in text] == ["runtime.py"]
    assert sources["runtime.py"].count("InferenceSession(") == 1
    assert [name for name, text in sources.items() if " Session(" in text] == ["stages.py"]
    assert [name for name, text in sources.items() if "canary.make(" in text] == ["measure.py"]


@pytest.mark.parametrize(
    ("error", "loading", "kind"),
    [
        (RuntimeError("Failed to allocate memory for requested buffer"), False, "OUT_OF_MEMORY"),
        (RuntimeError("std::bad_alloc"), True, "OUT_OF_MEMORY"),
        (RuntimeError("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find"), True, "NOT_IMPLEMENTED"),
        (ValueError("anything"), True, "INVALID_GRAPH"),
        (ValueError("anything"), False, "BAD_INPUT"),
    ],
)
def test_errors_of_the_runtime_have_the_names_of_the_wire(
    *,
    error: Exception,
    loading: bool,
    kind: str,
) -> None:
    assert runtime.kind_of(error, loading=loading) == kind


def test_python_running_out_of_memory_is_a_failed_launch() -> None:
    with pytest.raises(LaunchFailed) as failed, runtime.named_failures(loading=lambda: True):
        raise MemoryError
    assert failed.value.kind == "OUT_OF_MEMORY"
