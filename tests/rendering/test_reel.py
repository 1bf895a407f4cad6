"""A reel shows one task at several points of training."""

from __future__ import annotations

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


def test_an_episode_without_states_says_so(episode):
    """Its row has how it went all the same."""
    said = words(render_reel(ReelData("t", [ReelRow(1.0, episode(moments=(), success=True))])))
    assert "no states of this episode are stored" in said
    assert "solved" in said


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
