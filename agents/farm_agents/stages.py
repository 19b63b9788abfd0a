"""The stages of a launch from the digests to the result; importing this file imports the runtime."""

import os
import platform
import time
from typing import Any, Dict, List, Mapping

import numpy as np

from farm_agents import cycles, feeds, golden, memory, runtime
from farm_agents.evaluate import evaluate
from farm_agents.fact import told
from farm_agents.failure import LaunchFailed
from farm_agents.feeds import Inputs
from farm_agents.measure import measure
from farm_agents.profile import prefix, profile
from farm_agents.runtime import Session
from farm_agents.scene import Scene, Voice
from farm_agents.spec import Work
from farm_agents.wire import Done, Json

KINDS = {"measure": measure, "evaluate": evaluate, "profile": profile}


def run(work: Work, scene: Scene, voice: Voice) -> Done:
    """The life of a launch. Raises LaunchFailed."""
    with runtime.named_failures(loading=lambda: voice.at == "load"):
        scene.facts.update(versions())
        voice.stage("verify")
        verify(work, scene)
        voice.stage("load")
        session = load(work, scene)
        voice.stage("bind")
        inputs = bind(work, scene, session)
        voice.stage("first")
        findings = first(work, scene, session)
        more = KINDS[work.kind](work, scene, voice, session, inputs)
        return Done(work.launch, scene.facts, [*findings, *more])


def versions() -> Json:
    return {"python": platform.python_version(), "numpy": np.__version__, **runtime.versions()}


def verify(work: Work, scene: Scene) -> None:
    """Every file the launch reads is what its digest says; the supervisor's verdict counts while the file is the same."""
    for path, sha256 in scene.files:
        if not os.path.exists(path):
            raise LaunchFailed("AGENT_ERROR", "{} does not lie in place".format(path))
        if not scene.verdicts.holds(path, sha256):
            raise LaunchFailed("BAD_INPUT", "{} does not have the sha256 {}".format(path, sha256))
    reason = memory.too_large(scene.tree, work.bytes)
    if reason:
        raise LaunchFailed("OUT_OF_MEMORY", reason)


def load(work: Work, scene: Scene) -> Session:
    threads = work.point.threads or len(scene.cpus or ()) or os.cpu_count() or 1
    path = os.path.join(scene.place.variant(work.variant), work.file)
    scene.facts.update(told("nvmap_import", memory.nvmap_bytes(scene.tree), memory.NO_NVMAP))
    if work.kind == "measure":
        scene.cycles = cycles.counter(scene.tree, scene.cpus or ())  # the threads of the session are counted too
    reason = memory.reset_peak()
    start = time.perf_counter_ns()
    trace = prefix(scene.place, work.launch) if work.kind == "profile" else None
    session = Session(path, runtime.settings(work.point.provider, threads, work.feeds.dims, trace))
    scene.facts.update(
        load_ms=(time.perf_counter_ns() - start) / 1e6,
        rss_load=memory.resident_bytes(),
        threads=threads,
        providers=session.providers,
        options=session.options,
        operators=session.operators(),
        page_size=memory.page_size()[0],
        **memory.peak_facts("hwm_load", reason),
    )
    return session


def bind(work: Work, scene: Scene, session: Session) -> Inputs:
    inputs = feeds.load(scene.place.cas(work.feeds.sha256), work.feeds, session.inputs)
    session.bind(inputs.row(0))
    return inputs


def first(work: Work, scene: Scene, session: Session) -> List[Json]:
    """The first two inferences; what they say must be finite, and is compared with the golden output."""
    scene.facts["first_ms"] = _once_ms(session)
    scene.facts["second_ms"] = _once_ms(session)
    outputs = session.results()
    check_finite(outputs, scene.facts)
    scene.facts["output_digest"] = golden.digest(outputs)
    expected = feeds.load_arrays(scene.place.cas(work.golden)) if work.golden else None
    compared = golden.compare(outputs, expected, quantised=work.quantised)
    scene.facts.update(compared["facts"])
    return list(compared["findings"])


def check_finite(outputs: Mapping[str, Any], facts: Dict[str, Any]) -> None:
    spoilt = golden.not_finite(outputs)
    facts["output_finite"] = not spoilt
    if spoilt:
        raise LaunchFailed("NON_FINITE", "output {} holds a NaN or an infinity".format(", ".join(spoilt)))


def _once_ms(session: Session) -> float:
    start = time.perf_counter_ns()
    session.call(session.binding)
    return (time.perf_counter_ns() - start) / 1e6
