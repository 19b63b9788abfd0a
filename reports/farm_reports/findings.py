"""Every doubt about a figure by its name, with what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farm_reports.results import Finding

NEAR = 100  # a median below so many floors is mostly the loop around it
NOISY_SD = 0.03  # of paired differences
ONE_SIDED_CHANCE = 0.01
OF_BLOCK = "of_block"  # in a stored finding: it is of the whole block, and its launch only carries it


class Name(StrEnum):
    SAME_FILE = "SAME_FILE"
    INPUTS_DIFFER = "INPUTS_DIFFER"
    DATA_DEPENDENT = "DATA_DEPENDENT"
    DENORMALS = "DENORMALS"
    NON_FINITE = "NON_FINITE"
    SMALL_DATASET = "SMALL_DATASET"
    FIRST_ROWS = "FIRST_ROWS"
    BOARD_DIFFERS = "BOARD_DIFFERS"
    FEW_ITERATIONS = "FEW_ITERATIONS"
    TIMER = "TIMER"
    NEAR_FLOOR = "NEAR_FLOOR"
    NOISY = "NOISY"
    MULTIMODAL = "MULTIMODAL"
    NOT_STEADY = "NOT_STEADY"
    THROTTLED = "THROTTLED"
    UNDERVOLT = "UNDERVOLT"
    CLOCK_CHANGED = "CLOCK_CHANGED"
    FOREIGN_CHANGE = "FOREIGN_CHANGE"
    HOT_START = "HOT_START"
    INTERFERENCE = "INTERFERENCE"
    MEMORY_NOT_LIMITED = "MEMORY_NOT_LIMITED"
    PROFILE_CUT = "PROFILE_CUT"
    ONE_SIDED = "ONE_SIDED"


TEXTS = {
    Name.SAME_FILE: "Another name stands for the very same file.",
    Name.INPUTS_DIFFER: "This variant does not get the inputs of the baseline.",
    Name.DATA_DEPENDENT: "The time of this graph depends on its data, and its inputs were generated.",
    Name.DENORMALS: "Inputs or outputs hold subnormal numbers, which some processors handle slowly.",
    Name.NON_FINITE: "An output holds NaN or infinity.",
    Name.SMALL_DATASET: "The dataset is too small to resolve the accuracy limit.",
    Name.FIRST_ROWS: "The board ran only the first rows of the dataset.",
    Name.BOARD_DIFFERS: "The board's outputs differ from those of the machine that checked the variant.",
    Name.FEW_ITERATIONS: "A slot ended with fewer than 50 iterations.",
    Name.TIMER: "The board's clock is coarse against one iteration.",
    Name.NEAR_FLOOR: "The latency is near the floor of the measuring loop.",
    Name.NOISY: "Launches of one block differ widely.",
    Name.MULTIMODAL: "The launches fall into two groups of different speed.",
    Name.NOT_STEADY: "The latency was still moving when the warm-up had used up its time.",
    Name.THROTTLED: "The board held its processor back because of heat or power.",
    Name.UNDERVOLT: "The supply voltage was too low.",
    Name.CLOCK_CHANGED: "The processor or the memory did not keep one clock.",
    Name.FOREIGN_CHANGE: "Something else on the board changed a clock setting that was held.",
    Name.HOT_START: "The launches of a block did not begin at one temperature, or not near the board's idle one.",
    Name.INTERFERENCE: "Something else was using the processor during the slots.",
    Name.MEMORY_NOT_LIMITED: "The board could not hold the memory limit of the launches.",
    Name.PROFILE_CUT: "The trace of the profile does not hold every call that was made.",
    Name.ONE_SIDED: "Far more got worse than got better.",
}

DO = {
    Name.SAME_FILE: "Nothing, where an A/A pair was meant; else check which file belongs to which name.",
    Name.INPUTS_DIFFER: "Read the ratio as that of the whole job, not of the graph alone.",
    Name.DATA_DEPENDENT: "Give dataset rows or an input file as the inputs in variants.yaml.",
    Name.DENORMALS: "Give a range or an input file that is like the real data.",
    Name.NON_FINITE: "Look for overflow: fp16 and int8 conversions of wide ranges are the usual cause.",
    Name.SMALL_DATASET: "Give more labelled rows, or allow a larger difference.",
    Name.FIRST_ROWS: "Read the interval, which is that of the rows that ran; a smaller dataset runs whole.",
    Name.BOARD_DIFFERS: "Compare the accuracy on this board before you ship the variant there.",
    Name.FEW_ITERATIONS: "Use a preset with longer slots.",
    Name.TIMER: "Trust ratios of this board only where they are large.",
    Name.NEAR_FLOOR: "Read small differences with care: the loop's own time is part of both sides.",
    Name.NOISY: "Close what else runs on the board, or use a preset with longer slots.",
    Name.MULTIMODAL: "Look for what differs between launches: memory placement, another program, a clock; see launches.parquet.",
    Name.NOT_STEADY: "Use a preset with a longer warm-up; a latency that never settles has no one value to compare.",
    Name.THROTTLED: "Cool the board or lower its highest clock; where all launches shared it, the ratios hold and the times do not.",
    Name.UNDERVOLT: "Use a stronger power supply and a shorter cable; until then no figure of this board counts.",
    Name.CLOCK_CHANGED: "Hold one clock: `--pin max`, or a lower one that the board keeps up; where nobody can, a preset of more blocks averages it out.",
    Name.FOREIGN_CHANGE: "Stop the service that sets clocks while you measure (thermald, tuned, power-profiles-daemon and the like).",
    Name.HOT_START: "Let the board cool longer between launches: a preset with a cool-down, a fan, fewer boards in one case.",
    Name.INTERFERENCE: "Close what else runs on the board; the pairing within blocks removes what all variants shared.",
    Name.MEMORY_NOT_LIMITED: "Read the figures as those of a run without --memory-limit; `farm doctor` says what the board lacks.",
    Name.PROFILE_CUT: "Read the shares of its operators as those of the calls that are there; onnxruntime stops writing at a number of events.",
    Name.ONE_SIDED: "Look for one cause first: what exports or converts all of them, or what was wrong with the past itself.",
}


def one_sided(worse: int, better: int) -> Finding | None:
    """Changes that all point one way: were they of their own accord, one in a hundred runs would have them."""
    from farm_reports.results import Finding  # as in `finding`

    told = worse + better
    chance = sum(math.comb(told, count) for count in range(better + 1)) / 2**told
    if worse <= better or chance > ONE_SIDED_CHANCE:
        return None
    who = f"{worse} regressed" + (f" and {better} improved" if better else " and none improved")
    return Finding(
        name=Name.ONE_SIDED.value, text=f"{who} since the past: changes of single files seldom all point one way.",
        do=DO[Name.ONE_SIDED],
    )  # fmt: skip


def finding(name: str, text: str | None = None, do: str | None = None) -> Finding:
    """A finding with the texts of the table where none are given; an unknown name keeps what it came with."""
    from farm_reports.results import Finding  # slow to import, and whoever plans a block needs the names alone

    known = Name(name) if name in Name.__members__ else None
    return Finding(
        name=name,
        text=text or (TEXTS[known] if known else name),
        do=do or (DO[known] if known else ""),
    )


def collect(reported: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Reported findings, each name once with its first text, in the order of the table."""
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for item in reported:
        seen.setdefault(str(item["name"]), []).append(item)
    order = list(Name.__members__)
    names = sorted(seen, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [finding(name, seen[name][0].get("text"), seen[name][0].get("do")) for name in names]
