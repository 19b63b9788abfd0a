"""What the kernel sees of a slot: waiting for a lock and asking for the time, nothing else."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import agents_support as parts
from agents_support import Client
from farm_agents import wire

Start = Callable[..., Client]
CLOCK = "clock_gettime(CLOCK_PROCESS_CPUTIME_ID"  # read right before and right after the slot


def strace() -> str:
    found = shutil.which("strace")
    assert found, "install strace: this test watches the runner's system calls"
    return found


def calls_in_the_slot(trace: str) -> list[str]:
    """Names of system calls between the two readings of the process clock, over all threads."""
    lines = trace.splitlines()
    marks = [k for k, line in enumerate(lines) if CLOCK in line]
    assert len(marks) == 2, f"{len(marks)} readings of the process clock"
    return [match[1] for line in lines[marks[0] + 1 : marks[1]] if (match := re.match(r"(?:\d+\s+)?(\w+)\(", line))]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_slot_makes_no_system_call_but_futex_and_clock(start: Start, pyz: Path, tmp_path: Path, threads: int) -> None:
    trace = tmp_path / "trace"
    body = f"#!/bin/sh\nexec {strace()} -f -qq -o {trace} {sys.executable} -I {pyz} runner\n"
    wrapper = tmp_path / "traced"
    wrapper.write_text(body)
    wrapper.chmod(0o755)
    client = start("--runner", str(wrapper))
    assert isinstance(client.open(), wire.Hello)
    point = {"threads": threads, "cpus": "all"}
    launch = client.launch(parts.mlp(tmp_path / "mlp.onnx", width=512), parts.ones(tmp_path / "ones.npz"), point=point)
    assert launch.done.facts["n"] >= 50
    assert set(calls_in_the_slot(trace.read_text())) <= {"futex", "clock_gettime", "sched_yield"}


def test_the_check_sees_a_call_where_there_is_one() -> None:
    noisy = f"7 {CLOCK}, x) = 0\n7 write(1, x) = 1\n8 futex(0x1) = 0\n7 {CLOCK}, x) = 0\n7 read(1) = 0"
    assert calls_in_the_slot(noisy) == ["write", "futex"]


def test_strace_can_watch_on_this_machine(tmp_path: Path) -> None:
    answer = subprocess.run([strace(), "-o", str(tmp_path / "t"), "true"], capture_output=True, check=False, text=True)
    assert answer.returncode == 0, f"strace may not trace here: {answer.stderr}"
