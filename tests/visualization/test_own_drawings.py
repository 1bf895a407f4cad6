"""A drawing function of the user's draws what was recorded, and counts as an error where it fails."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from pictures_of_mine import of_state, pixels, script

import jaxarc
from jaxarc.config import EpisodeConfig, VisualizationConfig
from jaxarc.errors import RenderError
from jaxarc.replay.views import step_pictures
from jaxarc.storage import EpisodeManager
from jaxarc.visualization import EnhancedVisualizer


def record(folder: Path, level: str = "verbose", **visualization: object) -> jaxarc.Recorder:
    """Record one episode of four steps with a nested state."""
    observation = jnp.arange(4.0)[:, None] * jnp.ones((1, 2))
    state = {"inner": {"board": jnp.arange(4)[:, None, None] * jnp.ones((1, 2, 2), jnp.int8)}}
    extra = {"state": state} if level == "full" else {}
    config = {
        "storage": {"base_output_dir": str(folder)},
        "capture": {"level": level},
        "visualization": visualization,
    }
    with jaxarc.Recorder(config) as recorder:
        ended = jnp.arange(4) == 3
        recorder.record_rollout(
            jaxarc.Step(reward=jnp.ones(4), terminated=ended, observation=observation, **extra)
        )
    return recorder


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> jaxarc.Recorder:
    """A run with the state of every step."""
    return record(tmp_path_factory.mktemp("full"), "full")


def test_states_are_drawn_where_they_were_recorded_and_asked_for(full: jaxarc.Recorder) -> None:
    """A function of ``state`` gets them, and any other the observations."""
    episode = jaxarc.open(full.run_dir).load_episode(0)
    of_states = step_pictures(episode, render=of_state)
    assert [int(np.max(picture.before_grid)) for picture in of_states] == [1, 2, 3, 4]
    assert [picture.after_grid is None for picture in of_states] == [False, False, False, True]
    assert step_pictures(episode, render=pixels)[2].before_grid[0, 0].tolist() == [80, 10, 10]


def test_the_key_of_the_configuration_draws_the_pictures_of_a_run(tmp_path: Path) -> None:
    """Summaries drawn while the run goes on hold what the function made."""
    plain, mine = record(tmp_path / "plain"), record(tmp_path / "mine", render="pictures_of_mine:script")
    for recorder, count in ((plain, 0), (mine, 4)):
        assert recorder.run_dir is not None
        summary = (recorder.run_dir / "episodes/episode_0000/summary.svg").read_text()
        assert summary.count("image/svg+xml") == count
        assert recorder.health().reader_errors == 0


def test_a_function_that_fails_while_the_run_goes_on_is_counted(tmp_path: Path) -> None:
    """The recording is whole; health names function and step."""
    recorder = record(tmp_path, render="pictures_of_mine:broken")
    health = recorder.health()
    assert health.reader_errors > 0
    assert "pictures_of_mine:broken at step 0" in health.first_error
    assert jaxarc.open(recorder.run_dir).load_episode(0).total_steps == 4


def test_a_visualizer_takes_a_function(full: jaxarc.Recorder, tmp_path: Path) -> None:
    """Steps that were recorded and steps that are given are drawn by it."""
    draw = EnhancedVisualizer(VisualizationConfig(), EpisodeManager(EpisodeConfig(), tmp_path), render=script)
    for path in draw.visualize_episode(jaxarc.open(full.run_dir).load_episode(0)):
        assert "image/svg+xml" in path.read_text()
    draw.episode_manager.start_new_episode(5)
    (given,) = draw.visualize_step(object(), {"action": 1}, object(), 0.5, {}, 2)
    assert "image/svg+xml" in given.read_text()


def test_a_function_that_does_not_exist_is_an_error_on_demand(full: jaxarc.Recorder) -> None:
    """Before anything is drawn."""
    episode = jaxarc.open(full.run_dir).load_episode(0)
    with pytest.raises(RenderError, match="no module"):
        step_pictures(episode, render="nowhere_at_all:draw")
