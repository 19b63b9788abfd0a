"""What a person writes down of a board is what the tree holds, and a slip is named by its file and line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_lab import notation, record
from farm_lab.places import LabError
from farm_lab.record import Entry

CPUS = "sys/devices/system/cpu"
POLICIES = f"{CPUS}/cpufreq/policy"
VIRTUAL = "sys/devices/virtual"


def read(text: str) -> dict[str, Entry]:
    return notation.read(text, "board.tree")


def texts(text: str) -> dict[str, str | None]:
    return {path: entry.text for path, entry in read(text).items() if entry.link is None}


def test_a_value_ends_as_the_kernel_ends_it() -> None:
    assert texts("proc/a = 1 2\nproc/b = x\\0y\\0\nproc/c =\nproc/d = \\n\nproc/e = 1\\s\n") == {
        "proc/a": "1 2\n", "proc/b": "x\0y\0", "proc/c": "", "proc/d": "\n", "proc/e": "1 \n",
    }  # fmt: skip


def test_a_mode_says_what_an_ordinary_account_can_do() -> None:
    found = read("proc/a = 1\nproc/b = 1 (m:0644)   # R\nproc/c = 1 (m:0400)\nproc/d = 1 (m:0200)")
    assert found == {
        "proc/a": Entry(text="1\n"), "proc/b": Entry(text="1\n", writable=True),
        "proc/c": Entry(error="EACCES"), "proc/d": Entry(error="EACCES"),
    }  # fmt: skip


def test_lists_and_tables_stand_on_several_lines() -> None:
    text = "proc/list = 100 200 \\\n    300 \\\n    400   #D\nproc/table =   #R\n  100 7\n\n  200 8\nproc/next = 1\n"
    assert texts(text) == {"proc/list": "100 200 300 400\n", "proc/table": "100 7\n200 8\n", "proc/next": "1\n"}


def test_several_files_of_a_folder_stand_on_one_line_or_below_it() -> None:
    text = "H0: name=ina3221 in1_input=4904 (m:0644)\nP0:\n  scaling_governor = on demand\n  cpuinfo_cur_freq !EIO\n"
    found = read(text)
    assert found[f"{VIRTUAL}/hwmon/hwmon0/in1_input"] == Entry(text="4904\n", writable=True)
    assert found[f"{POLICIES}0/scaling_governor"] == Entry(text="on demand\n")
    assert found[f"{POLICIES}0/cpuinfo_cur_freq"] == Entry(error="EIO")


def test_shorthands_lie_where_the_kernel_has_them() -> None:
    found = read("P4/related_cpus = 4 5\nZ7/temp = 1\nC0/cur_state = 0\nH2/name = x")
    assert found == {
        f"{POLICIES}4/related_cpus": Entry(text="4 5\n"),
        f"{CPUS}/cpu4/cpufreq": Entry(link="../cpufreq/policy4"),
        f"{CPUS}/cpu5/cpufreq": Entry(link="../cpufreq/policy4"),
        f"{VIRTUAL}/thermal/thermal_zone7/temp": Entry(text="1\n"),
        "sys/class/thermal/thermal_zone7": Entry(link="../../devices/virtual/thermal/thermal_zone7"),
        f"{VIRTUAL}/thermal/cooling_device0/cur_state": Entry(text="0\n"),
        "sys/class/thermal/cooling_device0": Entry(link="../../devices/virtual/thermal/cooling_device0"),
        f"{VIRTUAL}/hwmon/hwmon2/name": Entry(text="x\n"),
        "sys/class/hwmon/hwmon2": Entry(link="../../devices/virtual/hwmon/hwmon2"),
    }


def test_files_behind_a_link_lie_where_it_leads() -> None:
    found = read(
        "sys/class/hwmon/hwmon3 -> ../../devices/i2c/1-0040/hwmon/hwmon3\nH3/device -> ../../../1-0040\nH3/name = x"
    )
    assert found["sys/devices/i2c/1-0040/hwmon/hwmon3/name"] == Entry(text="x\n")
    assert found["sys/devices/i2c/1-0040/hwmon/hwmon3/device"] == Entry(link="../../../1-0040")


def test_braces_stand_for_each_and_globs_for_each_folder_named_above() -> None:
    found = read("P{0,4}/related_cpus = x\nP4/scaling_driver = own\nP*/scaling_driver = scmi\nproc/{1-3}/a{x,y} = 1")
    drivers = {path[-16]: entry.text for path, entry in found.items() if path.endswith("scaling_driver")}
    assert drivers == {"0": "scmi\n", "4": "own\n"}
    assert sum(path.startswith("proc/") for path in found) == 6


def test_what_is_absent_is_gone_with_all_below() -> None:
    start = read("Z0/temp = 1\nZ1/temp = 2\nP0/related_cpus = 0\nproc/pressure/cpu = x")
    text = "like other\nZ1/temp ABSENT\nproc/pressure ABSENT\nP0 ABSENT\nsys/devices/system/cpu/cpu*/cpufreq ABSENT\nproc/no ABSENT"
    assert notation.base(text) == "other"
    assert set(notation.read(text, "f", start)) == {
        "sys/class/thermal/thermal_zone0", "sys/class/thermal/thermal_zone1", f"{VIRTUAL}/thermal/thermal_zone0/temp",
    }  # fmt: skip


def test_a_tree_says_otherwise_than_the_one_it_is_like() -> None:
    start = read("Z0: type=a temp=1\nP0/scaling_driver = x")
    found = notation.read("like other\nZ0/temp = 2\nZ*/type = b\nP0/scaling_driver !EIO", "f", start)
    zone = f"{VIRTUAL}/thermal/thermal_zone0"
    assert (found[f"{zone}/temp"].text, found[f"{zone}/type"].text) == ("2\n", "b\n")
    assert found[f"{POLICIES}0/scaling_driver"] == Entry(error="EIO")


SLIPS = {
    "no sign": ("proc/a 1", "is no `path = text`"),
    "no space": ("proc/a=1", "is no `path = text`"),
    "no error": ("proc/a !EWHATEVER", "`!` is followed by 'EWHATEVER'"),
    "no target": ("proc/a ->", "`->` is followed by ''"),
    "absent with a value": ("proc/a ABSENT = 1", "`ABSENT` is followed by '= 1'"),
    "no escape": ("proc/a = x\\y", r"'\\y' is none of \0 \n"),
    "no word": ("P0: a=1 b", "'b' is no `name=text`"),
    "empty braces": ("P{}/a = 1", "{} names nothing"),
    "backward range": ("P{3-1}/a = 1", "{3-1} names nothing"),
    "twice": ("proc/a = 1\nproc/a = 2", "proc/a was given on line 2 already"),
    "a link too late": ("H0/name = x\nsys/class/hwmon/hwmon0 -> ../a", "hwmon0 was given on line 2 already"),
    "a glob of nothing": ("P*/a = 1", "fits no folder named above it"),
    "a glob of files": ("P0/a = 1\nP0/* = 2", "`{1-4}` for files"),
    "elsewhere": ("etc/passwd = x", "no tree holds path 'etc/passwd'"),
    "climbing": ("sys/../../etc/passwd = x", "no tree holds path"),
    "a link out": ("sys/a -> ../../etc", "no tree holds entry 'sys/a'"),
    "in circles": ("sys/a -> b\nsys/b -> a\nsys/a/x = 1", "goes round in circles"),
}


@pytest.mark.parametrize(("text", "said"), SLIPS.values(), ids=SLIPS)
def test_a_slip_is_named_by_file_and_line(text: str, said: str) -> None:
    last = text.count("\n") + 2
    with pytest.raises(LabError, match=rf"^board\.tree:{last}: .*{re.escape(said)}"):
        read(f"# a comment\n{text}")


def test_a_file_below_a_file_is_refused() -> None:
    with pytest.raises(LabError, match=r"^board\.tree: .*lies below 'proc/a'"):
        read("proc/a = 1\nproc/a/b = 2\n")


ESCAPES = {"\\": r"\\", "\0": r"\0", "\n": r"\n", "\t": r"\t", " ": r"\s", "#": r"\#"}
NAME = st.from_regex(r"[A-Za-z0-9._@+,~-]{1,8}", fullmatch=True).filter(lambda name: name not in {".", ".."})
PATH = st.lists(NAME, min_size=2, max_size=4).map(lambda names: "proc/" + "/".join(names))
TEXT = st.text(st.sampled_from("ab9 <=>!#\\\t\n\0(m:0644){}*é")).map(
    lambda text: text if text[-1:] in "\0\n" else text + "\n"
)
ENTRY = st.one_of(
    st.builds(Entry, text=TEXT, writable=st.booleans()),
    st.builds(Entry, error=st.sampled_from(["EACCES", "EIO", "EAGAIN", "ENODATA"])),
    st.builds(Entry, link=NAME),
)


def line(path: str, entry: Entry) -> str:
    """By a writer of its own."""
    if entry.text is None:
        return f"{path} !{entry.error}" if entry.error else f"{path} -> {entry.link}"
    text = "".join(ESCAPES.get(character, character) for character in entry.text)
    return f"{path} = {text} (m:0{'644' if entry.writable else '444'})   # a comment"


@given(st.dictionaries(PATH, ENTRY, max_size=8))
def test_what_was_written_down_reads_back_as_it_was(entries: dict[str, Entry]) -> None:
    flat = {
        path: entry for path, entry in entries.items() if not any(path.startswith(f"{other}/") for other in entries)
    }
    assert read("\n".join(line(path, entry) for path, entry in flat.items())) == flat


@given(st.text(st.sampled_from("PZ04{}-,*/ab =!>#\\\n :()m"), max_size=60))
def test_whatever_is_written_gives_a_tree_or_a_line_to_mend(text: str) -> None:
    said = ""
    try:
        found = read(text)
    except LabError as error:
        said, found = str(error), {}
    assert not said or said.startswith("board.tree:")
    assert record.entries({path: entry.to_json() for path, entry in found.items()}) == found
