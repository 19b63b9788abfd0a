"""YAML files that are wrong are told apart line by line, and none of them can do harm."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from farm_inventory.document import SIZE_LIMIT, load, parse
from farm_inventory.nodes import document
from farm_inventory.problem import DocumentError
from inventory_support import complaint, problems


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    port: int = 22
    governor: str = ""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: dict[str, Item] = {}
    several: list[Item] = []
    either: int | dict[str, Item] = 0


def broken(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse(text, "f.yaml", Model)
    return caught.value


def test_each_problem_shows_file_line_column_path_the_line_itself_and_a_suggestion() -> None:
    assert str(broken("items:\n  rpi5-02:\n    port: twenty-two\n    govenor: performance\n")) == (
        "f.yaml:3:11: items.rpi5-02.port: must be a valid integer, unable to parse string as an integer\n"
        "  3 |     port: twenty-two\n"
        "    |           ^\n"
        "f.yaml:4:5: items.rpi5-02.govenor: there is no such key\n"
        "  4 |     govenor: performance\n"
        "    |     ^\n"
        "  did you mean 'governor'?"
    )


BROKEN = {
    "unknown key": ("boards:\n  a:\n    hots: x\n", (3, 5, "boards.a.hots", "host")),
    "wrong type": ("boards:\n  a:\n    port: twenty\n", (3, 11, "boards.a.port", None)),
    "out of range": ("boards:\n  a: {port: 70000}\n", (2, 13, "boards.a.port", None)),
    "no such choice": ("boards:\n  a: {interference: nite}\n", (2, 21, "boards.a.interference", "note")),
    "duplicate key": ("boards:\n  a: {}\n  b: {}\n  a: {}\n", (4, 3, "boards.a", None)),
    "bad name": ("boards:\n  'a b': {}\n", (2, 3, "boards.a b", "a-b")),
    "tab": ("boards:\n\ta: {}\n", (2, 1, "", None)),
    "unclosed quote": ("boards:\n  a: {host: 'x}\n", (3, 1, "", None)),
    "list at the top": ("- a\n- b\n", (1, 1, "", None)),
    "misspelt top key": ("bords:\n  a: {}\n", (1, 1, "bords", "boards")),
    "range that runs backwards": ("boards:\n  'r[4:1]': {}\n", (2, 3, "boards.r[4:1]", None)),
    "tag of Python": ("boards:\n  a: !!python/object:os.system {}\n", (2, 6, "boards.a", None)),
    "unknown anchor": ("boards:\n  a: *b\n", (2, 6, "", None)),
    "second document": ("boards: {}\n---\nboards: {}\n", (2, 1, "", None)),
}


@pytest.mark.parametrize(("text", "found"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_inventory_is_placed_by_line_and_column(text: str, found: tuple[int, int, str, str | None]) -> None:
    assert problems(text) == [found]


def test_a_duplicate_key_names_the_line_of_the_first() -> None:
    assert "this key stands twice; first in line 2" in complaint("boards:\n  a: {}\n  a: {}\n")


def test_several_problems_are_told_at_once_and_in_the_order_of_the_file() -> None:
    found = problems("boards:\n  a: {port: x}\n  b: {threads: 0}\n  c: {hots: y}\n")
    assert [line for line, *_ in found] == [2, 3, 4]


def test_a_member_of_a_union_is_still_placed_and_suggested() -> None:
    error = broken("either: {a: {governer: x}}")
    assert ("either.a.governer", "governor") in [(p.path, p.suggestion) for p in error.problems]


def test_an_item_of_a_list_is_named_by_its_number() -> None:
    assert broken("several:\n  - {}\n  - port: x\n").problems[0].path == "several[1].port"


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    layers = "\n".join(f"{'ab'[i % 2]}{i + 1}: &x{i + 1} [{', '.join([f'*x{i}'] * 9)}]" for i in range(40))
    assert "aliases repeat more than 10,000 values" in str(broken(f"x0: &x0 [1]\n{layers}\n"))


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    assert "an alias stands inside its own anchor" in str(broken("items: &a {x: *a}"))


def test_anchors_and_merge_keys_of_ordinary_size_work() -> None:
    found = parse("items:\n  a: &a {port: 1, governor: g}\n  b: {<<: *a, port: 2}\n  c: *a\n", "f", Model).items
    assert (found["b"].port, found["b"].governor, found["c"].port) == (2, "g", 1)


def test_keys_are_taken_as_they_are_written() -> None:
    assert list(parse("items: {007: {}, no: {}, 1.50: {}}", "f", Model).items) == ["007", "no", "1.50"]


def test_deep_nesting_is_a_problem_and_not_a_crash() -> None:
    assert "nested too deeply" in str(broken("[" * 5000))


@pytest.mark.parametrize("text", ["", "# nothing\n", "~\n", "---\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert parse(text, "f", Model) == Model()


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    with file.open("wb") as handle:
        handle.truncate(SIZE_LIMIT + 1)
    with pytest.raises(DocumentError, match="1,048,577 bytes; a file of this kind may hold 1,048,576"):
        load(file, Model)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gone.yaml", "No such file or directory"),
        (".", "is no regular file"),
        ("latin.yaml", "no UTF-8 text: byte 0xe9"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9\n")
    with pytest.raises(DocumentError) as caught:
        load(name, Model)
    assert str(caught.value).startswith(f"{name}: {text}")


def test_nothing_of_a_hostile_file_reaches_the_terminal_as_a_command() -> None:
    text = str(broken('items: {"a\\e[2J": 1, "\\u202egpj": {x: 1}}'))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_password_in_a_broken_line_is_not_repeated() -> None:
    text = str(broken("broker: redis://me:hunter2@h/0?password=swordfish\n"))
    assert "hunter2" not in text
    assert "swordfish" not in text
    assert "redis://me:*******@h/0" in text


def test_a_long_line_is_shown_around_its_problem() -> None:
    text = str(broken("items: {" + " " * 400 + "a: {port: x}}"))
    assert all(len(line) < 120 for line in text.splitlines())
    source, caret = text.splitlines()[1:3]
    assert source[caret.index("^")] == "x"


@given(st.text(max_size=60) | st.text("{}[]&*!|>'\"%@`:-?,# \n\tab<0", max_size=40))
def test_any_text_is_either_a_document_or_a_problem_with_a_place(text: str) -> None:
    error = refusal(text)
    if error is not None:
        assert error.problems
        assert all(p.line is not None and p.line >= 1 for p in error.problems)
        assert all(c.isprintable() or c == "\n" for c in str(error))


def refusal(text: str) -> DocumentError | None:
    try:
        document(text, "f")
    except DocumentError as error:
        return error
    return None
