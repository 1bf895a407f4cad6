"""Recorded episodes beside each other: where two part, one task over training, all environments at once."""

from __future__ import annotations

import numpy as np
import pytest
from arc_run import TASK_IDS
from remembered import counting_episode

from jaxarc.errors import NotRecordedError, RenderError
from jaxarc.records.table import EpisodeTable
from jaxarc.rendering import render_alignment, render_batch, render_reel
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views import alignment_of, batch_of, reel_of
from jaxarc.replay.views.comparisons import compared_summary

T = 300


def test_an_alignment_shows_the_parting_what_is_around_it_and_the_ends():
    """Of three hundred steps seven are shown."""
    data = alignment_of(counting_episode(T), counting_episode(T, action={150: -1}))
    shown = [step.step_num for step in data.steps]
    assert shown == [0, 148, 149, 150, 151, 152, 299]
    assert all(step.a is not None and step.b is not None for step in data.steps)
    assert "they part at step 150: another action" in render_alignment(data)


def test_a_shorter_episode_leaves_its_place_empty():
    """Of the step after its end there is only the other one."""
    data = alignment_of(counting_episode(4), counting_episode(2))
    assert [step.b is None for step in data.steps] == [False, False, True, True]
    assert render_alignment(data)


def test_a_reel_has_the_episodes_of_one_task_in_order(arc_run: ReplaySystem):
    """Spread over the run, with the first and the last; ``update`` was never given, so episodes count."""
    data = reel_of(arc_run, TASK_IDS[0], limit=3)
    of_task = [row.episode for row in arc_run.episodes(f"task_id == '{TASK_IDS[0]}' and stored_steps > 0")]
    assert data.by == "episode"
    assert [row.at for row in data.rows] == sorted(row.at for row in data.rows)
    assert len(data.rows) == min(3, len(of_task))
    assert {data.rows[0].episode.episode_num, data.rows[-1].episode.episode_num} == {of_task[0], of_task[-1]}
    assert data.total == len(data.history) == len(arc_run.episodes(f"task_id == '{TASK_IDS[0]}'"))
    assert data.target_grid is not None
    assert render_reel(data)


def test_a_reel_shows_an_episode_that_was_played_to_its_end(arc_run: ReplaySystem):
    """Where recording stopped every environment has an episode that was cut; the one before it says more."""
    of_task = f"task_id == '{TASK_IDS[0]}' and stored_steps > 0"
    expected = {}
    for row in sorted(arc_run.episodes(of_task), key=lambda row: row.ended != "cut"):
        expected[row.env_id] = row.episode
    data = reel_of(arc_run, TASK_IDS[0], by="env_id", limit=len(expected))
    assert {int(row.at): row.episode.episode_num for row in data.rows} == expected
    assert "cut" in {row.ended for row in arc_run.episodes()}


def test_a_batch_of_members_says_which(arc_run: ReplaySystem, monkeypatch: pytest.MonkeyPatch):
    """Environments of two members have one number."""
    table = arc_run.episodes()
    columns = {name: table[name] for name in table.columns}
    member = np.arange(len(table)) % 2
    monkeypatch.setattr(arc_run, "episodes", lambda where: EpisodeTable({**columns, "member": member}))
    assert {item.words for item in batch_of(arc_run).items} == {"member 0", "member 1"}


def test_a_reel_counts_by_any_column_of_numbers(arc_run: ReplaySystem):
    """A column that holds text, and one that is not there, are refused."""
    assert reel_of(arc_run, TASK_IDS[0], by="end_step").rows[0].at >= 1
    with pytest.raises(RenderError, match="'task_id' holds"):
        reel_of(arc_run, TASK_IDS[0], by="task_id")
    with pytest.raises(RenderError, match="did you mean end_step"):
        reel_of(arc_run, TASK_IDS[0], by="end_stp")
    with pytest.raises(NotRecordedError, match=f"did you mean {TASK_IDS[0]}"):
        reel_of(arc_run, f"{TASK_IDS[0][:-1]}0")


def test_a_batch_has_each_environment_at_its_last_state(arc_run: ReplaySystem):
    """The state is the last one of the environment's last episode that has steps."""
    data = batch_of(arc_run)
    assert [item.env_id for item in data.items] == [0, 1]
    assert data.is_arc
    for item in data.items:
        row = arc_run.episodes(f"env_id == {item.env_id} and stored_steps > 0", sort="-end_step").row(0)
        episode = arc_run.load_episode(row.episode)
        assert item.words == f"episode {row.episode}"
        np.testing.assert_array_equal(item.state, np.asarray(episode.observation)[-1])
    assert render_batch(data)


def test_a_batch_at_a_step_of_the_run_has_the_states_after_it(arc_run: ReplaySystem):
    """At the first environment steps every environment is in its first episode, after its first step."""
    data = batch_of(arc_run, at=0)
    assert data.heading == "at environment step 0"
    for item in data.items:
        number = int(item.words.removeprefix("episode "))
        np.testing.assert_array_equal(item.state, np.asarray(arc_run.load_episode(number).observation)[1])
        assert item.step == 0
    with pytest.raises(NotRecordedError, match="at environment step 1000000"):
        batch_of(arc_run, at=1_000_000)


def test_a_comparison_reads_only_what_it_shows(arc_run: ReplaySystem):
    """Outcomes need the rows alone, operations the actions, and no comparison needs a board."""
    row = arc_run.episodes("stored_steps > 0").row(0)

    def never():
        raise AssertionError("the episode was loaded")

    assert compared_summary(row, "outcome_by_task", never).task_id == row.task_id

    def load():
        return arc_run.load_episode(row.episode)

    assert sum(compared_summary(row, "operations_used", load).operations.values()) == row.stored_steps
    curves = compared_summary(row, "reward_progression", load)
    assert len(curves.reward_progression) == row.stored_steps
    assert len(curves.moments) == len(curves.operations) == 0
