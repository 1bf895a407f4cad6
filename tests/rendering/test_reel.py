"""A reel shows one task at several points of training."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import overlaps
import pytest

from jaxarc.errors import RenderError
from jaxarc.records.reel_pictures import ReelData, ReelRow
from jaxarc.rendering import Style, render_reel


def words(svg: str) -> str:
    return " ".join(node.text or "" for node in ElementTree.fromstring(svg).iter() if "text" in node.tag)


@pytest.mark.parametrize("count", [1, 8, 40])
def test_every_row_says_how_far_training_was_and_how_it_went(count, episode):
    """Nothing overlaps, whatever the number of rows."""
    rows = [ReelRow(float(n * 100), episode(success=n % 2 == 0)) for n in range(count)]
    svg = render_reel(ReelData("007bbfb7", rows, total=3 * count))
    said = words(svg)
    assert f"update {(count - 1) * 100:,}" in said
    assert f"{count} of {3 * count} episodes" in said
    assert said.count("not solved") == count // 2
    assert overlaps.problems(svg) == []


def test_the_curve_shows_all_episodes_and_the_dots_those_below(episode):
    """Without similarities, or with one episode, there is no curve."""
    history = np.stack([np.arange(50.0), np.linspace(0, 1, 50), np.zeros(50)], axis=1)
    rows = [ReelRow(float(n), episode(final_similarity=n / 50)) for n in (0, 25, 49)]
    svg = render_reel(ReelData("t", rows, total=50, history=history))
    assert "of all 50 episodes" in words(svg)
    assert svg.count("<circle") == 3
    history[:, 1] = np.nan
    assert "Final similarity" not in words(render_reel(ReelData("t", rows, history=history)))
    assert "Final similarity" not in words(render_reel(ReelData("t", rows, history=history[:1])))


def test_several_episodes_at_one_point_of_training_are_a_mean_and_a_range(episode):
    """The curve does not jump up and down between episodes of one update."""
    history = np.array([[0, 0.2, 0], [0, 0.6, 0], [1, 0.5, 0], [1, 1.0, 1], [1, np.nan, 0]])
    svg = render_reel(ReelData("t", [ReelRow(1.0, episode())], total=5, history=history))
    assert "mean and range of all 5 episodes" in words(svg)
    curve = re.search(r'<path d="(M[^"]*)" fill="none" stroke="#2F6FDE" stroke-width="1.5"', svg).group(1)
    assert curve.count("L") == 1


def test_an_episode_without_states_says_so(episode):
    """Its row has how it went all the same."""
    said = words(render_reel(ReelData("t", [ReelRow(1.0, episode(moments=(), success=True))])))
    assert "no states of this episode are stored" in said
    assert "solved" in said


def test_episodes_of_several_pairs_have_a_target_each(episode):
    """The boards of one pair above all rows would be wrong for the others."""
    targets = [np.eye(3, dtype=int), np.ones((4, 2), int)]
    rows = [ReelRow(float(n), episode(target_grid=target)) for n, target in enumerate(targets)]
    svg = render_reel(ReelData("t", rows, input_grid=targets[0], target_grid=targets[0]))
    said = words(svg).split()
    assert said.count("target") == 2
    assert "Target" not in said
    assert overlaps.problems(svg) == []


@pytest.mark.parametrize(
    ("field", "gone"), [("show_operation_names", "Fill 3"), ("include_metrics", "similarity 1")]
)
def test_an_option_takes_its_words_away(field, gone, episode):
    """Each option that hides something hides it."""
    data = ReelData("t", [ReelRow(1.0, episode())])
    assert gone in words(render_reel(data))
    assert gone not in words(render_reel(data, Style(**{field: False})))


def test_no_row_and_too_many_are_refused(episode):
    """The error has the numbers."""
    with pytest.raises(RenderError, match="1 to 40 episodes, got 0"):
        render_reel(ReelData("t", []))
    with pytest.raises(RenderError, match="got 41"):
        render_reel(ReelData("t", [ReelRow(0.0, episode())] * 41))
