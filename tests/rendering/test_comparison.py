"""Episodes side by side, from one to a thousand."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from jaxarc.errors import RenderError
from jaxarc.rendering import Style, render_comparison

KINDS = ("reward_progression", "similarity_progression", "outcome_by_task", "operations_used")


def words(svg: str) -> str:
    nodes = ElementTree.fromstring(svg).iter()
    return " ".join("".join(node.itertext()) for node in nodes if "text" in node.tag)


def test_a_comparison_of_many_names_a_few(episode):
    """Forty episodes are forty curves and eight rows."""
    svg = render_comparison([episode(9, episode_num=n) for n in range(40)])
    assert "32 more episodes" in words(svg)
    assert svg.count('stroke-linejoin="round"') == 40


def test_episodes_without_a_curve_get_no_row_before_those_with_one(episode):
    """Of forty episodes, thirty have no stored steps: they are counted, and every row has its curve."""
    none = {"moments": (), "key_moments": ()}
    episodes = [episode(9 if n < 10 else 0, episode_num=n, **none) for n in range(40)]
    svg = render_comparison(episodes)
    assert "2 more episodes are drawn as thin lines, 30 have no curve" in words(svg)
    assert svg.count('stroke-linejoin="round"') == 10
    empty = [episode(0, episode_num=n, **none) for n in range(20)]
    assert "12 more episodes have no curve" in words(render_comparison(empty))
    few = render_comparison([episode(9), episode(9, reward_progression=[np.nan] * 9)])
    assert few.count('stroke-linejoin="round"') == 1
    assert Style().colours.series[1] not in few


def test_a_comparison_refuses_what_it_cannot_compare(episode):
    """No episode, or an unknown kind of comparison, is an error that says so."""
    with pytest.raises(RenderError, match="at least one episode"):
        render_comparison([])
    with pytest.raises(RenderError, match="comparison_type must be one of reward_progression"):
        render_comparison([episode()], "length")


def test_a_comparison_without_similarity_says_so(episode):
    """An empty chart is explained."""
    data = episode(similarity_progression=(), final_similarity=float("nan"))
    assert "not recorded" in words(render_comparison([data], "similarity_progression"))


def test_an_unknown_comparison_is_answered_with_the_closest(episode):
    """A slip of the pen is understood."""
    with pytest.raises(RenderError, match="did you mean outcome_by_task"):
        render_comparison([episode()], "outcome_by_tasks")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 1_000])
def test_any_number_of_episodes_gives_a_picture_of_bounded_size(kind, count, episode):
    """A thousand episodes of two hundred steps stay under a megabyte."""
    one = episode(200, moments=(), operations={"Fill 1": 3})
    svg = render_comparison([one] * count, kind)
    assert len(svg) < 1_000_000
    assert f"{count:,} episode" in words(svg)


def test_outcomes_are_counted_task_by_task(episode):
    """Solved, not solved and open episodes are told apart, and a cut one has not failed."""
    went = [(True, "terminated"), (False, "terminated"), (False, "cut"), (None, "truncated")]
    episodes = [
        episode(task_id="a", success=s, ended=e, total_reward=float(r), moments=())
        for r, (s, e) in enumerate(went)
    ]
    said = words(render_comparison([*episodes, episode(task_id="", success=True)], "outcome_by_task"))
    assert "solved 2 not solved 1 open 2" in said
    assert "1 of 4" in said
    assert "no task" in said
    assert "+1.5" in said
    without = render_comparison(episodes, "outcome_by_task", Style(include_metrics=False))
    assert "Mean reward" not in words(without)


def test_tasks_without_room_are_counted_together(episode):
    """Thirty rows, and one for the other seventy tasks."""
    episodes = [episode(task_id=f"t{index}", moments=()) for index in range(100)]
    said = words(render_comparison(episodes, "outcome_by_task"))
    assert "70 more tasks" in said
    assert "70 of 70" in said


def test_operations_are_shares_of_the_steps_by_episode_or_by_outcome(episode):
    """A few episodes have a column each; of many those of one outcome share one."""
    few = [episode(operations={"Fill 1": 3, "Submit": 1}, moments=(), success=n == 0) for n in range(2)]
    said = words(render_comparison(few, "operations_used"))
    assert "75.0%" in said
    assert said.count("episode 7") == 2
    said = words(render_comparison(few * 5, "operations_used"))
    assert "solved · 5 episodes" in said
    assert "not solved · 5 episodes" in said
    assert "no operation was recorded" in words(render_comparison([episode()], "operations_used"))


def test_steps_that_were_not_stored_break_the_curve(episode):
    """Two stretches of stored steps are two pieces."""
    data = episode(4, total_steps=50, step_nums=[0, 1, 40, 41], moments=())
    colour = Style().colours.series[0]
    path = re.search(rf'<path d="([^"]*)" fill="none" stroke="{colour}"', render_comparison([data])).group(1)
    assert path.count("M") == 2


def test_rewards_that_are_nan_count_as_nothing(episode):
    """The sum goes on after them."""
    rewards = [1.0, float("nan"), 1.0]
    svg = render_comparison([episode(3, reward_progression=rewards, total_reward=float("nan"))])
    assert "nan" not in svg.replace("NaN", "")
    assert np.isfinite([float(x) for x in re.findall(r'cy="([\d.]+)"', svg)]).all()
