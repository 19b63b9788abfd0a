"""Which boards a selection means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_inventory import Board, InventoryError, counted, select

FLEET = (
    Board("rpi5-01", labels={"site": "lab"}, type="pi5", groups=("pis", "pi5")),
    Board("rpi5-02", labels={"site": "lab"}, type="pi5", groups=("pis", "pi5")),
    Board("rpi5-03", labels={"site": "roof"}, type="pi5", groups=("pis", "pi5")),
    Board("rpi4-01", labels={"site": "roof"}, groups=("pis",)),
    Board("jetson"),
)
TERMS = ["rpi5-*", "rpi*", "site=lab", "site=*", "type=pi5", "pis", "jetson", "*", "rpi?-01", "rpi[45]-01"]


def names(text: str | None) -> list[str]:
    return [board.name for board in select(FLEET, text)]


def refusal(text: str) -> str:
    with pytest.raises(InventoryError) as caught:
        select(FLEET, text)
    return str(caught.value)


def test_the_selection_of_the_documentation_means_what_it_says() -> None:
    assert names("rpi5-*,site=lab,!rpi5-03") == ["rpi5-01", "rpi5-02"]


def test_without_a_selection_all_boards_are_meant() -> None:
    assert names(None) == [board.name for board in FLEET]


def test_groups_types_and_labels_select() -> None:
    assert names("pis") == ["rpi5-01", "rpi5-02", "rpi5-03", "rpi4-01"]
    assert names("type=pi5") == names("pi5") == ["rpi5-01", "rpi5-02", "rpi5-03"]
    assert names("site=r*") == ["rpi5-03", "rpi4-01"]


def test_only_negations_start_from_all() -> None:
    assert names("!pis") == ["jetson"]
    assert names(" ! site=lab , !jetson ") == ["rpi5-03", "rpi4-01"]


def test_a_slip_of_the_pen_is_refused_with_what_was_meant() -> None:
    assert "no board matches 'rpi5-O1'; did you mean 'rpi5-01'?" in refusal("rpi5-O1")
    assert "no board matches 'jetsn'; did you mean 'jetson'?" in refusal("rpi*,!jetsn")


def any_of(text: str, *ranked: str) -> list[str]:
    """With the boards that take work, the freest first."""
    return [board.name for board in select(FLEET, text, lambda names: [name for name in ranked if name in names])]


FREEST = ("rpi5-03", "jetson", "rpi4-01", "rpi5-02", "rpi5-01")


def test_a_count_takes_the_best_of_those_that_match_in_the_order_of_the_inventory() -> None:
    assert any_of("type=pi5:2", *FREEST) == ["rpi5-02", "rpi5-03"]
    assert any_of("rpi?-01:1", *FREEST) == ["rpi4-01"]
    assert any_of("site=lab : 1", *FREEST) == ["rpi5-02"]
    assert any_of("pis:2,!rpi4-01", *FREEST) == ["rpi5-02", "rpi5-03"]
    assert names("type=pi5:2") == ["rpi5-01", "rpi5-02"], "where nothing is known of them"


def test_a_count_is_taken_beside_the_boards_that_are_named() -> None:
    assert any_of("rpi5-03,type=pi5:1", *FREEST) == ["rpi5-02", "rpi5-03"]
    assert any_of("type=pi5:1,type=pi5:1", *FREEST) == ["rpi5-02", "rpi5-03"]
    assert any_of("*:1,rpi5-03:1", *FREEST) == ["rpi5-03", "jetson"], "who has the least choice goes first"


def test_too_few_boards_are_told_with_how_many_there_are() -> None:
    assert "4 of 'type=pi5' are asked for, and 3 match: rpi5-01, rpi5-02, rpi5-03" in refusal("type=pi5:4")
    assert "and 1 matches beside those taken: rpi5-02" in refusal("rpi5-01,site=lab:2")
    with pytest.raises(InventoryError, match="and 1 of 3 take work; in quarantine or drained: rpi5-01, rpi5-02; `farm"):
        any_of("type=pi5:2", "rpi5-03")


@pytest.mark.parametrize("text", ["type=pi5:0", "type=pi5:", "type=pi5:two", "type=pi5:-1", "type=pi5:²", "pi5:1.5"])
def test_what_is_no_count_is_refused_with_one_that_is(text: str) -> None:
    assert "how many boards to take, 1 or more, as in 'type=pi5:2'" in refusal(text)


def test_a_count_of_what_is_left_out_is_no_count() -> None:
    assert "no board matches 'rpi5-*:1'" in refusal("!rpi5-*:1")


def test_whether_a_selection_leaves_the_choice_open() -> None:
    assert [counted(text) for text in (None, "*", "rpi5-01,!pis", "type=pi5:2", "jetson,pis:1")] == [False] * 3 + [
        True
    ] * 2
    assert counted("type=pi5:two"), "that this is no count is told where boards are chosen"


@given(st.permutations(FREEST), st.integers(1, 5))
def test_whichever_boards_are_free_as_many_as_asked_for_are_taken_and_the_freest(ranked: list[str], count: int) -> None:
    assert sorted(any_of(f"*:{count}", *ranked)) == sorted(ranked[:count])


def test_an_empty_selection_lists_the_boards_there_are() -> None:
    assert "leaves no board of: rpi5-01, rpi5-02, rpi5-03, rpi4-01, jetson" in refusal("jetson,!jet*")
    assert "names no board" in refusal(" , ")


def test_a_long_list_of_names_is_cut() -> None:
    many = [Board(f"b{i}") for i in range(50)]
    with pytest.raises(InventoryError, match=r"b19 and 30 more$"):
        select(many, "x")


@given(st.lists(st.sampled_from(TERMS), min_size=1, max_size=4), st.lists(st.sampled_from(TERMS), max_size=3))
def test_a_selection_is_the_union_of_its_terms_without_the_union_of_its_negations(
    wanted: list[str], barred: list[str]
) -> None:
    union = {name for term in wanted for name in names(term)}
    expected = union - {name for term in barred for name in names(term)}
    text = ",".join([*wanted, *(f"!{term}" for term in barred)])
    if expected:
        assert names(text) == [board.name for board in FLEET if board.name in expected]
    else:
        assert "leaves no board" in refusal(text)


@given(st.permutations(["rpi5-*", "jetson", "!rpi5-02", "site=roof"]))
def test_the_order_of_terms_does_not_matter(terms: list[str]) -> None:
    assert names(",".join(terms)) == ["rpi5-01", "rpi5-03", "rpi4-01", "jetson"]


@given(st.text(max_size=30))
def test_any_text_selects_or_says_why_not_in_one_harmless_line(text: str) -> None:
    try:
        said = " ".join(names(text))
    except InventoryError as error:
        said = str(error)
    assert said
    assert said.isprintable()
