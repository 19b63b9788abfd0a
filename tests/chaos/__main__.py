"""`python -m chaos`: rounds on both stores until so many launches are through, or the time is up; its log as it goes."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chaos.rounds import Outcome, Round, survive

KINDS = (("sqlite", "folder"), ("postgresql", "redis"), ("sqlite", "redis"), ("postgresql", "redis"))


def main() -> int:
    asked = arguments()
    outcomes = []
    until = time.monotonic() + 60 * asked.minutes
    for each in rounds(asked):
        with tempfile.TemporaryDirectory(prefix="farm-chaos-") as folder:
            outcome = survive(Path(folder), each)
        outcomes.append(outcome)
        say({**vars(outcome), "asked": vars(each)}, asked.log)
        if sum(one.launches for one in outcomes) >= asked.launches or time.monotonic() > until:
            break
    say(summary(outcomes), asked.log)
    return int(any(one.broken for one in outcomes))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--launches", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=600.0, help="no round is begun after so many")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each has the next")
    parser.add_argument("--boards", type=int, default=8)
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--faults", type=int, default=30, help="of each round")
    parser.add_argument("--lab", type=int, default=3, help="virtual boards more, over links that break")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), help="rounds on this one alone")
    parser.add_argument("--log", type=Path, default=Path("chaos.jsonl"))
    return parser.parse_args()


def rounds(asked: argparse.Namespace) -> Iterator[Round]:
    kinds = [kind for kind in KINDS if asked.store in (None, kind[0])]
    plain = Round(asked.seed, "", "", asked.boards, asked.blocks, asked.faults, asked.lab, disk=True)
    for index, (kept, carrier) in enumerate(itertools.cycle(kinds)):
        yield replace(plain, seed=asked.seed + index, kept=kept, carrier=carrier)


def summary(outcomes: list[Outcome]) -> dict[str, object]:
    struck: Counter[str] = Counter()
    for one in outcomes:
        struck.update(one.faults)
    counted = ("launches", "again", "fenced", "given_up", "seconds")
    return {
        "rounds": len(outcomes),
        **{name: sum(getattr(one, name) for one in outcomes) for name in counted},
        "failed": sum(len(one.failed) for one in outcomes),
        "faults": dict(sorted(struck.items())),
        "broken": sum(len(one.broken) for one in outcomes),
    }


def say(line: dict[str, object], log: Path) -> None:
    text = json.dumps(line)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    with log.open("a") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
