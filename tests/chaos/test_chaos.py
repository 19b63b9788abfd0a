"""Seeded chaos: whatever dies, sleeps or is wiped, each launch that was owed has one result and each board one holder."""

from dataclasses import replace
from pathlib import Path

import pytest

from chaos.rounds import Round, survive

SHORT = Round(1, "", "", boards=5, blocks=9, faults=5)
LAUNCHES = 105  # of such a round
KINDS = (("sqlite", "folder"), ("sqlite", "redis"), ("postgresql", "redis"))


@pytest.mark.parametrize(("kept", "carrier"), [("sqlite", "folder"), ("postgresql", "redis")])
def test_a_hundred_launches_through_five_faults_have_one_result_each(kept: str, carrier: str, tmp_path: Path) -> None:
    """On a server: two hosts that share no folder, their clocks ten minutes apart."""
    outcome = survive(tmp_path, replace(SHORT, kept=kept, carrier=carrier))
    assert outcome.broken == []
    assert outcome.launches == LAUNCHES
    assert outcome.faults.total() == SHORT.faults


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_chaos_of_ten_seeds(seed: int, tmp_path: Path) -> None:
    kept, carrier = KINDS[seed % len(KINDS)]
    outcome = survive(tmp_path, Round(seed, kept, carrier, boards=8, blocks=6, faults=8, disk=True))
    assert outcome.broken == []
