"""A batch shows many environments at once, from one to a thousand."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import overlaps
import pytest

from jaxarc.errors import RenderError
from jaxarc.records.reel_pictures import BatchData, BatchItem
from jaxarc.rendering import Style, render_batch


def words(svg: str) -> str:
    return " ".join(node.text or "" for node in ElementTree.fromstring(svg).iter() if "text" in node.tag)


BOARD = np.arange(9).reshape(3, 3)


@pytest.mark.parametrize("count", [1, 2, 30, 150, 1024, 1030])
def test_any_number_of_environments_fits(count):
    """At most 960 pixels wide, nothing overlaps, and beyond 1,024 the others are counted."""
    items = [BatchItem(n, BOARD, reward=-n / 7, step=n, words=f"episode {n}") for n in range(count)]
    svg = render_batch(BatchData(items, is_arc=True))
    assert float(re.search(r'width="([\d.]+)"', svg).group(1)) <= 960
    assert overlaps.problems(svg) == []
    assert ("6 more environments" in words(svg)) == (count == 1030)


def test_outcomes_are_counted_and_coloured():
    """The legend has those that occur."""
    went = ["solved", "solved", "not solved", "open"]
    svg = render_batch(BatchData([BatchItem(n, BOARD, outcome=outcome) for n, outcome in enumerate(went)]))
    assert "solved 2 not solved 1 open 1" in words(svg)
    assert svg.count(Style().colours.good) == 3
    assert "not solved" not in words(render_batch(BatchData([BatchItem(0, BOARD)])))


def test_boards_of_any_size_fill_their_place():
    """A board of 3x3 beside one of 30x30 is as large."""
    boards = [np.ones((30, 30), int), BOARD]
    svg = render_batch(BatchData([BatchItem(n, board) for n, board in enumerate(boards)], is_arc=True))
    thirty, three = (float(size) for size in re.findall(r"scale\(([\d.]+)\)", svg))
    assert three * 3 >= thirty * 30 * 0.55


@pytest.mark.parametrize("state", [np.array([0.5, -1.0]), np.zeros((84, 84, 4), np.uint8), None])
def test_states_of_any_kind_are_drawn(state):
    """Numbers, frames, and a state that was not recorded; a reward that is NaN is left out."""
    svg = render_batch(BatchData([BatchItem(n, state) for n in range(5)]))
    assert overlaps.problems(svg) == []
    assert "NaN" not in words(svg)


def test_a_batch_of_nothing_is_refused():
    """The error says what is missing."""
    with pytest.raises(RenderError, match="at least one environment"):
        render_batch(BatchData([]))
