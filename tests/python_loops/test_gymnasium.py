"""Real Gymnasium environments, wrapped in one line."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import recording
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import jaxarc
from jaxarc import RecordEpisodes, Recorder
from jaxarc.replay import ReplaySystem


class Corridor(gymnasium.Env):
    """Walk to the right; one array is written over for every observation, as some simulators do."""

    observation_space = gymnasium.spaces.Dict(
        {"at": gymnasium.spaces.Box(0, 99, (1,)), "seen": gymnasium.spaces.MultiBinary(3)}
    )
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, length: int, *, reuses_arrays: bool = True):
        self.length = length
        self.reuses_arrays = reuses_arrays
        self._at, self._seen = np.zeros(1, np.float32), np.zeros(3, np.int8)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Go back to the start."""
        super().reset(seed=seed)
        self._at[:], self._seen[:] = 0, 0
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Go a step; the end of the corridor is a success, an action of 0 gives up."""
        self._at += 1
        done = bool(self._at[0] >= self.length)
        info = {
            "left": self.length - float(self._at[0]),
            "is_success": done,
            "note": "no number",
            "odd": done,
        }
        if done:
            info["late"] = 1
        return self._observe(), 1, done, not (action or done), info

    def _observe(self) -> dict[str, Any]:
        observation = {"at": self._at, "seen": self._seen}
        return observation if self.reuses_arrays else copy.deepcopy(observation)


def play(env: Any, episodes: int, seed: int | None = None) -> list[list[Any]]:
    """Play whole episodes; return the observations that the loop saw."""
    seen = []
    for number in range(episodes):
        observation, _ = env.reset(seed=None if seed is None else seed + number)
        frames, done = [np.array(observation)], False
        while not done:
            observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
            frames.append(np.array(observation))
            done = terminated or truncated
        seen.append(frames)
    env.close()
    return seen


def run_of(recorder: Recorder) -> ReplaySystem:
    """Close a recorder and read what it wrote."""
    recorder.close()
    return recording.read(recorder)


@pytest.mark.parametrize(
    ("name", "episodes"), [("CartPole-v1", 3), ("Blackjack-v1", 4), ("FrozenLake-v1", 3)]
)
def test_what_a_loop_saw_is_what_was_recorded(run_root: Path, name: str, episodes: int) -> None:
    """Boxes, tuples and numbers; first and last observations, seeds, the environment's id as task."""
    recorder = Recorder(recording.config(run_root))
    env = RecordEpisodes(gymnasium.make(name), recorder)
    env.action_space.seed(3)
    seen = play(env, episodes, seed=40)
    run = run_of(recorder)
    rows = list(run.episodes())
    assert [(row.task_id, row.seed) for row in rows] == [(name, 40 + i) for i in range(episodes)]
    assert {row.ended for row in rows} <= {"terminated", "truncated"}
    for row, frames in zip(rows, seen, strict=True):
        episode = run.load_episode(row.episode)
        observed = episode.observation
        if isinstance(observed, tuple):
            observed = np.stack(observed, axis=1)
        np.testing.assert_array_equal(observed, np.stack(frames))
        assert episode.complete
        assert len(episode.action) == row.total_steps == len(frames) - 1


def test_reused_arrays_numbers_of_the_info_and_success(run_root: Path) -> None:
    """Frames of one buffer stay apart; numbers of the first info are metrics; text, flags, late ones not."""
    recorder = Recorder(recording.config(run_root))
    env = RecordEpisodes(Corridor(3), recorder, task="corridor", stream="eval")
    for actions in ([1, 1, 1], [1, 0], [1]):
        env.reset(seed=2**70 if len(actions) == 1 else None)
        for action in actions:
            env.step(action)
    env.reset()  # and no step: no episode
    env.close()
    run = run_of(recorder)
    rows = list(run.episodes("stream == 'eval'"))
    assert [row.ended for row in rows] == ["terminated", "truncated", "cut"]
    assert [row.success for row in rows] == [True, False, False]
    assert [(row.left_first, row.left_last) for row in rows] == [(2.0, 0.0), (2.0, 1.0), (2.0, 2.0)]
    assert not {"odd_last", "note_last", "late_last", "is_success_last"} & set(rows[0])
    episode = run.load_episode(rows[0].episode)
    assert episode.observation["at"][:, 0].tolist() == [0, 1, 2, 3]
    assert episode.observation["seen"].shape == (4, 3)
    assert {row.task_id for row in rows} == {"corridor"}


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_vector_environment_has_a_lane_for_each_and_true_last_frames(
    run_root: Path, mode: AutoresetMode
) -> None:
    """Under every autoreset mode episodes end at their own last observation; the reset is no step of any."""
    lengths = [2, 3, 5]
    recorder = Recorder(recording.config(run_root))
    envs = SyncVectorEnv([lambda n=n: Corridor(n, reuses_arrays=False) for n in lengths], autoreset_mode=mode)
    env = RecordEpisodes(envs, recorder)
    env.reset(seed=10)
    for _ in range(10):
        _, _, terminated, _, _ = env.step(np.ones(3, np.int64))
        if mode is AutoresetMode.DISABLED and terminated.any():
            env.reset(options={"reset_mask": terminated})
    env.close()
    run = run_of(recorder)
    for (_, env_id), rows in recording.rows_by_lane(run).items():
        length = lengths[env_id]
        whole = [row for row in rows if row.ended == "terminated"]
        assert len(whole) == 10 // (length + (mode is AutoresetMode.NEXT_STEP)) or len(whole) == len(rows)
        assert [row.seed for row in rows] == [10 + env_id, *[-1] * (len(rows) - 1)]
        for row in whole:
            episode = run.load_episode(row.episode)
            assert episode.observation["at"][:, 0].tolist() == list(range(length + 1))
            assert (row.success, row.left_last, row.total_reward) == (True, 0.0, length)


def test_gymnasium_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Gymnasium the import says which extra brings it."""
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "jaxarc.envs.record_episodes", raising=False)
    monkeypatch.delitem(vars(jaxarc), "RecordEpisodes", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'jaxarc-toolkit\[gymnasium\]'"):
        _ = jaxarc.RecordEpisodes
