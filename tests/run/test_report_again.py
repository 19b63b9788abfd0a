"""`farm report` of a finished run: every format, a part of the page, a folder that takes nothing, two at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from farm_orchestrator.cli.desktop import opener
from farm_orchestrator.cli.report import FORMATS
from farm_reports.exports import EXPORTS
from run_support import DIGITS, QUICK, Desk, Said, heard, nothing_left, wait_for
from transport_support import own_mounts

FAILED = 1
LIMITS = "limits: {latency_p50: 0.0001ms}\nship: [int8]\n"
FILES = {"report.html", "report.css", "results.json", "junit.xml", "summary.md", "samples.parquet", "launches.parquet",
         "readings.parquet"}  # fmt: skip
SHUT = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
FULL = 'mount -t tmpfs -o size=6m full "$1" && cp -a "$2/." "$1" && { cat /dev/zero >"$1/filler" 2>/dev/null; true; }'
BUILD = """
import sys
from pathlib import Path
from farm_orchestrator import config
from farm_orchestrator.run.command import report_again
for turn in range(8):
    report_again("last", config.load(), Path("out"))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A run that failed: a limit that nothing meets."""
    desk = Desk(tmp_path_factory.mktemp("measured"))
    models = desk.folder / "models"
    models.mkdir()
    for name, source in {"fp32.onnx": "fp32.onnx", "int8.onnx": "distilled.onnx"}.items():
        shutil.copy(DIGITS / source, models / name)
    (models / "variants.yaml").write_text(LIMITS)
    said = desk.farm("run", "models", *QUICK)
    assert said.code == FAILED, said.err
    wait_for(lambda: nothing_left(desk), "all processes to end")
    return desk


@pytest.fixture
def desk(measured: Desk, tmp_path: Path) -> Desk:
    """A copy, to be changed."""
    shutil.copytree(measured.folder, tmp_path / "desk")
    return Desk(tmp_path / "desk", (("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}"),))


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def wrapped(desk: Desk, script: str, arguments: Sequence[Path], command: str) -> Said:
    """A line of a shell whose `farm` is ours, behind mounts that only it sees."""
    line = f'farm() {{ "{sys.executable}" -m farm_orchestrator.cli "$@"; }}\n{command}'
    done = subprocess.run(
        own_mounts(script, list(map(str, arguments)), ["sh", "-c", line]), cwd=desk.folder, env=desk.env, text=True,
        capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def test_the_formats_of_the_command_are_those_there_are() -> None:
    assert set(FORMATS) == {*EXPORTS, "json", "html"}


def test_a_format_prints_what_its_file_holds_and_nothing_else(measured: Desk) -> None:
    (folder,) = measured.runs()
    before = digests(folder)
    files = {"json": "results.json", **{form: name for form, (name, _) in EXPORTS.items()}, "html": "report.html"}
    for form, name in files.items():
        said = measured.farm("report", "last", "--format", form)
        assert (said.code, said.err) == (FAILED, ""), form
        assert said.out
        if (folder / name).exists():
            assert said.out == (folder / name).read_text(encoding="utf-8"), form
    assert digests(folder) == before
    said = measured.farm("report", "last", "--format", "annotations")
    assert said.out.startswith(
        "::error file=models/variants.yaml,line=1,title=latency_p50 0.0001ms missed::int8 on local"
    )


def test_a_format_with_a_folder_is_written_there_alone(measured: Desk, tmp_path: Path) -> None:
    out = tmp_path / "new" / "exports"
    said = measured.farm("report", "last", "--format", "bmf", "--out", out)
    assert (said.code, said.out) == (FAILED, f"report: {out / 'bmf.json'}\n")
    assert names(out) == {"bmf.json"}
    assert set(json.loads((out / "bmf.json").read_text())) == {"local/fp32", "local/int8"}


def test_a_page_of_one_section_or_board_leaves_the_report_as_it_is(desk: Desk) -> None:
    (folder,) = desk.runs()
    before = digests(folder)
    said = desk.farm("report", "last", "--only", "trust", "--only", "verdict", "--boards", "l*")
    assert said.code == FAILED
    assert said.out == f"report: {folder / 'report-only.html'}\n"
    html = (folder / "report-only.html").read_text(encoding="utf-8")
    assert html.count("<section ") == 2
    assert "Only the sections trust and verdict. The verdict of the whole run is failed." in html
    after = digests(folder)
    assert after.pop("report-only.html")
    assert after == before
    printed = desk.farm("report", "last", "--only", "trust", "--format", "html")
    assert printed.out.count("<section ") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "trsut"), "has no section 'trsut'; did you mean 'trust'? there are: verdict, "),
        (("--only", "history"), "has no section 'history'"),
        (("--boards", "locl"), "no board matches 'locl'; did you mean 'local'?"),
        (("--boards", ""), "names no board; there are: local"),
        (("--boards", "!local"), "leaves no board of: local"),
        (("--boards", "type=pi5"), "no board matches 'type=pi5'"),
        (("--format", "csv", "--only", "trust"), "--format csv is none"),
        (("--format", "csv", "--json"), "--json prints all of results.json"),
        (("--format", "html", "--open"), "--open shows a page"),
        (("--format", "cvs"), "'cvs' is not one of"),
    ],
)
def test_what_a_run_does_not_have_is_refused_with_what_there_is(
    measured: Desk, arguments: tuple[str, ...], said: str
) -> None:
    (folder,) = measured.runs()
    before = digests(folder)
    refused = measured.farm("report", "last", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert digests(folder) == before


def test_the_page_is_opened_by_the_desktop_and_told_where_there_is_none(desk: Desk, tmp_path: Path) -> None:
    (folder,) = desk.runs()
    opened = tmp_path / "opened"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "xdg-open").write_text(
        f'#!/bin/sh\necho noise; echo "$1" >{opened}.new; mv {opened}.new {opened}\n'
    )
    (tmp_path / "bin" / "xdg-open").chmod(0o755)
    said = desk.farm("report", "last", "--open", "--json")
    assert said.code == FAILED
    assert f"no desktop to open it on; the page is {folder / 'report.html'}" in said.err
    assert not opened.exists()
    seen = Desk(desk.folder, (*desk.more_env, ("DISPLAY", ":0")))
    assert seen.farm("report", "last", "--open", "--json").results["verdict"] == "failed", "nothing else on stdout"
    wait_for(opened.exists, "the desktop's program")
    assert opened.read_text() == f"{(folder / 'report.html').as_uri()}\n"
    (tmp_path / "bin" / "xdg-open").write_text("no program")
    assert "no desktop" in seen.farm("report", "last", "--only", "trust", "--open").err


def test_results_of_another_format_are_refused_by_an_export_and_made_again_by_a_report(desk: Desk) -> None:
    (folder,) = desk.runs()
    document = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**document, "schema": "farm.result/9"}))
    said = desk.farm("report", "last", "--format", "csv")
    assert (said.code, said.out) == (2, "")
    assert "is of the format 'farm.result/9', and this farm reads farm.result/1" in said.err
    assert f"farm report {folder.name}" in said.err
    assert desk.farm("report", "last").code == FAILED
    assert json.loads((folder / "results.json").read_text()) == document
    assert desk.farm("report", "last", "--format", "csv").code == FAILED


def test_a_run_that_is_not_complete_is_exported_as_such_and_nothing_is_written(desk: Desk) -> None:
    (folder,) = desk.runs()
    with closing(sqlite3.connect(desk.state / "farm.db", timeout=30)) as file:
        file.execute("UPDATE run SET cancel=1, word=NULL")
        file.commit()
    before = digests(folder)
    said = desk.farm("report", "last", "--format", "json")
    assert said.results["run"]["status"] == "partial"
    assert digests(folder) == before


def test_from_a_folder_that_nobody_may_write_everything_is_still_told(desk: Desk) -> None:
    (folder,) = desk.runs()
    before = digests(folder)
    for form in FORMATS:
        said = wrapped(desk, SHUT, [desk.folder / "runs"], f"farm report last --format {form}")
        assert (said.code, said.err) == (FAILED, ""), form
        assert said.out
    refused = wrapped(desk, SHUT, [desk.folder / "runs"], "farm report last")
    assert (refused.code, refused.out) == (4, "")
    assert f"farm: {folder}" in refused.err
    assert " cannot be written (" in refused.err
    assert "Read-only file system" in refused.err
    assert "`farm report RUN --out DIR`" in refused.err
    part = wrapped(desk, SHUT, [desk.folder / "runs"], "farm report last --only trust")
    assert (part.code, part.out) == (4, "")
    assert "`farm report RUN --out DIR`" in part.err
    assert digests(folder) == before


def test_the_report_of_a_folder_that_nobody_may_write_goes_elsewhere(desk: Desk) -> None:
    (folder,) = desk.runs()
    before = digests(folder)
    out = desk.folder / "elsewhere"
    said = wrapped(desk, SHUT, [desk.folder / "runs"], "farm report last --out elsewhere && exit 9 || exit $?")
    assert said.code == FAILED, said.err
    assert "report: elsewhere/report.html" in said.out
    assert names(out) >= FILES
    assert not [name for name in names(out) if name.startswith(".")]
    made, kept = (json.loads((where / "results.json").read_text()) for where in (out, folder))
    assert made["cells"] == kept["cells"]
    assert digests(folder) == before


def test_on_a_full_disk_nothing_is_half_written(desk: Desk) -> None:
    (folder,) = desk.runs()
    held = desk.folder / "kept"
    folder.parent.rename(held)
    folder.parent.mkdir()
    before = {name: digest for name, digest in digests(held / folder.name).items() if "/" not in name}
    look = f"cd runs/{folder.name} && ls -A && sha256sum {' '.join(sorted(before))}"
    said = wrapped(desk, FULL, [folder.parent, held], f"farm report last; echo code $?; {look}")
    assert "cannot grow: the disk is full" in said.err
    assert "`farm report RUN --out DIR`" in said.err
    assert "code 4" in said.out
    assert all(f"{digest}  {name}" in said.out for name, digest in before.items())
    assert not [line for line in said.out.splitlines() if line.startswith(".")]
    saved = wrapped(desk, FULL, [folder.parent, held], "farm report last --out ../elsewhere; echo code $?")
    assert saved.out.endswith(f"code {FAILED}\n"), saved.err
    assert names(desk.folder.parent / "elsewhere") >= FILES


def whole(folder: Path) -> list[str]:
    """What of these files is no whole file now."""
    broken = []
    for name, end in (("report.html", "</html>"), ("junit.xml", "</testsuites>"), ("summary.md", "</details>")):
        if not (folder / name).read_text(encoding="utf-8").rstrip().endswith(end):
            broken.append(name)
    json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name in ("samples.parquet", "launches.parquet", "readings.parquet"):
        data = (folder / name).read_bytes()
        if not (data.startswith(b"PAR1") and data.endswith(b"PAR1")):
            broken.append(name)
    return broken


def test_two_at_once_both_succeed_and_every_file_is_whole_at_any_moment(desk: Desk) -> None:
    (folder,) = desk.runs()
    out = desk.folder / "out"
    assert desk.farm("report", "last", "--out", out).code == FAILED
    two = [
        subprocess.Popen([sys.executable, "-c", BUILD], cwd=desk.folder, env=desk.env, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    looks = 0
    while any(process.poll() is None for process in two):
        assert whole(folder) == []
        assert whole(out) == []
        looks += 1
        time.sleep(0.001)
    for process in two:
        said = heard(process)
        assert (said.code, said.err) == (0, "")
    assert looks > 8
    assert not [path for place in (folder, out) for path in place.glob(".*")]


@pytest.mark.parametrize(
    ("platform", "env", "found"),
    [
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"SSH_CONNECTION": "x"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "x"}, False),
        ("linux", {"DISPLAY": ":0", "PATH": "/nonexistent"}, False),
    ],
)
def test_a_page_is_opened_only_where_somebody_sits(
    platform: str, env: dict[str, str], tmp_path: Path, *, found: bool
) -> None:
    for name in ("xdg-open", "open"):
        (tmp_path / name).touch(mode=0o755)
    assert (opener({"PATH": str(tmp_path), **env}, platform) is not None) is found
