"""What a Step leaves out is not made up by its pictures, and costs no error."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import pytest

import jaxarc
from jaxarc.rendering.leaves import leaves_of, main_path
from jaxarc.replay.views import episode_summary, step_pictures


def record(folder: Path, **fields: object) -> tuple[jaxarc.Recorder, list[str]]:
    """Record two episodes of three steps, and return the recorder and the summaries drawn."""
    ended = jnp.arange(6) % 3 == 2
    config = {"storage": {"base_output_dir": str(folder)}, "capture": {"level": "verbose"}}
    with jaxarc.Recorder(config) as recorder:
        recorder.record_rollout(jaxarc.Step(reward=jnp.ones(6), terminated=ended, **fields))
    assert recorder.run_dir is not None
    drawn = [path.read_text() for path in sorted(recorder.run_dir.glob("episodes/*/summary.svg"))]
    return recorder, drawn


def test_an_episode_without_success_is_not_called_unsolved(tmp_path: Path) -> None:
    """The program does not say what success is; the picture says how the episode ended."""
    recorder, drawn = record(tmp_path, observation=jnp.arange(6.0))
    episode = jaxarc.open(recorder.run_dir).load_episode(0)
    assert episode_summary(episode).success is None
    assert step_pictures(episode)[-1].success is None
    assert drawn
    assert all("Terminated" in text and "solved" not in text.lower() for text in drawn)


@pytest.mark.parametrize("success", [True, False])
def test_an_episode_with_success_says_it(tmp_path: Path, success: bool) -> None:
    """Where the program says it, the picture does."""
    recorder, _ = record(tmp_path, observation=jnp.arange(6.0), success=jnp.full(6, success))
    assert episode_summary(jaxarc.open(recorder.run_dir).load_episode(1)).success is success


def test_steps_without_observations_are_no_error(tmp_path: Path) -> None:
    """Reward and terminated are all that a Step needs: there is nothing to draw, and nothing went wrong."""
    recorder, drawn = record(tmp_path)
    health = recorder.health()
    assert (health.reader_errors, health.first_error, drawn) == (0, "", [])


def test_a_state_after_is_shown_only_where_the_very_next_step_is_stored(tmp_path: Path) -> None:
    """Without next_observation neither the last step nor one before a gap has a picture of what it led to."""
    reward = jnp.array([0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    config = {
        "storage": {"base_output_dir": str(tmp_path)},
        "capture": {"level": "standard", "key_steps": 4},
    }
    with jaxarc.Recorder(config) as recorder:
        boards = jnp.arange(8)[:, None, None] * jnp.ones((1, 2, 2), jnp.int8)
        recorder.record_rollout(jaxarc.Step(reward=reward, terminated=jnp.arange(8) == 7, observation=boards))
    episode = jaxarc.open(recorder.run_dir).load_episode(0)
    stored = episode.step.tolist()
    assert stored[-1] == 7
    assert len(stored) < 8
    for picture in step_pictures(episode):
        if picture.step_num + 1 in stored:
            assert (picture.after_grid == picture.step_num + 1).all()
            assert picture.changed_cells.all()
        else:
            assert picture.after_grid is None
            assert picture.changed_cells is None
    known = [picture.after_grid is not None for picture in step_pictures(episode)]
    assert True in known
    assert False in known[:-1]


@pytest.mark.parametrize(
    ("observation", "shown"),
    [
        ({"age": jnp.arange(6), "board": jnp.zeros((6, 2, 2), jnp.int8)}, "board"),
        ({"age": jnp.ones((6, 9)), "grid": {"now": jnp.zeros((6, 2, 2), jnp.int8)}}, "grid.now"),
        ({"age": jnp.arange(6.0), "position": jnp.zeros((6, 4)), "speed": jnp.zeros((6, 2))}, "position"),
        ((jnp.arange(6.0), jnp.zeros((6, 3))), "1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_of_a_tree_everything_is_drawn_and_the_board_or_the_largest_array_alone_in_a_summary(
    tmp_path: Path, observation: object, shown: str
) -> None:
    """A step holds the whole observation; a summary says which part of it its moments show."""
    recorder, drawn = record(tmp_path, observation=observation, next_observation=observation)
    episode = jaxarc.open(recorder.run_dir).load_episode(0)
    for picture in step_pictures(episode):
        before, after = leaves_of(picture.before_grid), leaves_of(picture.after_grid)
        assert list(before) == list(after) == list(leaves_of(observation))
        assert ".".join(main_path(before)) == shown
        assert list(leaves_of(picture.changed_cells)) == list(before)
    assert drawn
    assert all(f"observation{'[1]' if shown == '1' else f'.{shown}'}" in text for text in drawn)


def test_an_observation_that_is_one_array_needs_no_name(tmp_path: Path) -> None:
    """There is nothing to tell it from."""
    recorder, _ = record(tmp_path, observation=jnp.arange(6.0))
    episode = jaxarc.open(recorder.run_dir).load_episode(0)
    assert step_pictures(episode)[0].title == "episode 0"
