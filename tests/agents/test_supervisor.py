"""The supervisor: who may open it, when it ends, and that no runner outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import wire

Start = Callable[..., Client]
STAND_IN = """
import json, os, signal, sys, time
job = json.loads(sys.stdin.readline())
def say(msg, **fields):
    sys.stdout.write(json.dumps(dict(fields, msg=msg)) + "\\n")
    sys.stdout.flush()
launch = job["launch"]
"""


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    return parts.endless(tmp_path / "endless.onnx")


@pytest.fixture
def busy(start: Start, endless: Path, ones: Path) -> Client:
    """An agent whose runner is caught in an endless loop."""
    client = start()
    assert isinstance(client.open(), wire.Hello)
    client.start(endless, ones)
    client.until("first")
    return client


def runner_pid(board: Board) -> int:
    return int(board.holder()["runner_pid"])


def events(board: Board) -> list[tuple[str, int, str]]:
    return [(line["launch"], line["fence"], line["event"]) for line in board.journal()]


def run_stand_in(start: Start, tmp_path: Path, ones: Path, body: str, **changes: Any) -> parts.Launch:
    client = start("--runner", str(parts.script(tmp_path / "stand-in", STAND_IN + body)))
    assert isinstance(client.open(), wire.Hello)
    return client.launch(parts.identity(tmp_path / "identity.onnx"), ones, **changes)


def test_hello_tells_versions_providers_and_why_a_capability_is_missing(start: Start, pyz: Path) -> None:
    hello = start().open()
    assert isinstance(hello, wire.Hello)
    assert hello.agent == parts.sha256(pyz.read_bytes())
    assert parts.CPU in hello.providers
    assert hello.onnxruntime
    assert hello.numpy
    assert hello.facts["arch"] == os.uname().machine
    assert set(hello.facts["big"]) <= set(hello.facts["cpus"])
    assert [name for name, said in hello.capabilities.items() if not said["ok"] and not said["reason"]] == []


def test_the_supervisor_itself_never_loads_the_runtime(start: Start) -> None:
    client = start()
    assert isinstance(client.open(), wire.Hello)
    maps = Path(f"/proc/{client.process.pid}/maps").read_text()
    assert "onnxruntime" not in maps
    assert "numpy" not in maps


def test_nothing_is_touched_before_open(start: Start, board: Board) -> None:
    client = start()
    assert client.end() == 0
    assert not board.base.exists()


def test_another_wire_version_is_refused_and_touches_nothing(start: Start, board: Board) -> None:
    client = start()
    client.send(wire.Open(wire.VERSION + 1, 1, str(board.base)))
    refused = client.read()
    assert isinstance(refused, wire.Refused)
    assert refused.reason == "wire"
    assert client.process.wait(parts.PATIENCE_S) == 0
    assert not board.base.exists()


@pytest.mark.parametrize("base", ["", "../up", "a/../../b", "nul\0byte"])
def test_a_base_that_leads_elsewhere_is_refused(start: Start, tmp_path: Path, base: str) -> None:
    client = start(cwd=tmp_path)
    client.send(wire.Open(wire.VERSION, 1, base))
    assert isinstance(client.read(), wire.Refused)
    assert list(tmp_path.iterdir()) == []


def test_a_base_that_cannot_be_made_is_refused_with_the_reason(start: Start, board: Board) -> None:
    board.base.parent.joinpath("base").write_text("a file in the way")
    refused = start().open()
    assert isinstance(refused, wire.Refused)
    assert "exists" in refused.detail


def test_an_interpreter_without_a_runtime_is_refused_with_what_is_missing(start: Start, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    client = start(python=str(tmp_path / "bare" / "bin" / "python"))
    refused = client.open()
    assert isinstance(refused, wire.Refused)
    assert refused.reason == "no_runtime"
    assert "numpy" in refused.detail
    assert client.process.wait(parts.PATIENCE_S) == 0


def test_the_end_of_stdin_ends_runner_and_agent_and_closes_the_journal(busy: Client, board: Board) -> None:
    pid = runner_pid(board)
    assert busy.end() == 0
    assert not parts.alive(pid)
    assert events(board) == [("1.1", 1, "start"), ("1.1", 1, "end")]


def test_a_silent_orchestrator_trips_the_dead_mans_switch(
    start: Start, board: Board, endless: Path, ones: Path
) -> None:
    client = start()
    assert isinstance(client.open(deadman_s=1.0), wire.Hello)
    client.start(endless, ones)
    client.until("first")
    pid = runner_pid(board)
    assert client.process.wait(parts.PATIENCE_S) == 0
    assert not parts.alive(pid)
    assert "silent" in client.errors()


def test_the_dead_mans_switch_works_with_nobody_reading(start: Start, board: Board, tmp_path: Path, ones: Path) -> None:
    """A half-open link: megabytes of samples wait in a pipe that no one empties."""
    client = start()
    assert isinstance(client.open(deadman_s=2.0), wire.Hello)
    client.start(parts.identity(tmp_path / "identity.onnx"), ones, recipe={"slot_s": 1.0})
    assert client.process.wait(parts.PATIENCE_S) == 0
    assert board.holder()["runner_pid"] is None


def test_beats_keep_the_agent_alive_and_the_agent_beats_while_a_job_runs(
    start: Start, endless: Path, ones: Path
) -> None:
    client = start()
    assert isinstance(client.open(deadman_s=2.0), wire.Hello)
    client.start(endless, ones)
    beats = 0
    while beats < 4:
        client.send(wire.Beat(time.monotonic_ns()))
        beats += isinstance(wire.decode(client.line()), wire.Beat)
    assert client.process.poll() is None


def test_an_idle_agent_does_not_beat(start: Start) -> None:
    client = start()
    assert isinstance(client.open(deadman_s=2.5), wire.Hello)
    client.process.wait(parts.PATIENCE_S)
    assert client.process.stdout is not None
    assert client.process.stdout.read() == b""


def test_stop_ends_the_launch_and_the_agent_stays(busy: Client, board: Board, tmp_path: Path, ones: Path) -> None:
    pid = runner_pid(board)
    busy.send(wire.Stop("cancelled"))
    failed = busy.hear().failed
    assert (failed.kind, failed.detail) == ("STOPPED", "cancelled")
    assert not parts.alive(pid)
    assert busy.launch(parts.identity(tmp_path / "identity.onnx"), ones, launch="2.1").done


def test_stop_without_a_launch_is_nothing(start: Start, tmp_path: Path, ones: Path) -> None:
    client = start()
    assert isinstance(client.open(), wire.Hello)
    client.send(wire.Stop("just in case"))
    assert client.launch(parts.identity(tmp_path / "identity.onnx"), ones).done


def test_the_runner_dies_with_a_supervisor_that_is_killed(busy: Client, board: Board) -> None:
    pid = runner_pid(board)
    busy.process.kill()
    parts.wait_for(lambda: not parts.alive(pid), "the runner outlived its supervisor")


def test_the_next_agent_closes_what_a_killed_one_left_open(busy: Client, board: Board, start: Start) -> None:
    busy.process.kill()
    busy.process.wait()
    assert isinstance(start().open(fence=2), wire.Hello)
    assert events(board) == [("1.1", 1, "start"), ("1.1", 1, "end")]
    assert list((board.base / "scratch").iterdir()) == []


def test_a_polite_signal_ends_the_runner_too(busy: Client, board: Board) -> None:
    pid = runner_pid(board)
    busy.process.send_signal(signal.SIGTERM)
    assert busy.process.wait(parts.PATIENCE_S) == 128 + signal.SIGTERM
    assert not parts.alive(pid)
    assert events(board)[-1] == ("1.1", 1, "end")


def test_a_runner_killed_from_outside_is_a_crash_with_its_signal(busy: Client, board: Board) -> None:
    os.kill(runner_pid(board), signal.SIGKILL)
    failed = busy.hear().failed
    assert (failed.stage, failed.kind) == ("first", "CRASH(SIGKILL)")


def test_a_second_job_while_one_runs_is_a_breach_of_protocol(
    busy: Client, board: Board, ones: Path, endless: Path
) -> None:
    pid = runner_pid(board)
    busy.send(parts.job(endless, board.push(ones), launch="2.1"))
    assert busy.process.wait(parts.PATIENCE_S) == 2
    assert not parts.alive(pid)


def test_a_job_whose_variant_was_not_prepared_is_the_agents_error(
    start: Start, board: Board, tmp_path: Path, ones: Path
) -> None:
    client = start()
    assert isinstance(client.open(), wire.Hello)
    client.send(parts.job(parts.identity(tmp_path / "identity.onnx"), board.push(ones)))
    assert client.hear().failed.kind == "AGENT_ERROR"


HOSTILE = {
    "blank": b"\n",
    "not UTF-8": b"\xff\xfe\n",
    "not JSON": b"hello there\n",
    "a number beyond floats": b'{"msg":"beat","t_ns":1e999}\n',
    "NaN": b'{"msg":"beat","t_ns":NaN}\n',
    "deep nesting": b'{"msg":"beat","t_ns":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n",
    "unknown message": b'{"msg":"exec","argv":["rm"]}\n',
    "a missing field": b'{"msg":"job","launch":"1.1"}\n',
    "an agent's word": b'{"msg":"beat","t_ns":1}\n{"msg":"ready","missing":[]}\n',
    "a line without end": b"x" * (wire.LINE_LIMIT + 2),
    "a digest that climbs": b'{"msg":"prepare","variants":[],"files":["../../../etc/passwd"]}\n',
    "a name that climbs": b'{"msg":"prepare","variants":[{"sha256":"%s","files":[{"name":"../x","sha256":"%s","size":1}]}],"files":[]}\n'
    % (b"a" * 64, b"b" * 64),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_line_that_is_no_message_ends_the_agent_and_writes_nothing(
    start: Start, board: Board, tmp_path: Path, data: bytes
) -> None:
    client = start("--runner", "/bin/false")
    assert isinstance(client.open(), wire.Hello)
    client.write(data)
    assert client.process.wait(parts.PATIENCE_S) == 2
    assert "farm agent:" in client.errors()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["lock"]


@pytest.mark.parametrize(
    "change",
    [{"launch": "../1"}, {"launch": ".hidden"}, {"kind": "exec"}, {"body": {"file": "../../x"}}, {"body": {"variant": "../" * 8}},
     {"feeds": {"sha256": "f" * 63}}, {"feeds": {"rows": -1}}, {"point": {"pace_hz": 0.0}}, {"recipe": {"slot_s": -1.0}},
     {"golden": "/etc/passwd"}],
    ids=str,
)  # fmt: skip
def test_a_job_that_leads_elsewhere_is_never_started(
    start: Start, board: Board, tmp_path: Path, ones: Path, change: dict[str, Any]
) -> None:
    client = start("--runner", "/bin/false")
    assert isinstance(client.open(), wire.Hello)
    client.send(parts.job(parts.identity(tmp_path / "identity.onnx"), board.push(ones), **change))
    assert client.process.wait(parts.PATIENCE_S) == 2
    assert not (board.base / "journal.jsonl").exists()


def test_a_stand_in_speaks_for_a_runner(start: Start, tmp_path: Path, ones: Path) -> None:
    body = """
