"""The toy environment recorded: Steps of it, loops over it, and configurations for small runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import toy

import jaxarc
from jaxarc import Recorder, Step
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

__all__ = [
    "assert_episode_equals",
    "assert_row_equals",
    "batched_body",
    "config",
    "counted",
    "counts_by_lane",
    "keys",
    "lanes_of",
    "light_body",
    "light_step",
    "read",
    "record_whole",
    "rows_by_lane",
    "single_body",
    "start_states",
    "toy_step",
]


def config(root: Path, level: str = "verbose", **sections: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration for a small run below ``root``; sections are merged into it."""
    merged: dict[str, Any] = {
        "capture": {"level": level, "envs": 64},
        "storage": {"base_output_dir": str(root)},
        "pipeline": {"flush_interval": 600.0, "handle_signals": False},
        "visualization": {"live": {"enabled": False}},
    }
    for name, values in sections.items():
        merged[name] = {**merged.get(name, {}), **values}
    return merged


def keys(seed: int, num_steps: int, num_envs: int) -> tuple[jax.Array, jax.Array]:
    """Return reset keys [num_envs] and action keys [num_steps, num_envs]."""
    first, second = jax.random.split(jax.random.key(seed))
    return jax.random.split(first, num_envs), jax.random.split(second, (num_steps, num_envs))


start_states = jax.jit(jax.vmap(toy.reset))


def toy_step(state: toy.State, action: jax.Array, timestep: toy.TimeStep) -> Step:
    """Describe one transition of one toy environment."""
    return Step(
        observation=toy.observe(state),
        action=action,
        reward=timestep.reward,
        terminated=timestep.terminated,
        truncated=timestep.truncated,
        next_observation=timestep.next_observation,
        start=state.time == 0,
        success=timestep.success,
        metrics={"closeness": timestep.closeness},
        labels={"goal": state.goal},
        episode={"goal_board": jnp.full(3, state.goal, jnp.int16)},
        state=state,
    )


def single_body(state: toy.State, key: jax.Array) -> tuple[toy.State, tuple[Step, jax.Array]]:
    """Step one environment."""
    action = toy.policy(key)
    following, timestep = toy.step(state, action)
    return following, (toy_step(state, action, timestep), timestep.reward)


def batched_body(states: toy.State, step_keys: jax.Array) -> tuple[toy.State, tuple[Step, jax.Array]]:
    """Step ``num_envs`` environments; the Step has a leading axis."""
    return jax.vmap(single_body)(states, step_keys)


def light_step(count: jax.Array) -> Step:
    """Describe a step of a counter, scalar or [num_envs], whose episodes end at multiples of 5."""
    return Step(
        observation={"count": count},
        action=(count % 3).astype(jnp.int8),
        reward=count.astype(jnp.float32),
        terminated=count % 5 == 4,
        next_observation={"count": count + 1},
        metrics={"half": count.astype(jnp.float32) / 2},
    )


def light_body(count: jax.Array, _: Any) -> tuple[jax.Array, tuple[Step, jax.Array]]:
    """Count; a body that costs next to nothing to compile."""
    return count + 1, (light_step(count), count)


@keep_segments_open()
def counts_by_lane(run: ReplaySystem) -> dict[tuple[int, int], list[list[int]]]:
    """Return the counts that the episodes of every (member, env_id) hold, episode by episode."""
    lanes: dict[tuple[int, int], list[list[int]]] = {}
    for row in run.episodes(sort="uid"):
        episode = run.load_episode(row.episode)
        counts = episode.observation["count"].tolist()
        assert episode.reward.tolist() == counts[:-1]
        assert episode.metrics["half"].tolist() == [count / 2 for count in counts[:-1]]
        assert episode.action.tolist() == [count % 3 for count in counts[:-1]]
        assert (row.ended == "terminated") == (counts[-1] % 5 == 0)
        lanes.setdefault((row.member, row.env_id), []).append(counts[:-1])
    return lanes


def counted(start: int, num_steps: int) -> list[list[int]]:
    """Return the episodes of one counter, as ``counts_by_lane`` does."""
    episodes: list[list[int]] = [[]]
    for count in range(start, start + num_steps):
        episodes[-1].append(count)
        if count % 5 == 4:
            episodes.append([])
    return [episode for episode in episodes if episode]


def read(recorder: Recorder) -> ReplaySystem:
    """Open the run that a recorder wrote."""
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir)


def lanes_of(episodes: list[toy.Episode]) -> Iterator[tuple[int, list[toy.Episode]]]:
    """Yield each environment with its episodes, in the order in which they were played."""
    for env_id in sorted({episode.env_id for episode in episodes}):
        yield env_id, [episode for episode in episodes if episode.env_id == env_id]


def rows_by_lane(run: ReplaySystem, stream: str = "train") -> dict[tuple[int, int], list[Any]]:
    """Return the rows of a run by (member, env_id), in the order in which they were played."""
    lanes: dict[tuple[int, int], list[Any]] = {}
    for row in run.episodes(f"stream == '{stream}'", sort="uid"):
        lanes.setdefault((row.member, row.env_id), []).append(row)
    return lanes


def assert_row_equals(row: Any, expected: toy.Episode) -> None:
    """Compare an episode's row with the Python loop."""
    assert row.total_steps == len(expected.reward)
    assert row.total_reward == np.sum(np.array(expected.reward, np.float64))
    assert row.success == expected.success
    assert row.ended == ("cut" if expected.ended == "open" else expected.ended)
    assert row.goal == expected.goal
    closeness = np.array(expected.closeness, np.float64)
    assert (row.closeness_first, row.closeness_last) == (closeness[0], closeness[-1])
    assert (row.closeness_min, row.closeness_max) == (closeness.min(), closeness.max())


def _assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def assert_episode_equals(episode: Any, expected: toy.Episode, *, states: bool = False) -> None:
    """Compare every array of an episode with the Python loop, bit for bit."""
    assert_row_equals(episode.row, expected)
    assert episode.step.tolist() == list(range(len(expected.reward)))
    assert episode.complete == (expected.ended != "open")
    for name, values in expected.stacked_observation().items():
        _assert_same(episode.observation[name], values)
        _assert_same(episode.next_observation[name], values[1:])
    _assert_same(episode.action, np.stack(expected.action))
    _assert_same(episode.reward, np.stack(expected.reward))
    _assert_same(episode.terminated, np.array(expected.terminated))
    _assert_same(episode.truncated, np.array(expected.truncated))
    _assert_same(episode.metrics["closeness"], np.stack(expected.closeness))
    assert (episode.labels["goal"] == expected.goal).all()
    assert episode.constants["goal_board"].tolist() == [expected.goal] * 3
    if states:
        for name in ("position", "goal", "time", "played", "key"):
            _assert_same(episode.state[name], np.stack([state[name] for state in expected.state]))


def record_whole(
    recorder: Recorder, states: toy.State, step_keys: jax.Array, **options: Any
) -> tuple[toy.State, jax.Array]:
    """Record one jitted scan."""
    rollout: Callable[..., Any] = jax.jit(lambda s, k: recorder.scan(batched_body, s, k, **options))
    return rollout(states, step_keys)
