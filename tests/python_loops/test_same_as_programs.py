"""An episode of a plain Python loop and the same one recorded inside jit: a reader cannot tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import recording
import toy

from jaxarc import Recorder, Step
from jaxarc.errors import NotRecordedError
from jaxarc.replay import ReplaySystem

STREAMS: dict[str, dict[str, Any]] = {
    "unselected": {"level": "verbose", "journal": "all", "envs": (1,)},
    "minimal": {"level": "minimal"},
    "standard": {"level": "standard"},
    "full": {"level": "full"},
    "journalled": {"level": "minimal", "journal": "selected"},
    "verbose": {"level": "verbose", "journal": "all"},
}
PARTS = (
    "step",
    "reward",
    "terminated",
    "truncated",
    "mark",
    "step_success",
    "success_known",
    "metrics",
    "labels",
    "observation",
    "next_observation",
    "action",
    "info",
    "state",
    "key",
    "constants",
    "state_hash",
    "keyframe",
    "keyframe_step",
)
NOT_COMPARED = {"uid", "start_time", "end_time"}


def play(recorder: Recorder, stream: str, reset_keys: jax.Array, step_keys: jax.Array) -> None:
    """Play the toy environments side by side as Python loops do, with the values that ``toy_step`` gives."""
    num_envs = reset_keys.shape[0]
    states = [toy._reset(key) for key in reset_keys]
    episodes: dict[int, Any] = {}
    for time in range(step_keys.shape[0]):
        for env_id, state in enumerate(states):
            if env_id not in episodes:
                episodes[env_id] = recorder.episode(
                    stream=stream,
                    env_id=env_id,
                    num_envs=num_envs,
                    labels={"goal": np.int32(state.goal)},
                    constants={"goal_board": np.full(3, state.goal, np.int16)},
                )
            action = toy._policy(step_keys[time, env_id])
            states[env_id], timestep = toy._step(state, action)
            episodes[env_id].step(
                toy._observe(state),
                action,
                timestep.reward,
                timestep.next_observation,
                timestep.terminated,
                timestep.truncated,
                success=timestep.success,
                metrics={"closeness": timestep.closeness},
                state=state,
            )
            if timestep.terminated or timestep.truncated:
                del episodes[env_id]


@pytest.fixture(scope="module")
def both_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReplaySystem, ReplaySystem]:
    """The run of a program and the run of a Python loop that plays the same environments."""

    def settings(root: Path) -> dict[str, Any]:
        return recording.config(root, capture={"streams": STREAMS})

    reset_keys, step_keys = recording.keys(3, 17, 2)

    def body(states: toy.State, keys: jax.Array) -> tuple[toy.State, tuple[Step, Step]]:
        states, (steps, _) = recording.batched_body(states, keys)
        return states, (steps, steps)

    with Recorder(settings(tmp_path_factory.mktemp("program"))) as program:
        scan = jax.jit(lambda states, keys: program.scan(body, states, keys, stream="unselected"))
        steps = scan(recording.start_states(reset_keys), step_keys)[1]
        alone = jax.tree_util.tree_map(lambda leaf: leaf[:, :1], steps)
        for stream in STREAMS:
            if stream != "unselected":
                program.record_rollout(alone, stream=stream)
    with Recorder(settings(tmp_path_factory.mktemp("loop"))) as loop:
        play(loop, "unselected", reset_keys, step_keys)
        for stream in STREAMS:
            if stream != "unselected":
                play(loop, stream, reset_keys[:1], step_keys[:, :1])
    return recording.read(program), recording.read(loop)


def leaves(tree: Any) -> list[tuple[str, Any, Any, bytes]]:
    """Return path, dtype, shape and bytes of every leaf."""
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    arrays = [(jax.tree_util.keystr(path), np.asarray(leaf)) for path, leaf in flat]
    return [(path, array.dtype, array.shape, array.tobytes()) for path, array in arrays]


def contents(episode: Any) -> dict[str, Any]:
    """Return everything that can be read of an episode; the words of the refusal where a part is absent."""
    found: dict[str, Any] = {}
    for part in PARTS:
        try:
            found[part] = leaves(getattr(episode, part))
        except NotRecordedError as error:
            found[part] = str(error)
    found["layouts"] = [source.layout.to_json() for source in episode._everything]
    return found


@pytest.mark.parametrize("stream", [stream for stream in STREAMS if stream != "unselected"])
def test_every_column_and_every_array_is_the_same(
    both_runs: tuple[ReplaySystem, ReplaySystem], stream: str
) -> None:
    """Rows, arrays and layouts are equal bit for bit, at every level and with a journal."""
    program, loop = ([dict(row) for row in run.episodes(f"stream == '{stream}'")] for run in both_runs)
    assert len(program) >= 4
    for ours, theirs in zip(loop, program, strict=True):
        compared = theirs.keys() - NOT_COMPARED
        np.testing.assert_equal({k: ours[k] for k in compared}, {k: theirs[k] for k in compared})
        assert ours["start_time"] <= ours["end_time"]
        assert ours.keys() == theirs.keys()
        numbers = (theirs["episode"], ours["episode"])
        recorded, played = (contents(run.load_episode(n)) for run, n in zip(both_runs, numbers, strict=True))
        assert played == recorded


def test_environments_that_are_not_selected_have_rows_and_journals_only(
    both_runs: tuple[ReplaySystem, ReplaySystem],
) -> None:
    """``num_envs`` selects as in a program: environment 1 has steps, environment 0 the journal of all."""
    lanes = [recording.rows_by_lane(run, "unselected") for run in both_runs]
    assert lanes[0].keys() == lanes[1].keys() == {(0, 0), (0, 1)}
    for lane, rows in lanes[0].items():
        for theirs, ours in zip(rows, lanes[1][lane], strict=True):
            names = ("total_steps", "total_reward", "success", "ended", "stored_steps", "complete", "goal")
            assert [ours[name] for name in names] == [theirs[name] for name in names]
            recorded, played = (
                contents(run.load_episode(row.episode))
                for run, row in zip(both_runs, (theirs, ours), strict=True)
            )
            for part in PARTS:
                if isinstance(recorded[part], str):
                    assert isinstance(played[part], str)
                else:
                    assert played[part] == recorded[part], part