say("stage", launch=launch, stage="slot", t_ns=1)
say("samples", launch=launch, first=0, t0_ns=5, latency_ns=[1, 2, 3])
say("done", launch=launch, facts={"synthetic": True, "role": sys.argv[1]})
"""
    launch = run_stand_in(start, tmp_path, ones, body)
    assert launch.latency_ns == [1, 2, 3]
    assert launch.done.facts["synthetic"] is True
    assert launch.done.facts["role"] == "runner"


def test_an_agent_with_a_stand_in_says_that_it_has_no_runtime(start: Start) -> None:
    hello = start("--runner", "/bin/true").open()
    assert isinstance(hello, wire.Hello)
    assert hello.onnxruntime is None
    assert hello.capabilities["runtime"] == {"ok": False, "reason": "a stand-in runs the launches"}


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        ("print('not the wire', flush=True)", "AGENT_ERROR", "nonsense"),
        ("say('stage', launch='9.9', stage='load', t_ns=1); time.sleep(60)", "AGENT_ERROR", "9.9"),
        ("say('ready', missing=[]); time.sleep(60)", "AGENT_ERROR", "Ready"),
        ("sys.exit('no luck today')", "AGENT_ERROR", "no luck today"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "CRASH(SIGSEGV)", "nothing on stderr"),
        ("os.close(1); os.close(2); time.sleep(60)", "AGENT_ERROR", "did not end"),
    ],
)  # fmt: skip
def test_a_runner_that_goes_wrong_is_a_failed_launch_with_what_it_left(
    start: Start, tmp_path: Path, ones: Path, *, body: str, kind: str, detail: str
) -> None:
    failed = run_stand_in(start, tmp_path, ones, body + "\n").failed
    assert failed.kind == kind
    assert detail in failed.detail


def test_a_runner_program_that_is_not_there_fails_the_launch_and_closes_the_journal(
    start: Start, board: Board, tmp_path: Path, ones: Path
) -> None:
    client = start("--runner", str(tmp_path / "nowhere"))
    assert isinstance(client.open(), wire.Hello)
    failed = client.launch(parts.identity(tmp_path / "identity.onnx"), ones).failed
    assert failed.kind == "AGENT_ERROR"
    assert "nowhere" in failed.detail
    assert [event for _, _, event in events(board)] == ["start", "end"]


def test_what_a_runner_left_behind_dies_with_its_launch(start: Start, tmp_path: Path, ones: Path) -> None:
    body = """
