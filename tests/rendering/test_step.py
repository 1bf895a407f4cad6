"""A picture of a step says what happened, whatever the step holds."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from jaxarc.errors import RenderError
from jaxarc.rendering import Style, picture_of, render_step
from jaxarc.rendering.text import number

NASTY = st.one_of(
    st.text(max_size=40), st.sampled_from(["<script>alert(1)</script>", "\"'&]]>", "\x00\x1b", "😀"])
)


def words(svg: str) -> str:
    return " ".join(
        "".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if "text" in node.tag
    )


def test_a_step_says_what_happened(step):
    """Operation, counts of cells, reward, similarity and further numbers stand in the picture."""
    said = words(render_step(step(ended="terminated", success=True)))
    for part in (
        "Step 3 of 11",
        "Fill 3",
        "2 selected",
        "2 changed",
        "2 still wrong",
        "+0.125",
        "0.875",
        "entropy",
        "1.25",
        "Solved",
    ):
        assert part in said.replace("3of", "3 of"), part


@pytest.mark.parametrize(
    ("field", "value", "gone"),
    [
        ("show_operation_names", False, "Fill 3"),
        ("include_metrics", False, "Reward"),
    ],
)
def test_an_option_takes_its_words_away(field, value, gone, step):
    """Each option that hides something hides it."""
    assert gone in words(render_step(step()))
    assert gone not in words(render_step(step(), Style(**{field: value})))


def test_highlights_mark_changed_and_wrong_cells(step):
    """Without them the dots and the squares are gone; the selection stays."""
    marked, plain = render_step(step()), render_step(step(), Style(highlight_changes=False))
    assert marked.count("#FFFFFF") == plain.count("#FFFFFF") + 3
    assert plain.count('<path id="p') == 1
    assert marked.count('<path id="p') == 3


def test_coordinates_number_rows_and_columns(step):
    """Three boards of 4x4 have 24 more texts."""
    assert (
        render_step(step(), Style(show_coordinates=True)).count("<text")
        == render_step(step()).count("<text") + 24
    )


@given(
    title=NASTY,
    operation=NASTY,
    key=NASTY,
    value=st.one_of(NASTY, st.floats(), st.integers(), st.booleans(), st.none()),
    reward=st.floats(),
    similarity=st.none() | st.floats(),
    board=arrays(np.int8, array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(-1, 11)),
)
@settings(max_examples=80, deadline=None)
def test_any_step_is_valid_xml_and_no_script(step, title, operation, key, value, reward, similarity, board):
    """Whatever the strings, numbers and boards, the picture parses, and holds drawing elements only."""
    data = step(
        title=title,
        operation_name=operation,
        info={key: value},
        reward=reward,
        similarity=similarity,
        before_grid=board,
        after_grid=board[::-1].copy(),
        selection_mask=board > 2,
        changed_cells=board != board[::-1],
        target_grid=board,
    )
    svg = render_step(data)
    names = {node.tag.split("}")[1] for node in ElementTree.fromstring(svg).iter()}
    assert names <= {"svg", "g", "path", "rect", "circle", "text", "tspan", "defs", "use"}
    assert svg == render_step(data)


def test_a_selection_in_the_padding_is_counted_apart(step):
    """A mask over the whole array does not claim cells that the board has not."""
    board = np.full((6, 6), -1, np.int8)
    board[:2, :3] = 1
    data = step(
        before_grid=board,
        after_grid=board,
        target_grid=None,
        selection_mask=np.ones((6, 6), bool),
        changed_cells=np.zeros((6, 6), bool),
    )
    assert "6 selected, 30 off the board" in words(render_step(data))


def test_a_target_of_another_size_is_compared_where_it_lies(step):
    """Cells that the board has not reached count as wrong."""
    said = words(render_step(step(target_grid=np.full((5, 4), 3, np.int8))))
    assert "17 still wrong" in said


def test_a_mask_that_disagrees_with_the_board_is_refused(step):
    """The error names both shapes."""
    with pytest.raises(RenderError, match=r"\(2, 2\).*\(4, 4\)"):
        render_step(step(selection_mask=np.ones((2, 2), bool)))
    with pytest.raises(RenderError, match=r"\(9,\).*\(4, 4\)"):
        render_step(step(changed_cells=np.ones(9, bool)))


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.array([np.nan, np.inf, -1.0]),
        np.zeros(300),
        np.zeros((84, 84, 4), np.uint8),
        np.zeros((3, 3)),
        np.zeros(0),
        np.array(["a", "<b>"]),
        np.array([1 + 2j]),
        {"position": 1},
    ],
    ids=lambda value: type(value).__name__ + str(np.shape(value)),
)
def test_every_kind_of_value_has_a_picture(value):
    """Vectors are bars, and what has no picture of its own is written as text."""
    picture = picture_of(value)
    ElementTree.fromstring(f'<svg xmlns="http://www.w3.org/2000/svg">{picture.body}</svg>')
    assert picture.width > 0
    assert picture.height > 0


def test_many_metrics_are_cut_with_a_count(step):
    """The twelfth place says how many more there are."""
    said = words(render_step(step(info={f"metric {index}": index for index in range(40)})))
    assert "29 more" in said


def test_a_state_after_that_was_not_recorded_is_said(step, vector_step):
    """Neither "nothing changed" nor a count of wrong cells is claimed of a board that nobody knows."""
    for make in (step, vector_step):
        said = words(render_step(make(after_grid=None, changed_cells=None)))
        assert "After not recorded" in said
        assert "changed" not in said
        assert "wrong" not in said
        assert "reached" not in said


@pytest.mark.parametrize("reward", [-9.3134e-10, 123456789.0, -1e300, 1234567.8])
def test_a_reward_of_many_digits_is_never_cut(step, reward):
    """Minus 9.31e-10 without its end would read as minus 9.31."""
    said = words(render_step(step(reward=reward, similarity=1e-12)))
    assert number(reward, signed=True) in said
    assert number(1e-12) in said
