"""Boards from the short form and from Ansible's shape."""

import json
import sys
from pathlib import Path
from textwrap import dedent

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_inventory import Board, InventoryError, load, named, schema, select
from farm_inventory.document import read
from farm_inventory.fleet import boards
from farm_inventory.nodes import document
from farm_inventory.ranges import expand
from farm_inventory.source import Document
from inventory_support import HOME, complaint, fleet, problems

EXAMPLE = Path(__file__).parents[2] / "inventory" / "boards.example.yaml"
CONTRACT = """\
    all:
      vars: {ansible_user: bench}
      children:
        pi5:
          hosts:
            rpi5-[01:04]: {}
            rpi5-lab: {ansible_host: 192.0.2.7, ansible_port: 2222, ansible_python_interpreter: /opt/py/bin/python3, labels: {site: lab}}
    """


def test_the_ansible_inventory_of_the_documentation_works_as_it_is() -> None:
    found = fleet(CONTRACT)
    assert list(found) == ["rpi5-01", "rpi5-02", "rpi5-03", "rpi5-04", "rpi5-lab"]
    assert found["rpi5-03"] == Board("rpi5-03", user="bench", groups=("pi5",))
    lab = found["rpi5-lab"]
    assert (lab.host, lab.port, lab.python, lab.labels) == ("192.0.2.7", 2222, "/opt/py/bin/python3", {"site": "lab"})


def test_the_example_beside_the_package_is_valid() -> None:
    found = load(EXAMPLE, HOME)
    assert [board.name for board in found][:3] == ["rpi5-01", "rpi5-02", "rpi4-01"]
    assert all(not (b.host or "192.0.2.").startswith("10.") for b in found)


def test_all_fields_of_a_board_can_be_written_and_come_back() -> None:
    written = {
        "host": "192.0.2.1", "user": "bench", "port": 2200, "key": "~/.ssh/k", "gateway": "me@jump:22,other",
        "agent": False, "proxy_command": "allow", "cipher": "aes128-ctr", "fingerprint": "SHA256:" + "A" * 43,
        "python": "/opt/py/bin/python3", "base": "~/bench", "sysroot": "/lab/root", "labels": {"site": "lab"},
        "type": "pi5", "cpus": "0-3,6", "threads": 2, "pin": "1800000", "provider": "XnnpackExecutionProvider", "runtime": "v19",
        "interference": "note", "local": False, "lab": True, "meter": "scpi://192.0.2.9:5026?channel=2",
    }  # fmt: skip
    board = fleet(json.dumps({"boards": {"a": written}}))["a"]
    assert {key: value for key, value in board.to_json().items() if key in written} == written


def test_the_fields_of_later_work_are_unknown_keys() -> None:
    found = problems("boards:\n  c: {power: y}\n")
    assert [path for _, _, path, _ in found] == ["boards.c.power"]


def test_what_is_not_written_has_a_default() -> None:
    board = fleet("boards: {a: }")["a"]
    assert (board.base, board.python, board.sysroot, board.cpus) == ("~/.cache/benchfarm", "python3", "/", "big")
    assert (board.threads, board.provider, board.interference) == (None, "CPUExecutionProvider", "drop")


def test_a_virtual_board_notes_interference_unless_it_says_otherwise() -> None:
    found = fleet("boards: {a: {lab: true}, b: {lab: true, interference: drop}}")
    assert (found["a"].interference, found["b"].interference) == ("note", "drop")


def test_without_an_inventory_this_machine_is_the_only_board() -> None:
    (board,) = named(None, HOME)
    assert (board.name, board.local, board.interference) == ("local", True, "note")
    assert (board.python, board.base) == (sys.executable, "/project/.farm/boards/local")


def test_a_local_board_of_an_inventory_has_its_own_store() -> None:
    found = fleet("boards: {here: {local: true}, there: {local: true, base: /data/x}}")
    assert (found["here"].base, found["there"].base) == ("/project/.farm/boards/here", "/data/x")


@pytest.mark.parametrize(
    ("written", "read"), [("3", "3"), ("[0, 2]", "0,2"), ("0-3", "0-3"), ("all", "all"), ("'0-1,3'", "0-1,3")]
)
def test_cpus_are_a_word_or_a_list_however_yaml_reads_them(written: str, read: str) -> None:
    assert fleet(f"boards: {{a: {{cpus: {written}}}}}")["a"].cpus == read


def test_labels_are_texts_however_yaml_reads_them() -> None:
    assert fleet("boards: {a: {labels: {rack: 7, ecc: true}}}")["a"].labels == {"rack": "7", "ecc": "true"}


@pytest.mark.parametrize(
    "field",
    [
        "host: -oProxyCommand=x", "host: 'a b'", 'host: "a\\nb"', "user: -l", "user: 'a;b'", "gateway: 'x y'",
        "python: -c", "python: 'py thon'", "python: $(x)", "base: /a/../b", "base: ../x", "base: ~root/x",
        "base: 'a;b'", "key: -x", "fingerprint: MD5:aa", "cpus: 3-1", "cpus: few", "sysroot: 'x y'", "runtime: a/b",
        "pin: sweep", "pin: 2GHz", "pin: 0", "cipher: -x", "proxy_command: ssh", "provider: 1x", "port: 0", "threads: 0", "base: '/a\n'",
    ],
)  # fmt: skip
def test_a_value_that_could_mean_something_to_a_shell_or_to_ssh_is_refused(field: str) -> None:
    assert len(problems(f"boards: {{a: {{{field}}}}}")) == 1


