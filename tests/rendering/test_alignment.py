"""Two episodes above each other: what differs is marked, and where they part."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import overlaps
import pytest

from jaxarc.errors import RenderError
from jaxarc.records.alignment_pictures import AlignedStep, AlignmentData
from jaxarc.rendering import Style, render_alignment
from jaxarc.rendering.palette import MARK_DARK


def words(svg: str) -> str:
    return " ".join(node.text or "" for node in ElementTree.fromstring(svg).iter() if "text" in node.tag)


@pytest.fixture(scope="module")
def aligned(episode, step):
    """Make two episodes of twelve steps of which the fourth differs in one cell."""

    def make(**changes):
        other = step().after_grid.copy()
        other[0, 0] = 9
        steps = [AlignedStep(n, step(step_num=n), step(step_num=n)) for n in range(3)]
        steps.append(AlignedStep(3, step(), step(after_grid=other, operation_name="Fill 9")))
        whole = episode(moments=())
        fields = {"a": whole, "b": whole, "steps": steps, "parted_at": 3, "parted_by": "action"}
        return AlignmentData(**(fields | {"compared": 12} | changes))

    return make


def test_the_step_in_which_they_part_is_named_and_marked(aligned):
    """The heading says what differs first; without a difference it says that there is none."""
    svg = render_alignment(aligned())
    assert "they part at step 3: another action" in words(svg)
    assert Style().colours.accent in svg
    same = render_alignment(aligned(parted_at=None, parted_by=""))
    assert "the same in all 12 steps" in words(same)
    assert Style().colours.accent not in same
    assert "cannot be compared" in words(render_alignment(aligned(parted_at=None, compared=0)))


def test_cells_that_differ_have_a_dot_where_both_played_one_task(aligned, episode):
    """One dot, and its legend; of two tasks everything differs, so nothing is marked."""
    dots = f'stroke="{MARK_DARK}"'
    plain = render_alignment(aligned(), Style(highlight_changes=False))
    assert render_alignment(aligned()).count(dots) == plain.count(dots) + 2  # the cell and the legend
    other = render_alignment(aligned(b=episode(moments=(), task_id="other")))
    assert other.count(dots) == plain.count(dots)
    assert "differs" not in words(other)


def test_two_tasks_have_a_scale_each(aligned, step, episode):
    """A board of 4x4 is not drawn tiny for a board of 20x20 of another task."""
    large = step(before_grid=np.ones((20, 20), int), after_grid=np.ones((20, 20), int), changed_cells=None)
    steps = [AlignedStep(0, step(), large)]
    one = render_alignment(aligned(steps=steps))
    two = render_alignment(aligned(steps=steps, b=episode(moments=(), task_id="other")))
    scales = [[float(size) for size in re.findall(r"scale\(([\d.]+)\)", svg)] for svg in (one, two)]
    assert scales[0][0] == scales[0][1]
    assert scales[1][0] > 3 * scales[1][1]


def test_steps_that_are_left_out_are_counted(aligned, step):
    """Between step 3 and step 90 there are 86."""
    steps = [*aligned().steps, AlignedStep(90, step(step_num=90), None)]
    said = words(render_alignment(aligned(steps=steps)))
    assert "+86" in said
    assert "86 steps between are left out" in said


def test_a_step_that_is_missing_says_whether_the_episode_had_ended(aligned, step):
    """Twelve steps long, it has no step 90; step 5 was not stored."""
    steps = [AlignedStep(5, step(step_num=5), None), AlignedStep(90, step(step_num=90), None)]
    said = words(render_alignment(aligned(steps=steps)))
    assert "not stored" in said
    assert "ended" in said


def test_states_of_any_kind_and_shape_are_drawn(aligned, step, vector_step):
    """Numbers, frames, and boards that changed their size: nothing overlaps and nothing is cut."""
    frame = np.zeros((84, 84, 4), np.uint8)
    frames = step(before_grid=frame, after_grid=frame, selection_mask=None, changed_cells=None)
    small = step(after_grid=np.ones((2, 2), int), changed_cells=None)
    for pair in ((vector_step(), vector_step()), (frames, frames), (small, step())):
        svg = render_alignment(aligned(steps=[AlignedStep(3, *pair)]))
        assert overlaps.problems(svg) == []


def test_no_step_and_too_many_are_refused(aligned):
    """The error has the numbers."""
    with pytest.raises(RenderError, match="1 to 12 steps, got 0"):
        render_alignment(aligned(steps=[]))
    with pytest.raises(RenderError, match="got 40"):
        render_alignment(aligned(steps=aligned().steps * 10))
