"""Members: every vmapped axis around the environments, and the devices in front of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from laps import Lap, lap_step, laps, laps_by_lane
from recording import config, read

from jaxarc import Recorder

DEVICES, SEEDS, SETTINGS, ENVS = 4, 2, 2, 1
NUM_STEPS, NUM_UPDATES = 7, 2

STARTS = 3 * np.arange(DEVICES * SEEDS * SETTINGS * ENVS).reshape(DEVICES * SEEDS, SETTINGS, ENVS)


def train(recorder: Recorder, starts: jax.Array) -> jax.Array:
    """Play updates in a scan, with a traced update count; log once an update."""

    def body(counts: jax.Array, _: None) -> Any:
        return counts + 1, (lap_step(counts), None)

    def one_update(counts: jax.Array, index: jax.Array) -> tuple[jax.Array, None]:
        counts, _ = recorder.scan(body, counts, None, NUM_STEPS, update=2 * index, axis_name="d")
        recorder.log({"sum": counts.sum()}, step=index, axis_name="d")
        return counts, None

    return jax.lax.scan(one_update, starts, jnp.arange(NUM_UPDATES))[0]


def in_all_axes(recorder: Recorder) -> Any:
    """Return the training function under shard_map over vmap over vmap."""
    return jax.jit(
        jax.shard_map(
            jax.vmap(jax.vmap(lambda starts: train(recorder, starts))),
            mesh=jax.make_mesh((DEVICES,), ("d",), axis_types=(jax.sharding.AxisType.Auto,)),
            in_specs=PartitionSpec("d"),
            out_specs=PartitionSpec("d"),
        )
    )


def lanes() -> list[tuple[int, int, int]]:
    """Return member, environment and first count of every lane; members count row-major, devices first."""
    flat = STARTS.reshape(-1, ENVS)
    return [(m, env, int(start)) for (m, env), start in np.ndenumerate(flat)]


def lapped(start: int) -> list[Lap]:
    found = laps(start, NUM_STEPS * NUM_UPDATES, NUM_STEPS)
    return [Lap(**{**vars(lap), "update": 2 * lap.update}) for lap in found]


@pytest.mark.parametrize("level", ["minimal", "verbose", "full"])
def test_devices_seeds_and_settings_are_members(run_root: Path, level: str):
    """Under three levels: rows, updates and series of every member; one callback a device and chunk."""
    with Recorder(config(run_root, level)) as recorder:
        in_all_axes(recorder)(jnp.asarray(STARTS, jnp.int32)).block_until_ready()
        recorder.flush()
        assert recorder.health().accepted_chunks == 2 * NUM_UPDATES * DEVICES
    assert recorder.health().losses == {}
    run = read(recorder)
    if level == "minimal":
        for member, env, start in lanes():
            rows = run.episodes(f"member == {member} and env_id == {env}", sort="uid")
            assert [(row.total_steps, row.ended, row.update, row.half_first) for row in rows] == [
                (len(lap.action), lap.ended, lap.update, lap.reward[0] / 2) for lap in lapped(start)
            ]
            assert rows["stored_steps"].sum() == 0
    else:
        assert laps_by_lane(run) == {("train", m, env): lapped(start) for m, env, start in lanes()}
    series: dict[int, list[tuple[int, int]]] = {}
    for event in run.events("metric_batch"):
        said = event.payload
        if "member" in said["ctx"]:  # the mean has none
            series.setdefault(said["ctx"]["member"], []).append((said["step"], said["metrics"]["sum"]))
    assert series == {
        member: [(n, int(envs.sum()) + ENVS * NUM_STEPS * (n + 1)) for n in range(NUM_UPDATES)]
        for member, envs in enumerate(STARTS.reshape(-1, ENVS))
    }
