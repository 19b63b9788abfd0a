"""A limit on the memory of a launch: held by a control group where the board lets us, named as not held where not."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import agents_support as parts
from agents_support import Board, Client, tree
from farm_agents import canary, cgroup, limit, spec, wire
from farm_agents.limit import Bounds, Group, Taken
from farm_agents.place import Place
from farm_agents.sysfs import Sysfs

Start = Callable[..., Client]
MB = 1_000_000
LIMIT = 250 * MB
HERE = cgroup.reason(Sysfs())  # None where this machine and account can hold a limit


@pytest.fixture
def large(tmp_path: Path) -> tuple[Path, Path]:
    """A model that takes 256 MB at its first inference."""
    return parts.forty_gigabytes(tmp_path / "large.onnx"), parts.save_arrays(
        tmp_path / "shape.npz", x=np.array([8_000, 8_000], np.float32)
    )


def group_of(base: Path) -> Path | None:
    """The control group that is noted in a base."""
    note = base / "limit"
    return Path(note.read_text()) if note.exists() else None


def findings(done: wire.Done) -> list[str]:
    return [each["name"] for each in done.findings]


def test_hello_says_whether_a_launch_can_be_limited(start: Start) -> None:
    hello = start().open()
    assert isinstance(hello, wire.Hello)
    assert hello.capabilities["memory_limit"] == {"ok": HERE is None, "reason": HERE}


def test_a_launch_over_its_limit_is_out_of_memory_and_the_next_one_runs(
    client: Client, board: Board, large: tuple[Path, Path], tmp_path: Path
) -> None:
    launch = client.launch(*large, memory_limit=LIMIT)
    if HERE is None:
        failed = launch.failed
        assert (failed.stage, failed.kind) == ("first", "OUT_OF_MEMORY")
        assert failed.detail.startswith("more than --memory-limit 250.0 MB allows: ")
        assert (failed.facts["memory_limit"], failed.facts["memory_limit_held"]) == (LIMIT, True)
        assert failed.facts["cgroup_oom_kills"] >= 1
        assert 0.9 * LIMIT < failed.facts["cgroup_peak"] <= LIMIT
    else:
        assert (launch.done.facts["memory_limit_held"], launch.done.facts["memory_limit_reason"]) == (False, HERE)
        assert findings(launch.done).count("MEMORY_NOT_LIMITED") == 1
    small = parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz")
    done = client.launch(*small, launch="2.1", memory_limit=LIMIT).done
    assert done.facts["memory_limit_held"] is (HERE is None)
    assert ("MEMORY_NOT_LIMITED" in findings(done)) is (HERE is not None)
    assert group_of(board.base) is None


def test_the_same_launch_without_a_limit_is_done_and_says_what_nobody_counted(
    client: Client, large: tuple[Path, Path]
) -> None:
    few = {"warmup_iterations": 1, "min_iterations": 1, "slot_cap_s": 0.05}
    done = client.launch(*large, recipe=few).done
    assert (done.facts["cgroup_peak"], done.facts["cgroup_peak_reason"]) == (None, limit.NOT_ASKED)
    assert not {"memory_limit", "memory_limit_held"} & done.facts.keys()
    assert findings(done).count("MEMORY_NOT_LIMITED") == 0
    assert done.facts["peak_memory"] > 256 * MB


def test_a_limit_beyond_the_board_is_not_held_and_the_launch_goes_on(start: Start, tmp_path: Path) -> None:
    sysroot = tmp_path / "root"
    (sysroot / "proc").mkdir(parents=True)
    (sysroot / "proc/meminfo").write_text("MemTotal: 1048576 kB\nMemAvailable: 1048576 kB\n")
    client = start()
    assert isinstance(client.open(sysroot=str(sysroot)), wire.Hello)
    done = client.launch(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz"), memory_limit=2 << 30).done
    assert done.facts["memory_limit_reason"] == "the board has 1073.7 MB, less than the limit"
    (told,) = [each["text"] for each in done.findings if each["name"] == "MEMORY_NOT_LIMITED"]
    assert told == "--memory-limit 2147.5 MB was not enforced: the board has 1073.7 MB, less than the limit."


def test_what_a_killed_agent_left_is_removed_by_the_next(start: Start, board: Board, tmp_path: Path) -> None:
    client = start()
    assert isinstance(client.open(1), wire.Hello)
    client.start(parts.endless(tmp_path / "endless.onnx"), parts.ones(tmp_path / "ones.npz"), memory_limit=LIMIT)
    client.until("first")
    group, runner = group_of(board.base), int(board.holder()["runner_pid"])
    assert (group is not None and group.is_dir()) is (HERE is None)
    os.kill(client.process.pid, signal.SIGKILL)
    parts.wait_for(lambda: not parts.alive(runner), "the runner outlived its agent")
    assert isinstance(start().open(2), wire.Hello)
    assert group is None or not group.exists()
    assert group_of(board.base) is None


def test_whatever_still_runs_in_a_noted_group_is_ended_with_it(tmp_path: Path) -> None:
    where = Place(str(tmp_path))
    made = limit.bounds(where, Sysfs(), LIMIT)
    assert (made.group is None, made.reason or None) == (HERE is not None, HERE)
    sleeper = subprocess.Popen(["sleep", "600"], preexec_fn=made.group.enter if made.group else None)  # noqa: PLW1509 - one thread
    assert limit.entered(made, sleeper) == made
    limit.clear(where.limit)
    if made.group is None:
        sleeper.kill()
    assert sleeper.wait(parts.PATIENCE_S) == -signal.SIGKILL
    assert not (tmp_path / "limit").exists()
    assert made.group is None or not Path(made.group.folder).exists()


def test_a_note_that_names_no_group_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "somebody").mkdir()
    (tmp_path / "limit").write_text(str(tmp_path / "somebody"))
    limit.clear(str(tmp_path / "limit"))
    assert (tmp_path / "somebody").is_dir()


def test_the_canary_does_not_break_the_limit_of_the_launch() -> None:
    bird = canary.make(Sysfs(), [0], 1_000_000_000, memory_limit=1 << 20)
    clock, memory = bird.parts
    assert clock.runtime is not None
    assert memory.runtime is None
    assert "OUT_OF_MEMORY" in memory.reason
    assert memory.reason.endswith(" 0 are")


@pytest.mark.parametrize("value", [-1, 1 << 62])
def test_a_limit_that_is_no_count_is_refused(value: int, tmp_path: Path) -> None:
    job = parts.job(parts.mlp(tmp_path / "mlp.onnx"), parts.VARIANT)
    with pytest.raises(wire.WireError, match="no count"):
        spec.read(replace(job, memory_limit=value))


@pytest.mark.parametrize("value", ["180MB", 1.5, True])
def test_a_limit_that_is_no_number_of_bytes_is_no_message(value: Any, tmp_path: Path) -> None:
    line = wire.encode(parts.job(parts.mlp(tmp_path / "mlp.onnx"), parts.VARIANT, memory_limit=value))
    with pytest.raises(wire.WireError, match=r"job\.memory_limit has the wrong type"):
        wire.decode(line)


# Where the control groups are, on trees of files.

FIRST = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
SECOND = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
SESSION = "/user.slice/user-1000.slice/session-3.scope"


def groups(own: str, mounts: str, **files: str) -> dict[str, str]:
    return {"proc/self/cgroup": own, "proc/self/mountinfo": f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n{mounts}", **files}


def second(*passing: str, counted: str = "cpu memory pids") -> dict[str, str]:
    """A session of the second version, in which the groups `passing` pass memory on."""
    folders = ["", "/user.slice", "/user.slice/user-1000.slice", SESSION]
    files = {"sys/fs/cgroup/cgroup.controllers": counted}
    for folder in folders:
        files[f"sys/fs/cgroup{folder}/cgroup.procs"] = ""
        files[f"sys/fs/cgroup{folder}/cgroup.subtree_control"] = "memory pids" if folder in passing else ""
    return groups(f"0::{SESSION}\n", SECOND, **files)


def test_of_the_first_version_the_place_is_the_agent_s_own_group(tmp_path: Path) -> None:
    own = "4:memory:/jobs/1\n3:cpu,cpuacct:/\n0::/\n"
    found = tree(tmp_path, **groups(own, FIRST, **{"sys/fs/cgroup/memory/jobs/1/cgroup.procs": ""}))
    group = f"{tmp_path}/sys/fs/cgroup/memory/jobs/1"
    assert cgroup.find(found) == cgroup.Ground(group, cgroup.FIRST, group)


def test_a_group_is_found_below_what_of_the_hierarchy_is_mounted(tmp_path: Path) -> None:
    mount = FIRST.replace(" / /sys", " /docker/abc /sys")
    found = tree(tmp_path, **groups("4:memory:/docker/abc/in\n", mount, **{"sys/fs/cgroup/memory/in/cgroup.procs": ""}))
    assert cgroup.find(found).folder == f"{tmp_path}/sys/fs/cgroup/memory/in"
    assert cgroup.reason(tree(tmp_path, **groups("4:memory:/docker/abcd\n", mount))) == cgroup.NOT_SEEN


def test_of_the_second_version_the_place_is_the_nearest_group_that_passes_memory_on(tmp_path: Path) -> None:
    found = cgroup.find(tree(tmp_path, **second("", "/user.slice")))
    top = f"{tmp_path}/sys/fs/cgroup"
    assert found == cgroup.Ground(f"{top}/user.slice", cgroup.SECOND, f"{top}{SESSION}")


EVENTS = "memory/jobs/1/memory.oom_control", "user.slice/memory.events"


@pytest.mark.parametrize(("files", "kills"), [
    (groups("4:memory:/jobs/1\n0::/\n", FIRST, **{f"sys/fs/cgroup/{EVENTS[0]}": "under_oom 0\noom_kill 2\n"}), 2),
    ({**second(), f"sys/fs/cgroup/{EVENTS[1]}": "oom 5\noom_kill 3\noom_group_kill 0\n"}, 3),
    ({**second(), "sys/fs/cgroup/cgroup.events": "oom_kill 9\n"}, None),
    (groups("0::/../other\n", SECOND), None),
    ({"proc/vmstat": "oom_kill 7\n"}, None),
])  # fmt: skip
def test_ended_for_want_of_memory_is_counted_in_our_own_group_alone(
    tmp_path: Path, files: dict[str, str], kills: int | None
) -> None:
    """A kernel that others share counts theirs in /proc/vmstat as well."""
    assert cgroup.kills(tree(tmp_path, **files)) == kills


@pytest.mark.parametrize(("files", "why"), [
    ({"proc/self/cgroup": ""}, cgroup.NONE),
    (groups("0::/\n", ""), cgroup.NOT_SEEN),
    (groups("0::/../other\n", SECOND), cgroup.NOT_SEEN),
    (second("", counted="cpu io pids"), cgroup.NOT_COUNTED),
    (groups("2:cpu:/\n", FIRST.replace("rw,memory", "rw,cpu")), cgroup.NOT_COUNTED),
    (second(), cgroup.NOT_PASSED_ON.format(f"/sys/fs/cgroup{SESSION}")),
])  # fmt: skip
def test_why_no_launch_can_be_limited_is_told(tmp_path: Path, files: dict[str, str], why: str) -> None:
    assert cgroup.reason(tree(tmp_path, **files)) == why


def test_a_group_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = tree(tmp_path, **groups("4:memory:/gone\n", FIRST))
    assert cgroup.reason(found) == f"{tmp_path}/sys/fs/cgroup/memory/gone is not there"


def test_an_account_that_may_not_is_told_what_would_let_it() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = tree(Path(folder), **second("", "/user.slice"))
        Path(folder).chmod(0o755)
        closed = [Path(folder) / "sys/fs/cgroup", Path(folder) / "sys/fs/cgroup/user.slice"]
        for path in closed:
            path.chmod(0o555)
        assert as_nobody(lambda: cgroup.reason(found)) == cgroup.CLOSED.format(closed[1])
        for path in closed:
            path.chmod(0o755)


def as_nobody(ask: Callable[[], str | None]) -> str:
    """What an account without rights hears; without root this one is such an account."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        os.write(theirs, (ask() or "").encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with os.fdopen(ours) as pipe:
        return pipe.read()


