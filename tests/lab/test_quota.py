"""A runner's quota of CPU time, on both versions of the kernel's control groups."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from farm_agents.sysfs import Sysfs
from farm_lab import quota
from farm_lab.quota import Quota

FIRST = "1 0 0:1 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
SECOND = "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def tree(root: Path, own: str, mounts: str, **files: str) -> Sysfs:
    for name, text in {"proc/self/cgroup": own, "proc/self/mountinfo": mounts, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Sysfs(str(root))


def group(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("")
    return folder


def test_each_version_is_told_in_its_own_words_and_no_less_than_the_kernel_takes(tmp_path: Path) -> None:
    first = group(tmp_path / "first", quota.PROCESSES, "cpu.cfs_period_us", "cpu.cfs_quota_us")
    second = group(tmp_path / "second", quota.PROCESSES, "cpu.max")
    (tmp_path / quota.PROCESSES).write_text("1\n7\n")
    held = [Quota(7, folder, tmp_path) for folder in (first, second)]
    for each in held:
        each.hold(0.75)
    assert (first / "cpu.cfs_period_us").read_text() == "5000"
    assert (first / "cpu.cfs_quota_us").read_text() == "3750"
    assert (second / "cpu.max").read_text() == "3750 5000"
    assert [(folder / quota.PROCESSES).read_text() for folder in (first, second)] == ["7", "7"]
    held[1].hold(0.01)
    assert (second / "cpu.max").read_text() == "1000 5000"


def test_a_process_that_another_group_limits_is_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / quota.PROCESSES).write_text("1\n")
    with pytest.raises(ProcessLookupError, match="7 is not in"):
        Quota(7, tmp_path / "group", tmp_path)
    assert not (tmp_path / "group").exists()


def test_the_place_is_found_where_control_of_the_cpu_is_passed_on(tmp_path: Path) -> None:
    own = "0::/user.slice/app/run.scope\n"
    passing = {f"sys/fs/cgroup{at}/cgroup.subtree_control": "cpu" for at in ("", "/user.slice", "/user.slice/app")}
    closed = {f"sys/fs/cgroup{at}/cgroup.procs": "" for at in ("", "/user.slice", "/user.slice/app")}
    shown = tree(tmp_path, own, SECOND, **{"sys/fs/cgroup/cgroup.controllers": "cpu memory", **passing, **closed})
    assert quota.ground(shown) is None, "a plain folder has no cpu.max: what was tried is gone again"
    assert sorted(path.name for path in (tmp_path / "sys/fs/cgroup/user.slice/app").iterdir()) == [
        "cgroup.procs",
        "cgroup.subtree_control",
    ]


@pytest.mark.parametrize(("own", "mounts"), [("", ""), ("1:cpu:/gone\n", FIRST), ("0::/\n", SECOND)])
def test_without_control_groups_of_the_cpu_there_is_no_place(tmp_path: Path, own: str, mounts: str) -> None:
    assert quota.ground(tree(tmp_path, own, mounts)) is None


def test_a_process_that_has_ended_leaves_no_group() -> None:
    here = quota.ground()
    if here is None:
        assert os.geteuid() != 0 or not Path("/sys/fs/cgroup/cpu").is_dir()
        return
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    place = here.group(Path("/nowhere"), f"test-{os.getpid()}")
    with pytest.raises(ProcessLookupError):
        Quota(ended.pid, place, here.own)
    assert not place.exists()


def test_a_group_that_was_left_is_dissolved_and_its_process_goes_on(tmp_path: Path) -> None:
    here = quota.ground()
    if here is None:
        assert os.geteuid() != 0 or not Path("/sys/fs/cgroup/cpu").is_dir()
        return
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        held = Quota(process.pid, here.group(tmp_path, "vb001"), here.own)
        assert str(process.pid) in (held.group / quota.PROCESSES).read_text().split()
        quota.forget(tmp_path)
        assert not held.group.exists()
        assert process.poll() is None
        process.communicate()
