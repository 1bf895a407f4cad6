"""What a Step leaves out is not made up by its pictures, and costs no error."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import pytest

import jaxarc
from jaxarc.visualization.pictures import episode_summary, step_pictures


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
