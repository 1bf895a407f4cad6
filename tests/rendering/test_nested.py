"""Nested observations are drawn leaf by leaf, the main one large."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observed import inventory, make_observed_step, pong_stack, screen

from jaxarc.rendering import Marks, Picture, Style, picture_of, render_step
from jaxarc.rendering.leaves import changed_between, is_tree, leaves_of, main_leaf, main_path, num_changed
from jaxarc.rendering.picture import pictures_of

BOARD = np.arange(6, dtype=np.int8).reshape(2, 3)


class State(NamedTuple):
    board: np.ndarray
    time: float


def words(picture: Picture | str) -> list[str]:
    svg = (
        picture
        if isinstance(picture, str)
        else f'<svg xmlns="http://www.w3.org/2000/svg">{picture.body}</svg>'
    )
    return [node.text or "" for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"a": 1, "b": {"c": BOARD}}, [("a",), ("b", "c")]),
        ((BOARD, BOARD), [("0",), ("1",)]),
        ([BOARD, {"x": 1}], [("0",), ("1", "x")]),
        (State(BOARD, 0.5), [("board",), ("time",)]),
        ({"a": None}, []),
        ([1, 2, 3], [()]),
        (((1, 2), (3, 4)), [()]),
        (BOARD, [()]),
        (np.float32(1), [()]),
        ((), [()]),
    ],
    ids=str,
)
def test_a_tree_has_the_leaves_that_it_was_given(value, paths):
    """Mappings, named tuples, and lists of arrays have branches; plain numbers in lists are an array."""
    assert list(leaves_of(value)) == paths
    assert is_tree(value) == (paths != [()])


def test_the_main_leaf_is_a_board_before_an_image_before_a_vector():
    """What says most in a picture is drawn large."""
    tree = {"vector": np.arange(500), "image": screen(0), "board": BOARD}
    assert main_path(leaves_of(tree)) == ("board",)
    del tree["board"]
    assert main_path(leaves_of(tree)) == ("image",)
    assert main_leaf({"a": 1.0, "words": "x" * 100}) == 1.0


def test_every_leaf_is_in_the_picture_with_its_path():
    """The main one first, then pictures, bars, and one line each for numbers and words."""
    tree = {
        "time": np.float32(0.25),
        "agent": {"position": np.array([1, 2]), "sees": np.ones((3, 3))},
        "mission": "open <the> door",
        "map": BOARD,
        "pair": (np.bool_(True), np.zeros((0, 3))),
    }
    said = words(picture_of(tree))
    assert said[0] == "map"
    for part in ("agent.sees", "agent.position", "time", "0.25", "open <the> door", "pair[0]", "yes"):
        assert part in said


def test_many_leaves_are_cut_with_a_count():
    """Twelve besides the main one are shown, and how many more there are."""
    said = words(picture_of({f"x{index}": float(index) for index in range(40)}))
    assert said[-1] == "+27 more"


def test_leaves_stand_at_one_height_before_and_after():
    """Two states of one observation have pictures of one size."""
    before, after = pictures_of([inventory(0), inventory(1)], Style(), 264)
    assert (before.width, before.height) == (after.width, after.height)


def test_a_small_picture_is_the_main_leaf_alone():
    """Key moments of a summary have room for one."""
    marks = Marks(changed={"grid": inventory(0)["grid"] != inventory(1)["grid"]})
    small = picture_of(inventory(0), size=92, marks=marks)
    assert small == picture_of(inventory(0)["grid"], size=92, marks=Marks(changed=marks.changed["grid"]))


def test_what_changed_is_found_leaf_by_leaf():
    """NaN is no different from NaN, and a leaf of another shape is left out."""
    before = {"a": np.array([1.0, np.nan]), "b": np.zeros(3), "c": (BOARD, 1)}
    after = {"a": np.array([2.0, np.nan]), "b": np.zeros(4), "c": (BOARD, 2)}
    changed = changed_between(before, after)
    assert changed["a"].tolist() == [True, False]
    assert "b" not in changed
    assert num_changed(changed) == 2
    assert changed_between(BOARD, BOARD + 1).all()
    assert changed_between(BOARD, {"a": BOARD}) is None


def test_a_step_of_trees_shows_all_of_both():
    """The main leaf is marked and counted with the others; a target is compared with the main leaf."""
    changed = changed_between(inventory(0), inventory(1))
    target = inventory(1)["grid"].copy()
    target[0, 0] = 5
    svg = render_step(make_observed_step(inventory, changed_cells=changed, target_grid=target))
    said = words(svg)
    assert said.count("inventory") == 2
    assert "3 changed" in said
    assert "1 still wrong" in said


def test_a_tree_of_another_structure_is_drawn_beside():
    """Leaves that only one of the values has leave a gap in the other."""
    first, second = pictures_of(
        [{"a": BOARD, "b": np.arange(3)}, {"a": BOARD, "c": (pong_stack(0),)}], Style(), 264
    )
    assert "b" in words(first)
    assert "b" not in words(second)
    assert "c[0]" in words(second)


LEAVES = st.one_of(
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.none(),
    st.booleans(),
    st.just(BOARD),
    st.just(np.zeros((2, 2, 2))),
)


@given(
    st.recursive(
        LEAVES,
        lambda kids: st.lists(kids, max_size=4) | st.dictionaries(st.text(max_size=5), kids, max_size=4),
    )
)
@settings(max_examples=60, deadline=None)
def test_any_tree_has_a_picture(tree):
    """Whatever is nested in whatever, it is drawn without an error."""
    words(picture_of(tree))
