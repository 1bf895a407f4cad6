"""What the picture of a whole episode shows of a recorded one."""

from __future__ import annotations

import numpy as np
import pytest
from remembered import episode_of, remember

from jaxarc.errors import NotRecordedError
from jaxarc.rendering import render_episode_summary
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views import episode_summary, summary_of_row
from jaxarc.replay.views.episode_summaries import key_positions, operations_of


def recorded(rewards: list[float], observed: bool = True):
    """An episode of steps with these rewards, in memory."""
    at = np.arange(len(rewards))
    trees = {"action": at.astype(np.int8) % 3}
    if observed:
        trees["observation"] = np.stack([at, at], axis=1).astype(np.float32)
    return episode_of(len(rewards), remember("steps", at, trees, rewards=np.array(rewards, np.float32)))


def test_key_positions_are_the_ends_and_where_the_reward_stands_out():
    """A hundred steps of nothing with two rewards: both are shown, and the rest is spread evenly."""
    rewards = [0.0] * 100
    rewards[37] = rewards[38] = 1.0
    chosen = key_positions(recorded(rewards))
    assert {0, 37, 38, 99} <= set(chosen)
    assert len(chosen) == 12
    assert max(np.diff(chosen)) <= 25


@pytest.mark.parametrize("rewards", [[1.0] * 500, [float("nan")] * 500, [0.0] * 500])
def test_where_nothing_stands_out_the_moments_are_spread_evenly(rewards):
    """Not the first dozen of five hundred equal steps."""
    chosen = key_positions(recorded(rewards))
    assert chosen[0] == 0
    assert chosen[-1] == 499
    assert max(np.diff(chosen)) <= 80


def test_of_steps_that_stand_out_alike_some_from_all_over_are_shown():
    """A reward every ten steps of a thousand: not the first ten of them."""
    chosen = key_positions(recorded([float(step % 10 == 5) for step in range(1000)]))
    assert len(chosen) == 12
    assert all(position % 10 == 5 for position in chosen[1:-1])
    assert max(np.diff(chosen)) <= 120


@pytest.mark.parametrize(("stored", "expected"), [(0, []), (1, [0]), (2, [0, 1]), (12, list(range(12)))])
def test_short_episodes_show_every_step(stored, expected):
    """Up to a dozen there is no choice to make."""
    assert key_positions(recorded([1.0] * stored)) == expected


def test_without_observations_there_are_curves_and_no_moments():
    """The rewards of an episode that recorded no observation are drawn all the same."""
    data = episode_summary(recorded([1.0, 2.0], observed=False))
    assert data.reward_progression == [1.0, 2.0]
    assert data.moments == []
    assert "Reward" in render_episode_summary(data)


def test_only_the_observations_of_the_moments_are_read(monkeypatch):
    """Of two hundred steps a dozen observations are asked for."""
    episode = recorded([0.0] * 200)
    asked = set()
    monkeypatch.setattr("jaxarc.replay.views.episode_summaries._MAX_ENTRIES", 1)
    source = next(iter(episode._sources))
    observations = type(source).observations
    monkeypatch.setattr(
        type(source),
        "observations",
        lambda self, index, rows: asked.update(rows.tolist()) or observations(self, index, rows),
    )
    data = episode_summary(episode)
    assert len(data.moments) == 12
    assert len(asked) <= 24


def test_a_row_alone_gives_what_it_knows(arc_run: ReplaySystem):
    """Its numbers are those of the whole episode; no step is read."""
    row = arc_run.episodes("stored_steps > 0").row(0)
    alone, whole = summary_of_row(row), episode_summary(arc_run.load_episode(row.episode))
    for name in ("episode_num", "total_steps", "total_reward", "task_id", "success", "final_similarity"):
        assert getattr(alone, name) == getattr(whole, name)
    assert len(alone.step_nums) == len(alone.moments) == 0


def test_metrics_other_than_similarity_have_a_curve(arc_run: ReplaySystem):
    """Similarity has its own."""
    episode = arc_run.load_episode(0)
    data = episode_summary(episode)
    assert "similarity" not in data.metrics
    assert set(data.metrics) == set(episode.metrics) - {"similarity"}
    assert len(data.similarity_progression) == len(episode.step)


def test_an_episode_without_steps_is_an_error_that_says_why():
    """The row is there still, for who wants that."""
    with pytest.raises(NotRecordedError, match="no stored steps"):
        episode_summary(episode_of(5))


def test_operations_are_counted_by_name():
    """ARC's have names, discrete actions numbers, and vectors none."""
    selection = np.zeros((4, 2, 2), bool)
    assert operations_of({"operation": np.array([3, 3, 34, 99]), "selection": selection}) == {
        "Fill 3": 2,
        "Submit": 1,
        "action 99": 1,
    }
    assert operations_of(np.array([0, 1, 1])) == {"action 0": 1, "action 1": 2}
    assert operations_of(np.zeros((3, 2))) == {}
    assert operations_of({}) == {}


def test_observations_of_a_few_numbers_are_shown_over_the_steps():
    """Each number has a name and a curve; boards have neither."""
    at = np.arange(5)
    trees = {"observation": {"speed": at.astype(np.float32), "at": np.stack([at, -at], axis=1)}}
    data = episode_summary(episode_of(5, remember("steps", at, trees)))
    assert sorted(data.observed_names) == ["at.0", "at.1", "speed"]
    assert data.observed is not None
    column = data.observed[:, list(data.observed_names).index("at.1")]
    assert column.tolist() == [0, -1, -2, -3, -4]
    assert "at.1" in render_episode_summary(data)
    board = remember("steps", at, {"observation": np.zeros((5, 3, 3), np.int8)})
    assert episode_summary(episode_of(5, board)).observed is None
