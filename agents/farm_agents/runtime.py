"""The one place that touches onnxruntime: sessions, their options read back, their errors named."""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple, Union

from farm_agents.failure import LaunchFailed
from farm_agents.wire import Json

# Its usage reporting (seen in 1.31) opens a database in the home folder, starts a thread and is built to upload: not
# on a board that is being measured. The variable is read when the library is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

CPU = "CPUExecutionProvider"
ERRORS: Tuple[Any, ...] = tuple(
    kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)
)
LOG_ERRORS_ONLY = 3  # a warning inside a slot costs time
NO_FALLBACK = "session.disable_cpu_ep_fallback"
RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
# A misspelt key is accepted silently by onnxruntime: only these are let through, from the version that knows them.
KNOWN = {
    "session.intra_op.allow_spinning": (1, 8),
    "session.set_denormal_as_zero": (1, 8),
    NO_FALLBACK: (1, 15),
    RECORD_ASSIGNMENT: (1, 24),
}
STANDARD = {"session.intra_op.allow_spinning": "1", "session.set_denormal_as_zero": "0", RECORD_ASSIGNMENT: "1"}


@dataclass(frozen=True)
class Settings:
    """How a session is made; `dims` binds symbolic dimensions by name.

    `trace`: where the file begins that tells of every operator of every call; None: nothing is recorded.
    """

    provider: str
    threads: int
    dims: Mapping[str, int]
    config: Mapping[str, str]
    trace: Optional[str] = None


def settings(provider: str, threads: int, dims: Mapping[str, int], trace: Optional[str] = None) -> Settings:
    """An accelerator may not fall back to the CPU: the fallback would be measured in its name."""
    config = dict(STANDARD) if provider == CPU else {**STANDARD, NO_FALLBACK: "1"}
    return Settings(provider, threads, dims, config, trace)


def version() -> Tuple[int, ...]:
    return tuple(int(piece) for piece in ort.__version__.split(".")[:2])


def check_config(config: Mapping[str, str]) -> Dict[str, str]:
    """Reasons of the keys that this onnxruntime does not have. Raises LaunchFailed at a key that nobody knows."""
    for key in config:
        if key not in KNOWN:
            raise LaunchFailed("BAD_INPUT", "config key {!r} is unknown; {}".format(key, _suggestion(key)))
    absent = {key: "needs onnxruntime {}.{}".format(*KNOWN[key]) for key in config if KNOWN[key] > version()}
    if RECORD_ASSIGNMENT in config and not hasattr(ort.InferenceSession, "get_provider_graph_assignment_info"):
        absent[RECORD_ASSIGNMENT] = "onnxruntime {} does not record it".format(ort.__version__)
    return absent