def test_files_without_a_kernel_behind_them_are_no_limit_and_nothing_stays(tmp_path: Path) -> None:
    found = tree(tmp_path, **groups("4:memory:/\n", FIRST, **{"sys/fs/cgroup/memory/cgroup.procs": ""}))
    base = tmp_path / "base"
    base.mkdir()
    made = limit.bounds(Place(str(base)), found, LIMIT)
    assert made.held is None
    assert "memory.limit_in_bytes" in made.reason
    assert [path.name for path in (tmp_path / "sys/fs/cgroup/memory").iterdir()] == ["cgroup.procs"]
    assert list(base.iterdir()) == []


@pytest.mark.parametrize(("words", "swap"), [(cgroup.FIRST, str(LIMIT)), (cgroup.SECOND, "0")])
def test_the_limit_leaves_no_way_out_into_swap(tmp_path: Path, words: cgroup.Words, swap: str) -> None:
    tree(tmp_path, **{words.limit: "", words.swap: ""})
    limit.hold(Group(str(tmp_path), words, ""), LIMIT, swap=True)
    assert ((tmp_path / words.limit).read_text(), (tmp_path / words.swap).read_text()) == (str(LIMIT), swap)


def test_a_board_that_would_swap_a_launch_out_cannot_hold_its_limit(tmp_path: Path) -> None:
    tree(tmp_path, **{"memory.max": ""})
    group = Group(str(tmp_path), cgroup.SECOND, "")
    limit.hold(group, LIMIT, swap=False)
    with pytest.raises(cgroup.NoGround, match="does not count swap"):
        limit.hold(group, LIMIT, swap=True)


