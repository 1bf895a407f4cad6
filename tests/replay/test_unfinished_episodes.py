"""An episode that still runs, was cut, or lost its last frame says so, wherever it is shown."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from child import Child

import jaxarc
from jaxarc import Recorder, Step
from jaxarc.errors import NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views import player_episode

BODY = """
recorder = Recorder(config(ROOT))
for position in range(7):
    recorder.tap(Step(
        observation=np.full((1, 2), position, np.float32),
        action=np.ones(1, np.int8),
        reward=np.ones(1, np.float32),
        terminated=np.full(1, position == 3),
        next_observation=np.full((1, 2), position + 1, np.float32),
    ))
assert recorder.flush()
say(os.getpid())
time.sleep(600)
"""


def test_an_episode_that_runs_and_then_is_cut_says_so_everywhere(run_root: Path):
    """A child is stopped in the middle of an episode and read, then killed and read again."""
    child = Child(run_root, "import numpy as np\n" + BODY)
    try:
        os.kill(int(child.heard()), signal.SIGSTOP)
        run = child.run()
        assert (run.status, run.problems) == ("RUNNING", ())
        assert "status='RUNNING'" in repr(run)
        (row,) = run.episodes("ended == 'running'")
        running = run.load_episode(row)
        assert "ended='running'" in repr(running)
        _says(running, "This episode is still running; what is here are its first 3 steps.")
        np.testing.assert_array_equal(running.observation[:, 0], [4, 5, 6, 7])
        _says(run.load_episode(0))
    finally:
        child.kill(signal.SIGKILL)
        child.ended()
    run.refresh()
    assert (run.status, len(run)) == ("LOST", 2)
    cut = run.load_episode(row)
    assert "ended='cut'" in repr(cut)
    _says(cut, "The recording ended before this episode did.")
    assert run.load_episode(0).missing == ()


def _says(episode: EpisodeData, *sentences: str) -> None:
    """Check what is missing of an episode, and that its page says so."""
    assert episode.missing == sentences
    assert player_episode(episode).notes == sentences


def _recorded(root: Path, level: str, *, ends: bool, **parts: np.ndarray) -> ReplaySystem:
    with Recorder(
        {
            "capture": {"level": level},
            "storage": {"base_output_dir": str(root)},
            "visualization": {"live": {"enabled": False}},
        }
    ) as recorder:
        for position in range(3):
            recorder.tap(
                Step(
                    reward=np.ones(1, np.float32),
                    terminated=np.full(1, ends and position == 2),
                    **{name: values[None, position] for name, values in parts.items()},
                )
            )
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir)


def test_an_episode_that_lost_its_last_frame_says_so(run_root: Path):
    """It has an observation for each step and no more, its text says why, and its page too."""
    boards = np.arange(12, dtype=np.int8).reshape(3, 2, 2)
    episode = _recorded(run_root, "verbose", ends=True, observation=boards).load_episode(0)
    assert episode.last_observation_lost
    assert repr(episode).endswith("ended='terminated', last_observation_lost=True)")
    np.testing.assert_array_equal(episode.observation, boards)
    _says(episode, "What its last step led to was not recorded.")
    with pytest.raises(NotRecordedError, match=r"next_observation was not recorded: the program gave none"):
        _ = episode.next_observation


def test_an_episode_without_steps_says_what_decided_that(run_root: Path):
    """Its row is there; the sentence names the settings that would have stored its steps."""
    episode = _recorded(run_root, "minimal", ends=False).load_episode(0)
    cut, only_row = episode.missing
    assert cut == "The recording ended before this episode did."
    assert only_row.startswith("Only its row is stored: reward was not recorded in episode 0, which has no")
    _says(episode, cut, only_row)


def test_an_episode_without_observations_says_so(run_root: Path):
    """The curves are there, the pictures are not."""
    episode = _recorded(run_root, "verbose", ends=True).load_episode(0)
    assert "Its observations were not recorded." in episode.missing
