"""What is recorded on several devices: one callback a device, rows told apart by ``axis_name``."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec
from recording import config, counted, counts_by_lane, light_body, read

from jaxarc import Recorder
from jaxarc.errors import CaptureError

NUM_STEPS, DEVICES, ENVS = 12, 4, 2


@pytest.fixture
def recorder(run_root: Path):
    """A recorder of every step."""
    assert jax.device_count() == DEVICES
    with Recorder(config(run_root)) as recorder:
        yield recorder


def mesh(**shape: int) -> Mesh:
    return Mesh(np.array(jax.devices()).reshape(tuple(shape.values())), tuple(shape))


def expected() -> dict[tuple[int, int], list[list[int]]]:
    return {
        (device, env): counted(ENVS * device + env, NUM_STEPS)
        for device in range(DEVICES)
        for env in range(ENVS)
    }


def finish(recorder: Recorder, num_callbacks: int) -> dict[tuple[int, int], list[list[int]]]:
    recorder.flush()
    assert recorder.health().accepted_chunks == num_callbacks
    recorder.close()
    return counts_by_lane(read(recorder))


def test_shard_map_without_its_checks(recorder: Recorder, play, num_callbacks: int):
    """Local rows of each device, where JAX does not track which axes a value varies over."""
    call = jax.shard_map(
        lambda counts: play(recorder, counts, axis_name="d")[None],
        mesh=mesh(d=DEVICES),
        in_specs=PartitionSpec("d"),
        out_specs=PartitionSpec("d"),
        check_vma=False,
    )
    jax.jit(call)(jnp.arange(DEVICES * ENVS)).block_until_ready()
    assert finish(recorder, DEVICES * num_callbacks) == expected()


def test_shard_map_over_two_axes(recorder: Recorder, play, num_callbacks: int):
    """``axis_name`` takes several axes; devices are numbered row-major."""
    call = jax.shard_map(
        lambda counts: play(recorder, counts, axis_name=("a", "b"))[None],
        mesh=mesh(a=2, b=2),
        in_specs=PartitionSpec(("a", "b")),
        out_specs=PartitionSpec(("a", "b")),
    )
    jax.jit(call)(jnp.arange(DEVICES * ENVS)).block_until_ready()
    assert finish(recorder, DEVICES * num_callbacks) == expected()


def test_members_of_every_device_are_apart(recorder: Recorder):
    """vmap over seeds inside shard_map: the device's members follow those of the device before."""

    def train(counts: jax.Array) -> jax.Array:
        return jax.vmap(lambda c: recorder.scan(light_body, c, length=NUM_STEPS, axis_name="d")[1])(counts)

    starts = jnp.arange(DEVICES * 2 * ENVS).reshape(DEVICES * 2, ENVS)
    call = jax.shard_map(
        train, mesh=mesh(d=DEVICES), in_specs=PartitionSpec("d"), out_specs=PartitionSpec("d")
    )
    jax.jit(call)(starts).block_until_ready()
    assert finish(recorder, DEVICES) == {
        (member, env): counted(int(starts[member, env]), NUM_STEPS)
        for member in range(DEVICES * 2)
        for env in range(ENVS)
    }


def test_rows_of_a_device_axis_that_nobody_named_are_refused(recorder: Recorder):
    """Under shard_map with its default checks the axis is known, and the error says what to give."""
    call = jax.shard_map(
        lambda counts: recorder.scan(light_body, counts, length=3)[0],
        mesh=mesh(d=DEVICES),
        in_specs=PartitionSpec("d"),
        out_specs=PartitionSpec("d"),
    )
    with pytest.raises(CaptureError, match="axis_name='d'"):
        jax.jit(call)(jnp.arange(DEVICES * ENVS))
