"""farm-tune's guardian: what a killed or hanging farm-tune held comes back though nobody is left to ask for it."""

import os
import signal
from pathlib import Path

import pin_support as parts
from agents_support import wait_for
from pin_support import SLOW, STOCK, Peer, now


def back(root: Path, journal: Path) -> None:
    wait_for(lambda: now(root) == STOCK, "the clocks did not come back")
    wait_for(lambda: not journal.exists(), "the journal stays")


def test_a_killed_farm_tune_has_a_guardian_that_gives_back_though_nobody_comes(
    root: Path, journal: Path, peer: Peer
) -> None:
    peer.hold()
    os.kill(peer.process.pid, signal.SIGKILL)
    back(root, journal)


def test_the_guardian_outlives_the_session_and_the_group_of_farm_tune(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    guardian = parts.guardian(journal)
    assert os.getsid(guardian) != os.getsid(peer.process.pid)
    assert os.getpgid(guardian) != os.getpgid(peer.process.pid)
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        os.kill(guardian, signal.Signals[name])
    os.kill(peer.process.pid, signal.SIGKILL)
    back(root, journal)


def test_a_farm_tune_that_hangs_beyond_its_lease_is_ended_by_its_guardian(
    root: Path, journal: Path, peer: Peer
) -> None:
    peer.hold(lease_s=0.2)
    os.kill(peer.process.pid, signal.SIGSTOP)
    assert peer.ends() == -signal.SIGKILL
    back(root, journal)


def test_a_guardian_that_was_killed_is_replaced_for_the_next_lease(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    first = parts.guardian(journal)
    parts.kill(first)
    assert peer.ask("release")["ok"]
    peer.hold()
    assert parts.guardian(journal) != first
    os.kill(peer.process.pid, signal.SIGKILL)
    back(root, journal)


def test_one_guardian_serves_all_leases_and_ends_with_the_connection(root: Path, journal: Path, peer: Peer) -> None:
    seen = set()
    for _ in range(3):
        peer.hold()
        seen.add(parts.guardian(journal))
        assert peer.ask("release")["ok"]
    assert len(seen) == 1
    peer.hang_up()
    peer.ends()
    wait_for(lambda: not parts.guardians(journal), "the guardian stays")
    assert now(root) == STOCK


def test_a_guardian_leaves_what_another_farm_tune_holds_by_then(root: Path, journal: Path, peer: Peer) -> None:
    """It gives back what the journal held, and the next lease begins from there."""
    peer.hold()
    os.kill(peer.process.pid, signal.SIGKILL)
    again = Peer(root, journal)
    try:
        again.hold()
        wait_for(lambda: len(parts.guardians(journal)) == 1, "the first guardian stays")
        assert now(root) == SLOW
        assert again.ask("release")["ok"]
        assert now(root) == STOCK
    finally:
        again.close()
