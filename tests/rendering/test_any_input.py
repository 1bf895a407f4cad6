"""Whatever is handed to a drawing: a picture in which nothing overlaps, or an error that says why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import any_input
import numpy as np
import overlaps
import svg_rules
from drawn_data import make_episode, make_step
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxarc.errors import RenderError
from jaxarc.records.task_pictures import TaskPair, TaskPictureData
from jaxarc.rendering import (
    PALETTES,
    Marks,
    Style,
    picture_of,
    render_board,
    render_comparison,
    render_episode_summary,
    render_step,
    render_task,
)
from jaxarc.rendering.comparison import ComparisonType
from jaxarc.rendering.document import document
from jaxarc.rendering.palette import THEMES

COMPARISONS = get_args(ComparisonType)
STYLES = st.builds(
    Style,
    palette=st.sampled_from(sorted(PALETTES)),
    theme=st.sampled_from(sorted(THEMES)),
    show_coordinates=st.booleans(),
    show_operation_names=st.booleans(),
    highlight_changes=st.booleans(),
    include_metrics=st.booleans(),
    show_digits=st.booleans(),
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
tried = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=SLOW)


def drawn(draw: Callable[[], str]) -> str | None:
    """Draw twice; return the picture, which is a right one, or None where the error helped."""
    refusal = ""
    svg = None
    try:
        svg = draw()
    except RenderError as error:
        refusal = str(error)
    if svg is None:
        assert len(refusal) > 20
        assert "\n" not in refusal
    else:
        assert svg_rules.violations(svg) == []
        assert svg == draw()
    return svg


def hold(draw: Callable[[], str]) -> None:
    """Draw, and hold that nothing overlaps or leaves the picture."""
    svg = drawn(draw)
    assert svg is None or overlaps.problems(svg) == []


@given(any_input.any_step(), STYLES)
@tried
def test_any_step(fields, style):
    """Any strings, arrays of any kind and shape, masks that fit or not, and any numbers."""
    hold(lambda: render_step(make_step(**fields), style))


@given(any_input.any_episode(), any_input.any_step(), STYLES)
@tried
def test_any_episode(fields, moment, style):
    """Any rewards, names and boards; with a moment that holds anything."""
    step = make_step(**{**moment, "step_num": 0})
    hold(lambda: render_episode_summary(make_episode(**fields, moments=[step]), style))


@given(
    st.lists(any_input.any_episode(), max_size=3),
    STYLES,
    st.sampled_from([*COMPARISONS, "else"]),
)
@tried
def test_any_comparison(episodes, style, kind):
    """Of any episodes."""
    hold(lambda: render_comparison([make_episode(**fields) for fields in episodes], kind, style))


@given(any_input.any_task(), STYLES)
@tried
def test_any_task(fields, style):
    """Of any pairs."""
    pairs = {name: [TaskPair(*pair) for pair in fields[name]] for name in ("train", "test")}
    hold(lambda: render_task(TaskPictureData(**{**fields, **pairs}), style))


@given(any_input.VALUES, any_input.ARRAYS | st.none(), STYLES, st.sampled_from([1, 40, 264, 2000]))
@tried
def test_any_value(value, mask, style, size):
    """Of any type and shape, at any size."""

    def draw() -> str:
        picture = picture_of(value, style, size=size, marks=Marks(changed=mask))
        return document(picture.width, picture.height, picture.body, style, "any")

    drawn(draw)


@given(any_input.STATES, any_input.ARRAYS, STYLES)
@tried
def test_any_board(board, mask, style):
    """And any mask on it."""
    hold(lambda: render_board(board, style, marks=Marks(selected=mask, wrong=np.ones(np.shape(board), bool))))
