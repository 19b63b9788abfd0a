"""Which boards a selection means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_inventory import Board, InventoryError, select

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
