"""The first hour of README.md, word for word, from an empty home to a verdict on virtual boards."""

from __future__ import annotations

import pytest

from documents_support import Walked, walk
from run_support import ROOT

pytestmark = pytest.mark.long  # installs everything; the single lines run in test_commands


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return walk(tmp_path_factory.mktemp("walk"))


def test_the_first_hour_of_the_readme_ends_on_a_verdict(walked: Walked) -> None:
    assert [code for _, code in walked.codes] == [0] * len(walked.codes), walked.said
    assert "No onnxruntime yet: vb001, vb002." in " ".join(walked.said.split())
    assert "Wrote farm.yaml." in walked.said
    assert "Passed" in walked.said
    report = next((walked.farm / "runs").glob("*/report.html"))
    assert "vb001" in report.read_text("utf-8")
    assert not (walked.farm / ".farm" / "lab").exists()


def test_a_plain_installation_takes_no_client_of_a_shared_broker(walked: Walked) -> None:
    """And yet the run above went over the folder."""
    installed = {
        path.name.partition("-")[0] for path in (walked.farm / ".venv").glob("lib/*/site-packages/*.dist-info")
    }
    assert "benchfarm" in installed
    assert "redis" not in installed
    assert (ROOT / "constraints.txt").read_text().count("\nredis==") == 1
