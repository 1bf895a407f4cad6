"""An episode is one picture, from no step to ten thousand."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.errors import RenderError
from jaxarc.records.task_pictures import TaskPair
from jaxarc.rendering import Style, render_comparison, render_episode_summary
from jaxarc.rendering.chart import ticks
from jaxarc.rendering.moments import edges_near


def words(svg: str) -> str:
    return " ".join(
        "".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if "text" in node.tag
    )


@pytest.mark.parametrize("num_steps", [0, 1, 2, 50, 10_000])
@pytest.mark.parametrize("similar", [True, False])
def test_any_length_gives_a_picture_of_bounded_size(num_steps, similar, episode):
    """The picture says how many steps there were and stays under 100 kB."""
    data = episode(num_steps)
    if not similar:
        data = episode(num_steps, similarity_progression=(), final_similarity=float("nan"))
    svg = render_episode_summary(data)
    said = words(svg)
    assert f"{num_steps:,}" in said
    assert ("Similarity" in said) == (similar and num_steps > 0)
    assert len(svg) < 100_000


def test_everything_stays_inside_the_picture(episode):
    """No text starts outside the frame, and no coordinate is NaN."""
    svg = render_episode_summary(episode(10_000))
    assert "nan" not in svg.lower()
    width = float(re.search(r'width="([\d.]+)"', svg).group(1))
    assert all(0 <= float(x) <= width for x in re.findall(r'<text x="([-\d.]+)"', svg))


def test_the_extremes_of_a_long_episode_are_kept(episode):
    """One step of ten thousand with a dip is drawn at the bottom of the similarity."""
    similarities = [0.9] * 10_000
    similarities[4321] = 0.0
    flat = render_episode_summary(episode(10_000, similarity_progression=[0.9] * 10_000, moments=()))
    dipped = render_episode_summary(episode(10_000, similarity_progression=similarities, moments=()))
    zero_line = re.search(r'y="([\d.]+)"[^>]*>0</text>', dipped).group(1)
    assert f" {float(zero_line) - 4:.1f}L" in dipped
    assert f" {float(zero_line) - 4:.1f}L" not in flat


@given(st.lists(st.floats(), max_size=30), st.booleans(), st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_rewards_are_valid_xml(episode, rewards, success, name):
    """NaN and infinite rewards, an empty episode and any name give a picture that parses."""
    data = episode(
        len(rewards),
        reward_progression=rewards,
        similarity_progression=rewards,
        total_reward=float("nan"),
        success=success,
        task_id=name,
        title=name,
    )
    for svg in (render_episode_summary(data), render_comparison([data, data], "similarity_progression")):
        ElementTree.fromstring(svg)
        assert re.search(r'd="[^"]*(nan|inf)', svg) is None


def test_stored_steps_stand_at_their_step_number(episode):
    """Two stored steps of a hundred lie at the ends of the axis."""
    data = episode(2, total_steps=101, step_nums=(0, 100), moments=(), key_moments=())
    assert "100" in words(render_episode_summary(data))


def test_progressions_of_different_lengths_are_refused(episode):
    """The error names the one that does not fit."""
    with pytest.raises(RenderError, match="similarity_progression has 3 entries, but 12 steps are stored"):
        render_episode_summary(episode(12, similarity_progression=[0.1, 0.2, 0.3], step_nums=range(12)))


@pytest.mark.parametrize(
    ("field", "gone"), [("show_operation_names", "Fill 3"), ("include_metrics", "Total reward")]
)
def test_an_option_takes_its_words_away(field, gone, episode):
    """Each option that hides something hides it."""
    assert gone in words(render_episode_summary(episode()))
    assert gone not in words(render_episode_summary(episode(), Style(**{field: False})))


@given(st.lists(st.floats(0, 700), min_size=1, max_size=6).map(sorted))
def test_moments_never_overlap(wanted):
    """Six boards find a place each, in order and inside the picture."""
    edges = edges_near(wanted, 112, 0, 736)
    assert all(b - a >= 112 - 1e-6 for a, b in pairwise(edges))
    assert edges[0] >= 0
    assert edges[-1] <= 736 - 112 + 1e-6


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_few_and_inside(low, span, count):
    """Round numbers within the range, at most two more than asked for."""
    marks = ticks(low, low + span, count)
    slack = 1e-6 * (abs(low) + span)
    assert len(marks) <= count + 2
    assert all(low - slack <= mark <= low + span + slack for mark in marks)


def test_a_moment_without_the_state_after_shows_the_one_before_and_says_so(episode, step):
    """Only that moment is marked, and a note says what the mark means."""
    lost = step(step_num=11, after_grid=None, changed_cells=None)
    said = words(render_episode_summary(episode(moments=[step(step_num=0), lost])))
    assert "before step 11" in said
    assert "before step 0" not in said
    assert "not recorded" in said
    assert "not recorded" not in words(render_episode_summary(episode()))


def _similarity_path(svg):
    colour = Style().colours.accent
    return re.search(rf'<path d="([^"]*)" fill="none" stroke="{colour}"', svg).group(1)


def test_steps_that_were_not_stored_are_a_gap_and_no_line(episode):
    """The curve has a piece for each stretch of stored steps, and the gaps are explained."""
    steps = [0, 1, 2, 40, 41, 42, 99]
    data = episode(7, total_steps=100, step_nums=steps, moments=(), key_moments=())
    svg = render_episode_summary(data)
    assert _similarity_path(svg).count("M") == 3
    assert "not stored" in words(svg)
    assert "7 of 100" in words(svg)
    whole = render_episode_summary(episode(100, moments=()))
    assert _similarity_path(whole).count("M") == 1
    assert "not stored" not in words(whole)


def test_ten_thousand_steps_with_gaps_keep_them(episode):
    """Thinning a long curve joins no two stretches."""
    steps = [*range(5_000), *range(6_000, 11_000)]
    data = episode(10_000, total_steps=11_000, step_nums=steps, moments=(), key_moments=())
    assert _similarity_path(render_episode_summary(data)).count("M") == 2


def test_metrics_have_curves_of_their_own_and_those_without_room_are_counted(episode):
    """Four of six are drawn; one that is all NaN is left out, one of another length refused."""
    curves = {f"m{index}": np.full(12, 0.5) for index in range(6)}
    said = words(render_episode_summary(episode(metrics={**curves, "nothing": np.full(12, np.nan)})))
    assert "m3" in said
    assert "and 2 more" in said
    assert "m4" not in said
    assert "nothing" not in said
    assert "m3" not in words(render_episode_summary(episode(metrics=curves), Style(include_metrics=False)))
    with pytest.raises(RenderError, match="'m' has 3 entries, but 12 steps"):
        render_episode_summary(episode(metrics={"m": np.ones(3)}))


def test_rewards_that_are_nan_are_counted(episode):
    """The curve has no place for them, so a number says how many."""
    data = episode(reward_progression=[float("nan")] * 3 + [1.0] * 9)
    assert "NaN in 3 of 12 stored steps" in words(render_episode_summary(data))
    data = episode(3, reward_progression=[np.nan, np.inf, 1.0])
    assert "NaN or too large in 2 of 3 stored steps" in words(render_episode_summary(data))


def test_an_episode_that_goes_on_has_not_failed(episode):
    """Running and cut episodes have a quiet badge."""
    for ended in ("running", "cut"):
        svg = render_episode_summary(episode(ended=ended, success=False))
        assert ended.title() in words(svg)
        assert "Not solved" not in words(svg)


def test_the_demonstrations_of_the_task_are_shown_and_counted_where_room_ends(episode):
    """Of thirty pairs of boards those that fit have a picture."""
    pair = TaskPair(np.zeros((9, 9), int), np.ones((9, 9), int))
    svg = render_episode_summary(episode(demonstrations=[pair] * 30))
    assert "Demonstrations" in words(svg)
    assert re.search(r"\b2\d more", words(svg))
    assert "Demonstrations" not in words(render_episode_summary(episode()))


def test_no_line_runs_through_what_a_chart_says(episode, vector_step):
    """The lines of key moments pass behind notes and legends, which stand on the background's colour."""
    moments = [vector_step(step_num=number) for number in range(12)]
    observed = np.sin(np.arange(48).reshape(12, 4))
    data = episode(reward_progression=[np.nan, *[1.0] * 11], moments=moments, observed=observed)
    svg = render_episode_summary(data)
    dotted = svg.index('stroke-dasharray="2 3"')
    for words in ("NaN in 1 of", ">3<"):
        before = svg[dotted : svg.index(words, dotted)]
        assert f'fill="{Style().colours.background}"' in before[before.rindex("<rect") :]