def _suggestion(key: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - the module is needed for a message only

    near = get_close_matches(key, KNOWN, 1)
    return "did you mean {!r}?".format(near[0]) if near else "known are {}".format(", ".join(KNOWN))


class Session:
    """One model, one binding: `call(binding)` is one inference."""

    def __init__(self, model: Union[str, bytes], wanted: Settings) -> None:
        """`model`: a path, or the file's bytes. Raises LaunchFailed where the provider is missing or an option does not read back as set."""
        check_provider(wanted.provider)
        options, self.options = _options(wanted)
        self._session = ort.InferenceSession(model, options, providers=[wanted.provider], enable_fallback=0)
        self.providers: List[str] = list(self._session.get_providers())
        if self.providers[0] != wanted.provider:
            raise LaunchFailed(
                "PROVIDER_MISSING", "{} was asked for, {} took over".format(wanted.provider, self.providers)
            )
        self.inputs: Dict[str, str] = {node.name: node.type for node in self._session.get_inputs()}
        self.outputs: Dict[str, str] = {node.name: node.type for node in self._session.get_outputs()}
        self.call: Callable[[Any], None] = self._session.run_with_iobinding
        self.binding: Any = self._session.io_binding()

    def bind(self, tensors: Mapping[str, Any]) -> None:
        for name, array in tensors.items():
            self.binding.bind_cpu_input(name, array)
        for name, kind in self.outputs.items():
            if not kind.startswith("tensor("):
                raise LaunchFailed(
                    "NOT_IMPLEMENTED", "output {} is a {}, only tensors are supported".format(name, kind)
                )
            self.binding.bind_output(name, "cpu")

    def bind_into(self, arrays: Mapping[str, Any]) -> None:
        """Lets outputs be written into the caller's arrays, of the right type and shape; the caller keeps them alive."""
        for name, array in arrays.items():
            self.binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def results(self) -> Dict[str, Any]:
        """Copies of the outputs of the last call."""
        return dict(zip(self.outputs, self.binding.copy_outputs_to_cpu()))

    def run(self, tensors: Mapping[str, Any]) -> Dict[str, Any]:
        """One inference outside the binding: rows may have outputs of different shapes."""
        return dict(zip(self.outputs, self._session.run(list(self.outputs), dict(tensors))))

    def end_trace(self) -> str:
        """The file that tells of all calls so far; from here on nothing is recorded."""
        return str(self._session.end_profiling())

    def operators(self) -> Optional[Dict[str, int]]:
        """Operators per provider, None where this onnxruntime does not say."""
        if not hasattr(self._session, "get_provider_graph_assignment_info") or RECORD_ASSIGNMENT not in self.options:
            return None
        counts: Dict[str, int] = {}
        for part in self._session.get_provider_graph_assignment_info():
            counts[part.ep_name] = counts.get(part.ep_name, 0) + len(part.get_nodes())
        return counts


def available() -> List[str]:
    """Providers of this build, which are not those that onnxruntime knows of."""
    return list(ort.get_available_providers())


def check_provider(provider: str) -> None:
    """An absent provider only warns and runs on the CPU: it must be refused before the load."""
    if provider not in available():
        raise LaunchFailed("PROVIDER_MISSING", "{} is not among {}".format(provider, ", ".join(available())))


def _options(wanted: Settings) -> Tuple[Any, Json]:
    absent = check_config(wanted.config)
    options = ort.SessionOptions()
    options.intra_op_num_threads = wanted.threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = LOG_ERRORS_ONLY
    if wanted.trace is not None:
        options.enable_profiling = True
        options.profile_file_prefix = wanted.trace
    for dim, size in wanted.dims.items():
        options.add_free_dimension_override_by_name(dim, size)
    for key in wanted.config:
        if key not in absent:
            options.add_session_config_entry(key, wanted.config[key])
    return options, _read_back(options, wanted, absent)


def _read_back(options: Any, wanted: Settings, absent: Mapping[str, str]) -> Json:
    """What the options say they are, which must be what was asked for."""
    found: Json = {
        "intra_op_num_threads": options.intra_op_num_threads,
        "inter_op_num_threads": options.inter_op_num_threads,
        "execution_mode": options.execution_mode.name,
        "graph_optimization_level": options.graph_optimization_level.name,
        "free_dimensions": dict(wanted.dims),
        "profiling": options.enable_profiling,
    }
    asked = {key: value for key, value in wanted.config.items() if key not in absent}
    got = {key: options.get_session_config_entry(key) for key in asked}
    if got != asked or found["intra_op_num_threads"] != wanted.threads:
        raise LaunchFailed(
            "AGENT_ERROR", "asked for {} and {} threads, read back {}".format(asked, wanted.threads, got)
        )
    if found["profiling"] != (wanted.trace is not None):
        raise LaunchFailed("AGENT_ERROR", "profiling reads back as {}".format(found["profiling"]))
    return {**found, **got, "absent": dict(absent)}


def versions() -> Json:
    build = getattr(ort, "get_build_info", None)
    return {"onnxruntime": ort.__version__, "onnxruntime_build": build() if build else None}


@contextmanager
def named_failures(loading: Callable[[], bool]) -> Iterator[None]:
    """Turns what onnxruntime raises into LaunchFailed; `loading` tells whether the model was still being loaded."""
    try:
        yield
    except MemoryError as error:
        raise LaunchFailed("OUT_OF_MEMORY", str(error) or "MemoryError") from error
    except (*ERRORS, RuntimeError, ValueError) as error:
        raise LaunchFailed(kind_of(error, loading=loading()), str(error)) from error


def kind_of(error: BaseException, *, loading: bool) -> str:
    text = str(error)
    if "Failed to allocate memory" in text or "bad_alloc" in text or "BFCArena" in text:
        return "OUT_OF_MEMORY"
    if type(error).__name__ == "NotImplemented" or "NOT_IMPLEMENTED" in text:
        return "NOT_IMPLEMENTED"
    return "INVALID_GRAPH" if loading else "BAD_INPUT"