def test_a_limit_that_reads_back_as_another_one_is_not_held(tmp_path: Path) -> None:
    tree(tmp_path, **{"memory.max": "9" * 12, "memory.swap.max": ""})
    with pytest.raises(cgroup.NoGround, match=r"memory\.max reads 250000000999 after 250000000 was written"):
        limit.hold(Group(str(tmp_path), cgroup.SECOND, ""), LIMIT, swap=True)


def test_a_runner_that_stands_outside_its_group_is_not_limited(tmp_path: Path) -> None:
    group = Group(str(tmp_path), cgroup.SECOND, str(tmp_path / "note"))
    tree(tmp_path, **{"cgroup.procs": "1\n0\n"})
    sleeper = subprocess.Popen(["sleep", "600"])
    made = limit.entered(Bounds(LIMIT, group, ""), sleeper)
    sleeper.kill()
    sleeper.wait()
    assert (made.held, made.reason) == (None, f"the runner could not enter {tmp_path}")
    assert limit.facts(made, Taken())["memory_limit_reason"] == made.reason


def test_what_a_group_counted_is_read_from_either_version(tmp_path: Path) -> None:
    tree(tmp_path, **{"memory.peak": "7\n", "memory.events": "low 0\noom 2\noom_kill 1\noom_group_kill 0\n"})
    tree(tmp_path, **{"memory.max_usage_in_bytes": "8\n", "memory.oom_control": "under_oom 0\noom_kill 2\n"})
    for words, told in ((cgroup.SECOND, Taken(7, 1)), (cgroup.FIRST, Taken(8, 2))):
        made = Bounds(LIMIT, Group(str(tmp_path), words, ""), "")
        assert limit.taken(made) == told
    assert limit.taken(Bounds(LIMIT, Group(str(tmp_path / "gone"), cgroup.SECOND, ""), "")) == Taken()
    assert limit.facts(made, Taken())["cgroup_peak_reason"] == limit.NOT_TOLD


def test_what_is_no_number_in_a_group_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text("0\n²\n17\n")
    (tmp_path / "memory.peak").write_text("²\n")
    group = Group(str(tmp_path), cgroup.SECOND, "")
    assert group.pids() == [17]
    assert group.number("memory.peak") is None
