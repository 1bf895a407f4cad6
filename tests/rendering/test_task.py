"""A task is one picture, whatever the number and the sizes of its pairs."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import overlaps
import pytest
import svg_rules

from jaxarc.errors import RenderError
from jaxarc.records.task_pictures import TaskPair, TaskPictureData
from jaxarc.rendering import Style, render_task


def words(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]


def pairs(count: int, rows: int, columns: int) -> list[TaskPair]:
    random = np.random.default_rng(rows * 31 + columns)
    boards = random.integers(0, 10, (2 * count, rows, columns)).astype(np.int8)
    return [TaskPair(*boards[2 * index : 2 * index + 2]) for index in range(count)]


def cell_sizes(svg: str) -> set[float]:
    return {float(size) for size in re.findall(r"scale\(([\d.]+)\)", svg)}


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (30, 30), (3, 7)])
@pytest.mark.parametrize("count", [1, 3, 10])
def test_any_number_of_pairs_of_any_size_fits_with_one_cell_size(count, size):
    """Nothing overlaps or is cut, the picture is about a page, and all cells are alike."""
    svg = render_task(TaskPictureData("007bbfb7", pairs(count, *size), pairs(1, *size)))
    assert overlaps.problems(svg) == []
    assert svg_rules.violations(svg) == []
    width, height = (float(re.search(rf'{side}="([\d.]+)"', svg).group(1)) for side in ("width", "height"))
    assert width <= 960
    assert height <= 1100
    assert len(cell_sizes(svg)) == 1
    assert min(cell_sizes(svg)) >= 3


def test_small_boards_get_large_cells():
    """Three by three is drawn with the largest cell there is, thirty by thirty with a smaller one."""
    small, large = (render_task(TaskPictureData("", pairs(4, side, side))) for side in (3, 30))
    assert cell_sizes(small) == {24.0}
    assert max(cell_sizes(large)) < 10


def test_a_hidden_output_is_a_question_mark():
    """The demonstrations keep their outputs; of the test pair only the input is a board."""
    shown = TaskPictureData("", pairs(2, 3, 3), pairs(1, 3, 3))
    hidden = TaskPictureData("", shown.train, shown.test, show_test_output=False)
    assert "?" not in words(render_task(shown))
    assert words(render_task(hidden)).count("?") == 1
    assert render_task(shown).count("scale(") == render_task(hidden).count("scale(") + 1


def test_the_last_board_of_an_episode_stands_beside_its_pair_with_its_wrong_cells():
    """How many cells are wrong is said, and they are marked unless changes are not to be highlighted."""
    target = np.array([[1, 2], [3, 4]])
    data = TaskPictureData(
        "", [TaskPair(target, target)], played=0, last_board=np.array([[1, 2], [0, 0]]), last_board_words="Me"
    )
    assert "Me · 2 wrong" in words(render_task(data))
    marked, plain = (render_task(data, Style(highlight_changes=on)) for on in (True, False))
    assert Style().colours.wrong in marked
    assert Style().colours.wrong not in plain
    solved = TaskPictureData("", data.train, played=0, last_board=target)
    assert "Last board · none wrong" in words(render_task(solved))


def test_a_hidden_output_does_not_show_through_the_wrong_cells():
    """Beside a question mark nothing says which cells are right."""
    pair = pairs(1, 3, 3)
    data = TaskPictureData(
        "", (), pair, show_test_output=False, played=0, last_board=1 - pair[0].output.clip(0, 1)
    )
    svg = render_task(data)
    assert "Last board" in words(svg)
    assert Style().colours.wrong not in svg


def test_a_task_without_pairs_and_a_pair_that_is_not_there_are_refused():
    """The error says how many there are."""
    with pytest.raises(RenderError, match="has no pair"):
        render_task(TaskPictureData("x", ()))
    with pytest.raises(RenderError, match="one of the 2 pairs, 0 to 1, got 2"):
        render_task(TaskPictureData("x", pairs(2, 1, 1), played=2, last_board=np.zeros((1, 1), int)))
    with pytest.raises(RenderError, match="a board has 2 axes"):
        render_task(TaskPictureData("x", [TaskPair(np.zeros(3, int), None)]))