@pytest.mark.parametrize("name", ["../x", "<script>", "a b", "-x", "x" * 65, "", "naïve", "a/b"])
def test_a_name_outside_the_pattern_is_refused_with_a_legal_one(name: str) -> None:
    found = problems(json.dumps({"boards": {name: {}}}))
    suggestion = found[0][3]
    assert suggestion
    assert suggestion in fleet(json.dumps({"boards": {suggestion: {}}}))


def test_nearer_groups_win_and_the_host_wins_over_all() -> None:
    found = fleet("""\
        all:
          vars: {user: far, threads: 1, labels: {a: far, b: far}}
          children:
            outer:
              vars: {threads: 2}
              children:
                inner: {vars: {threads: 3, labels: {b: near}}, hosts: {x: , y: {threads: 4, labels: {c: own}}}}
              hosts: {z: }
        """)
    assert [found[name].threads for name in ("x", "y", "z")] == [3, 4, 2]
    assert found["y"].labels == {"a": "far", "b": "near", "c": "own"}
    assert found["x"].groups == ("outer", "inner")
    assert found["z"].groups == ("outer",)


def test_a_group_may_be_named_in_one_place_and_filled_in_another() -> None:
    found = fleet("all: {children: {pi5: }}\npi5: {hosts: {a: }, vars: {type: pi5}}\nfast: {hosts: {a: {threads: 8}}}")
    assert (found["a"].type, found["a"].threads) == ("pi5", 8)
    assert set(found["a"].groups) == {"pi5", "fast"}


def test_ansible_variables_that_are_not_ours_are_accepted_and_others_are_not() -> None:
    text = "all: {hosts: {a: {ansible_become: yes, ansible_password: !vault 'x', ansible_facts: {a: [1]}}}}"
    assert list(fleet(text)) == ["a"]
    assert problems("all: {hosts: {a: {ntp_server: x, thread: 1}}}") == [
        (1, 19, "all.hosts.a.ntp_server", None),
        (1, 34, "all.hosts.a.thread", "threads"),
    ]


def test_ansibles_words_map_to_ours_and_ours_win() -> None:
    found = fleet("""\
        all:
          hosts:
            a: {ansible_ssh_host: 192.0.2.1, ansible_ssh_user: u, ansible_ssh_port: 23, ansible_ssh_private_key_file: /k}
            b: {ansible_host: 192.0.2.2, host: 192.0.2.3, ansible_python_interpreter: auto_silent}
            c: {ansible_connection: local}
        """)
    a, b, c = found.values()
    assert (a.host, a.user, a.port, a.key) == ("192.0.2.1", "u", 23, "/k")
    assert (b.host, b.python) == ("192.0.2.3", "python3")
    assert c.local


def test_a_template_is_refused_because_nobody_evaluates_it() -> None:
    assert "templates are not evaluated here" in complaint("all: {hosts: {a: {ansible_host: '{{ ip }}'}}}")


def test_groups_that_contain_each_other_are_refused() -> None:
    assert "groups contain each other: a > b > a" in complaint("a: {children: {b: {children: {a: }}}}")


def test_an_inventory_without_boards_says_so() -> None:
    assert "no board in this inventory" in complaint("boards: {}")
    assert "no board in this inventory" in complaint("all: {children: {empty: }}")


def test_a_board_that_two_ranges_stand_for_is_refused() -> None:
    assert "the board r2 stands twice" in complaint("boards: {'r[1:2]': , 'r[2:3]': }")


def test_ranges_count_as_ansible_counts() -> None:
    assert expand("n-[08:11]") == ["n-08", "n-09", "n-10", "n-11"]
    assert expand("n[1:9:4]x[a:b]") == ["n1xa", "n1xb", "n5xa", "n5xb", "n9xa", "n9xb"]
    assert expand("plain") == ["plain"]


@pytest.mark.parametrize("name", ["[3:1]", "[a:10]", "[b:a]", "[01:100]", "[1:9:0]", "[1:99999999]", "[1:200][1:200]"])
def test_a_range_that_counts_nothing_sensible_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"range|stand for|digits"):
        expand(name)


@given(st.integers(0, 300), st.integers(0, 40))
def test_a_range_of_numbers_has_every_number_once(first: int, more: int) -> None:
    names = expand(f"b[{first:04}:{first + more:04}]")
    assert [int(name[1:]) for name in names] == list(range(first, first + more + 1))
    assert {len(name) for name in names} == {5}


def test_the_schema_accepts_what_the_farm_accepts_and_refuses_a_misspelt_field() -> None:
    check = jsonschema.Draft202012Validator(schema())
    for text in (EXAMPLE.read_text(), CONTRACT):
        file = read_text(text)
        assert boards(file, HOME)
        assert check.is_valid(file.data)
    assert not check.is_valid({"boards": {"a": {"hots": "x"}}})


def read_text(text: str) -> Document:
    return document(dedent(text), "inventory.yaml")


def test_a_file_is_read_from_where_it_lies(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text("boards: {a: {port: x}}")
    with pytest.raises(InventoryError, match=r"inventory\.yaml:1:20: boards\.a\.port"):
        select(load(file, HOME), None)
    assert read(file).where("boards", "a") == f"{file}:1"
