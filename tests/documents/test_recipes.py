"""The recipes for pipelines: files that those read, and commands that do there what the recipe says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pygments.lexers import GroovyLexer  # type: ignore[import-untyped]  # ships no types
from pygments.token import Error  # type: ignore[import-untyped]  # as above
from ruamel.yaml import YAML

from documents_support import Block, blocks
from run_support import DIGITS, ROOT, nothing_left, wait_for
from run_support import Desk as Place

FAILED = 1
LIMITS = "limits: {latency_p50: 0.0001ms}\nship: [int8]\n"
SHELLS = {"github": ("bash", "-e"), "gitlab": ("bash", "-eo", "pipefail"), "jenkins": ("sh", "-xe")}
EXAMPLE = ROOT / ".github" / "workflows" / "benchmark.yml"


def recipe(language: str, mark: str) -> Block:
    (found,) = (b for b in blocks(ROOT / "README.md") if b.language == language and mark in b.text)
    return found


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def github() -> list[dict[str, Any]]:
    return list(yaml(recipe("yml", "jobs:").text)["jobs"]["measure"]["steps"])


def gitlab() -> dict[str, Any]:
    return dict(yaml(recipe("yml", "after_script:").text)["measure"])


def jenkins() -> str:
    return recipe("groovy", "pipeline {").text


def ours(lines: list[str]) -> list[str]:
    """Without what brings the command itself."""
    return [line for line in lines if "pip install" not in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Place:
    """A repository with variants of which one misses its limit, as a pipeline sees it."""
    folder = tmp_path / "checkout"
    (folder / "models").mkdir(parents=True)
    for name, source in {"fp32.onnx": "fp32.onnx", "int8.onnx": "distilled.onnx"}.items():
        shutil.copy(DIGITS / source, folder / "models" / name)
    (folder / "models" / "variants.yaml").write_text(LIMITS)
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.invalid")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "models")):
        subprocess.run(["git", *command], cwd=folder, check=True, timeout=60, capture_output=True)
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return Place(folder, (("CI", "true"), ("FARM_PRESET", "quick"), ("PATH", path)))


def said_by(place: Place, shell: tuple[str, ...], script: str, **env: str) -> subprocess.CompletedProcess[str]:
    (place.folder / "home").mkdir(exist_ok=True)
    done = subprocess.run(
        [*shell, "-c", script], cwd=place.folder, env={**place.env, **env}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    wait_for(lambda: nothing_left(place), "all processes to end")
    return done


def test_github_runs_shows_the_summary_marks_the_line_and_keeps_the_page(checkout: Place, tmp_path: Path) -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(checkout.folder),
           "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}  # fmt: skip
    measure, tell = (step for step in github() if "run" in step and "pip" not in step["run"])
    ran = said_by(checkout, SHELLS["github"], measure["run"], **env)
    assert ran.returncode == FAILED, ran.stderr
    told = said_by(checkout, SHELLS["github"], tell["run"], **env)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("::error file=models/variants.yaml,line=1,title=latency_p50 0.0001ms missed::int8 on")
    assert (tmp_path / "summary").read_text(encoding="utf-8").startswith("### ❌ Failed")
    page, raw = (step["with"] for step in github() if step.get("uses", "").startswith("actions/upload-artifact@v7"))
    assert page["archive"] is False
    assert (checkout.folder / page["path"]).is_file()
    assert (checkout.folder / raw["path"] / "samples.parquet").is_file()


def test_what_follows_a_run_that_failed_is_done_all_the_same() -> None:
    after = github()[-3:]
    assert [step.get("if") for step in after] == ["always()"] * 3
    assert gitlab()["artifacts"]["when"] == "always"
    assert jenkins().index("post {") < jenkins().index("always {") < jenkins().index("junit ")


def test_gitlab_finds_each_file_that_it_is_told_of(checkout: Place) -> None:
    job = gitlab()
    ran = said_by(checkout, SHELLS["gitlab"], "\n".join(ours(job["script"])))
    assert ran.returncode == FAILED, ran.stderr
    told = said_by(checkout, SHELLS["gitlab"], "\n".join(job["after_script"]))
    assert told.returncode == FAILED, "which GitLab ignores there"
    for file in job["artifacts"]["reports"].values():
        assert (checkout.folder / file).is_file()
        assert any(file.startswith(path) for path in job["artifacts"]["paths"])
    assert (checkout.folder / "report" / "metrics.txt").read_text(encoding="utf-8").endswith("# EOF\n")


def test_jenkins_finds_the_page_and_its_style_sheet_in_one_folder(checkout: Place) -> None:
    (command,) = re.findall(r"\bsh '([^']+)'", jenkins())
    ran = said_by(checkout, SHELLS["jenkins"], command)
    assert ran.returncode == FAILED, ran.stderr
    folder = checkout.folder / re.findall(r"reportDir: '([^']+)'", jenkins())[0]
    assert (folder / re.findall(r"reportFiles: '([^']+)'", jenkins())[0]).is_file()
    assert (folder / "report.css").is_file()
    assert (checkout.folder / re.findall(r"testResults: '([^']+)'", jenkins())[0]).is_file()
    assert folder.name in re.findall(r"artifacts: '([^']+)'", jenkins())[0]


def test_the_groovy_has_no_word_out_of_place_and_closes_what_it_opens() -> None:
    text = jenkins()
    assert not [token for kind, token in GroovyLexer().get_tokens(text) if kind in Error]
    bare = re.sub(r"'[^']*'", "", text)
    for opened, closed in ("{}", "[]", "()"):
        assert bare.count(opened) == bare.count(closed)


def test_the_example_of_the_project_itself_keeps_the_page_in_the_same_way() -> None:
    steps = yaml(EXAMPLE.read_text("utf-8"))["jobs"]["measure"]["steps"]
    uploads = [step["with"] for step in steps if "upload-artifact" in step.get("uses", "")]
    assert uploads == [step["with"] for step in github() if "upload-artifact" in step.get("uses", "")]
