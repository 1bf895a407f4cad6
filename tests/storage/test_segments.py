"""Segments: what is written reads back, whatever it is called and made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recording import config, counted, counts_by_lane, light_body, light_step, read

from jaxarc import Recorder, Step
from jaxarc.storage import segment_files
from jaxarc.storage.columns import group_at


def record(root: Path, steps: Step, **options: Any) -> Any:
    with Recorder(config(root, "full", **options)) as recorder:
        recorder.record_rollout(steps)
    assert recorder.health().errors == 0, recorder.health().first_error
    return read(recorder)


@pytest.mark.parametrize("compression", ["zstd", "gzip", "lzf", "none"])
def test_every_compression_reads_back(run_root: Path, compression: str):
    """And every chunk carries a checksum."""
    with Recorder(config(run_root, storage={"compression": compression})) as recorder:
        recorder.scan(light_body, jnp.arange(3), None, 12)
    run = read(recorder)
    assert counts_by_lane(run) == {(0, env): counted(env, 12) for env in range(3)}
    checked = []
    for path in segment_files(run.run_dir):
        with h5py.File(path) as file:
            file.visititems(
                lambda _, item: checked.append(item.fletcher32) if hasattr(item, "shape") else None
            )
    assert all(checked)
    assert checked


ODD = ["train/loss", "a.b", "", ".", "..", "a b", "é", "%2F", "episode", "x" * 200, "0", "steps/blocks"]


@pytest.mark.parametrize("name", ODD, ids=lambda name: repr(name[:12]))
def test_metrics_and_leaves_may_have_any_name(run_root: Path, name: str):
    """A slash in a name makes no group, a dot no path."""
    steps = Step(
        reward=np.arange(3.0, dtype=np.float32),
        terminated=np.array([False, False, True]),
        metrics={name: np.array([3.0, 1.0, 2.0], np.float32), "plain": np.zeros(3, np.float32)},
        info={name: {name: np.arange(3, dtype=np.int16)}, "plain": np.ones(3, bool)},
    )
    run = record(run_root, steps)
    row = run.episodes().row(0)
    assert [row[f"{name}_{part}"] for part in ("first", "last", "min", "max")] == [3.0, 2.0, 1.0, 3.0]
    episode = run.load_episode(0)
    assert episode.metrics[name].tolist() == [3.0, 1.0, 2.0]
    assert episode.info[name][name].tolist() == [0, 1, 2]
    assert episode.info["plain"].all()


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "float16",
        "bfloat16",
        "float32",
        "float8_e4m3fn",
    ],
)
def test_scalars_of_every_dtype_read_back(run_root: Path, dtype: str):
    """Rewards and metrics keep their dtype on disk."""
    values = jnp.array([0, 1, 1]).astype(dtype)
    steps = Step(reward=values, terminated=np.zeros(3, bool), metrics={"m": values})
    episode = record(run_root, steps).load_episode(0)
    assert episode.reward.dtype == np.asarray(values).dtype
    assert episode.reward.astype(float).tolist() == [0.0, 1.0, 1.0]
    assert episode.metrics["m"].dtype == episode.reward.dtype
    assert episode.row.m_max == 1.0


def test_leaves_of_every_dtype_and_shape_read_back(run_root: Path):
    """Scalars, empty arrays, masks, 4-bit integers, half floats, complex numbers and keys."""
    leaves = {
        "scalar": jnp.arange(4, dtype=jnp.int8),
        "empty": jnp.zeros((4, 0, 3)),
        "mask": jnp.arange(4 * 13).reshape(4, 13) % 3 == 0,
        "int4": (jnp.arange(4 * 5).reshape(4, 5) % 15 - 7).astype(jnp.int4),
        "bfloat16": jnp.linspace(-2, 2, 8).reshape(4, 2).astype(jnp.bfloat16),
        "complex": (jnp.arange(4.0) + 1j).astype(jnp.complex64),
        "nan": jnp.array([jnp.nan, jnp.inf, -0.0, 1.0]),
        "uint32": jnp.full((4, 2), 2**32 - 1, jnp.uint32),
        "key": jax.random.split(jax.random.key(0), 4),
    }
    steps = Step(
        observation=leaves,
        reward=jnp.zeros(4),
        terminated=jnp.zeros(4, bool),
        next_observation=leaves,
        info=leaves,
        state=(leaves["mask"], [leaves["int4"]]),
        episode={"constant": jnp.ones((4, 2, 2))},
    )
    episode = record(run_root, steps).load_episode(0)
    for name, value in leaves.items():
        raw = jax.random.key_data(value) if name == "key" else value
        expected = np.asarray(raw)
        for stored in (episode.info[name], episode.observation[name][:4], episode.next_observation[name]):
            assert stored.dtype == expected.dtype
            assert stored.shape == expected.shape
            assert stored.tobytes() == expected.tobytes()
    assert episode.state[0].tolist() == leaves["mask"].tolist()
    assert episode.state[1][0].tolist() == np.asarray(leaves["int4"]).tolist()
    assert episode.constants["constant"].shape == (2, 2)


def test_an_observation_that_follows_is_stored_once(run_root: Path):
    """T+1 rows for T steps where each begins with what the one before ended with, else 2T."""
    for breaks, rows in ((False, 9), (True, 16)):
        count = jnp.arange(8)
        step = light_step(count)
        if breaks:
            object.__setattr__(step, "next_observation", {"count": count + 100})
        object.__setattr__(step, "terminated", count == 7)
        run = record(run_root, step)
        with h5py.File(segment_files(run.run_dir)[0]) as file:
            (group,) = group_at(file, "steps").values()
            assert group["observation/count"].shape[0] == rows
        episode = run.load_episode(0)
        assert episode.next_observation["count"].tolist() == [c + (100 if breaks else 1) for c in range(8)]
        assert episode.observation["count"].tolist() == [*range(8), 107 if breaks else 8]


def test_without_a_next_observation_the_last_one_is_lost(run_root: Path):
    """The row says so, and nothing is invented."""
    step = light_step(jnp.arange(5))
    object.__setattr__(step, "next_observation", None)
    episode = record(run_root, step).load_episode(0)
    assert episode.row.last_observation_lost
    assert episode.observation["count"].tolist() == [0, 1, 2, 3, 4]


def test_an_episode_over_several_segments_reads_as_one(run_root: Path):
    """Steps that went to disk early are joined, each once."""
    with Recorder(config(run_root, storage={"segment_bytes": 30_000})) as recorder:
        rollout = jax.jit(lambda c: recorder.scan(long_body, c, None, 4))
        count = jnp.arange(2)
        for _ in range(4):
            count, _ = rollout(count)
            assert recorder.flush()
    run = read(recorder)
    assert len(segment_files(run.run_dir)) >= 4
    for env in range(2):
        (row,) = run.episodes(f"env_id == {env}")
        episode = run.load_episode(row.episode)
        assert (row.stored_steps, row.ended, row.complete) == (16, "cut", False)
        assert episode.observation["count"].tolist() == list(range(env, env + 17))
        assert episode.step.tolist() == list(range(16))


def long_body(count: jax.Array, _: None) -> Any:
    step = light_step(count)
    object.__setattr__(step, "terminated", jnp.zeros(count.shape, bool))
    return count + 1, (step, None)


def test_tiny_memory_for_open_episodes_changes_nothing(run_root: Path):
    """``capture.assembler_bytes`` of a few steps: everything spills, everything reads back."""
    settings = config(
        run_root, capture={"assembler_bytes": 60, "chunk_bytes": 60}, storage={"segment_bytes": 1}
    )
    with Recorder(settings) as recorder:
        recorder.scan(light_body, jnp.arange(3), None, 23)
    assert counts_by_lane(read(recorder)) == {(0, env): counted(env, 23) for env in range(3)}
