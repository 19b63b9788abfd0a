"""What the words of a report mean: one text for the page and for the document about it."""

from __future__ import annotations

from farm_reports.stats.between import APART
from farm_reports.stats.power import BIAS, MARGIN, MIN_BLOCKS, SAME
from farm_reports.stats.soak import COOL, KEPT_S, LASTING, PLAIN_S, SLOWER

TERMS = {
    "launch": "A fresh process that loads one variant, warms up and times it. It counts as one value, the median of its "
    "iterations, however many they are.",
    "block": "One launch of every variant, minutes apart and in a drawn order. Variants are compared within a block, so "
    "what all of them shared cancels out.",
    "interval": "95 of 100 such intervals hold the true value. It comes from launches, paired in blocks with the "
    "baseline, never from iterations.",
    "floor": "What all blocks of a run may share, so that more blocks do not average it away: no interval is narrower. "
    f"On a board that was never measured against itself it is {BIAS * 100:g} %, or half the noise between pairs where that is "
    "more.",
    "confirmation": "A limit on the median against the baseline that the blocks leave open gets twice as many blocks once, "
    "all fresh: these alone decide. Not with quick or --max-blocks, nor where they do not fit into the time.",
    "smallest effect": "The smallest change that every comparison of this run would have called in 95 of 100 such runs, from "
    "the noise it had: that of its noisiest comparison. A smaller one may be there and stay unseen. What was promised "
    "before the start comes from the board's calibration, else from a typical board, so a noisy run sees less.",
}
BURST = "burst"  # the mode of a run that says nothing of it
MODE = {
    BURST: "each launch was short and began where the board had come to rest. A burst and a sustained result are two "
    "figures, and neither is held against the other.",
    "sustained": "each launch was timed once the heat that it makes itself stood still. A burst and a sustained result "
    "are two figures, and neither is held against the other.",
}
SOAK = (
    f"Medians over the launches of a cell, with their range. Cool: {COOL} windows after the first {PLAIN_S:g} s of a soak, "
    f"which are caches and lazy pages. Warm: the last {LASTING} windows of its first {KEPT_S / 60:g} minutes, or of all of it "
    "where the heat stood still earlier. Throttled: a cooling device at work, a highest clock that sank, the firmware's "
    f"bits; where nothing tells of these, a latency that stays at least {SLOWER * 100:g} % above the cool one, unless "
    "other work ran on the board."
)
SCOPES = {  # what a power sensor sees; figures of two of them are never compared
    "wall_ac": "at the wall plug",
    "board_dc": "at the board's input",
    "module_input": "at the module's input",
    "board_rails": "of the board's rails together",
    "soc_pkg": "of the processor's package",
}
COMPARED = {
    "faster, slower": f"the whole interval lies beyond {MARGIN * 100:g} %",
    "same": f"the whole interval lies within {SAME * 100:g} %",
    "undecided": "the interval is too wide for any of these: more blocks, a longer preset, a quieter board",
    "invalid": f"fewer than {MIN_BLOCKS} valid blocks, or most were rejected",
}
SINCE = {
    "regressed": f"the whole interval lies beyond the budget, or where none was set beyond {MARGIN * 100:g} %",
    "improved": f"the whole interval lies below -{MARGIN * 100:g} %",
    "equivalent": f"the whole interval lies below the budget, or where none was set below {SAME * 100:g} %",
    "inconclusive": "the interval is too wide for any of these: more blocks, a longer preset, a quieter board, a budget",
    "invalid": "the two runs cannot be held against each other here; the page says why",
}
PAST = {
    "the past": "What the same variant was in an earlier run, as the ratio of their times. With farm run --against "
    "its old file runs again in the same blocks, on today's runtime: only the file can have changed. With "
    "farm compare two finished runs are held against each other; where both measured one baseline file, "
    "their ratios to it are compared, so what a day does to a board cancels out, and the floor of each "
    "run is in the interval.",
    "time against time": "Where they did not, and for the baseline itself, times are compared across days. Nothing cancels "
    f"out there: only a change beyond {APART * 100:g} %, or four times what the noise between launches lets runs differ by, "
    "has a word, and a change of kernel, runtime or cooling has it too.",
}
RUN = {
    "measured": "nothing was gated",
    "passed": "every gate was met",
    "failed": "a limit was missed by a variant that is to ship, or nothing fits on a board",
    "regressed": "a variant is worse than its own past by more than its budget allows (--against, farm compare)",
    "inconclusive": "a gate could not be decided",
    "invalid": "a gate was not measured, or fewer boards than asked for",
}
CELL = {
    "measured": "it has figures",
    "invalid": f"it was tried, and fewer than {MIN_BLOCKS} blocks hold",
    "failed": "the variant's own fault: it does not load, crashes, runs out of memory, gives NaN",
    "not_run": "not the variant's fault: a board was lost, its runtime does not support the model, the time was up",
    "screened_out": "four short blocks showed it outside a limit, or over 1.5 x slower than a variant that fits; it shows their interval",
}
FLEET = {
    "mean": "The geometric mean of the boards' changes. Boards of a type are averaged first, so that twelve of one kind "
    "count once beside others. For reading only: a gate looks at each board.",
    "next board": "Where the change on one more such board would lie.",
    "differ by": "How far the boards differ beyond their own errors, as a standard deviation; and the share of all that "
    "is seen between them which is this, not error.",
}
PROFILED = {
    "profiled": "In a launch of its own the runtime writes down what each operator takes. That slows it, so the figures "
    "are shares of the median without profiling; no verdict is taken from them.",
    "node": "Of the original graph. The runtime fuses, splits and renames operators; each is led back by its name to the "
    "node whose work it does.",
    "glue": "Operators that no node of the original graph stands behind: put in to change the layout or the type of what "
    "others work on.",
}