child = os.fork()
if child == 0:
    time.sleep(600)
say("done", launch=launch, facts={"child": child})
os._exit(0)
"""
    launch = run_stand_in(start, tmp_path, ones, body)
    parts.wait_for(lambda: not parts.alive(launch.done.facts["child"]), "the child lives on")


def test_a_job_of_half_a_megabyte_reaches_a_runner(start: Start, tmp_path: Path, ones: Path) -> None:
    arrays = {f"tensor_{k}": "x" * 50 for k in range(7000)}
    body = 'say("done", launch=launch, facts={"n": len(job["feeds"]["arrays"])})\n'
    launch = run_stand_in(start, tmp_path, ones, body, feeds={"arrays": arrays})
    assert launch.done.facts["n"] == 7000


def test_a_runner_that_never_reads_its_job_does_not_hold_the_agent_up(start: Start, tmp_path: Path, ones: Path) -> None:
    path = tmp_path / "deaf"
    path.write_text("#!/bin/sh\nexec sleep 600\n")
    path.chmod(0o755)
    client = start("--runner", str(path))
    assert isinstance(client.open(), wire.Hello)
    failed = client.launch(parts.identity(tmp_path / "identity.onnx"), ones, deadline_s=1.0).failed
    assert failed.kind == "TIMEOUT"
