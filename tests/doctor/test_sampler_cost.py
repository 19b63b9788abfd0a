"""`farm doctor --sampler-cost`: real launches with the sampler and without it, and what is said of them."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from doctor_support import farm
from farm_orchestrator.doctor import State, sampler_cost
from farm_orchestrator.doctor.sampler_cost import BOUND, Cost, Share

FREE = Cost(Share(0.0005, -0.001, 0.002), Share(0.003, -0.01, 0.02), 20,
            {"mode": "full", "reason": None, "sources": 12, "period_ms": 100.0})  # fmt: skip


def test_a_pair_of_real_launches_gives_both_ratios(tmp_path: Path) -> None:
    board = {"name": "local", "local": True, "base": str(tmp_path / "base"), "python": sys.executable, "sysroot": "/"}
    cost = sampler_cost.measure(board, tmp_path, 2)
    assert cost.sampler["ticks"] >= 1
    for share in (cost.median, cost.p99):
        assert -1 < share.value < 10
        assert (share.low, share.high) == (-1.0, math.inf)  # two pairs have no interval


def test_a_share_is_the_ratio_of_the_pairs_with_its_interval() -> None:
    share = sampler_cost.share(np.log(np.linspace(1.01, 1.03, 20)))
    assert share.value == pytest.approx(0.02, abs=1e-3)
    assert 0.01 < share.low < share.value < share.high < 0.03


def test_the_bound_holds_where_the_interval_reaches_below_it() -> None:
    noisy = replace(FREE, median=Share(0.02, BOUND - 1e-6, 0.04))
    dear = replace(FREE, median=Share(0.02, BOUND + 1e-6, 0.04))
    said = [sampler_cost.answer(cost) for cost in (FREE, noisy, dear)]
    assert [each.state for each in said] == [State.OK, State.OK, State.FAULT]
    assert "+0.05% [-0.10%, +0.20%]" in said[0].what
    assert said[2].mend


def test_a_board_that_runs_no_sampler_is_told_with_its_reason() -> None:
    said = sampler_cost.answer(replace(FREE, sampler={"mode": None, "reason": "this board has nothing to read"}))
    assert (said.state, said.why) == (State.FAULT, "this board has nothing to read")


def test_a_board_that_cannot_be_measured_is_a_fault_of_its_own(tmp_path: Path) -> None:
    board = {"name": "local", "local": True, "base": str(tmp_path / "base"), "python": "/no/python", "sysroot": "/"}
    found = sampler_cost.look(board, tmp_path, pairs=1)
    assert (found.subject, found.check, found.state) == ("local", "sampler", State.FAULT)
    assert "python" in found.what


def test_a_name_that_nobody_knows_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("boards: {here: {local: true}}\n")
    said = farm(tmp_path, "--sampler-cost", "elsewhere", "--inventory", "fleet.yaml")
    assert said.code == 2
    assert "elsewhere" in said.err
