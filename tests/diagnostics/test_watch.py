"""recorder.watch locates the first number that is not finite, inside a train() over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jaxarc
from jaxarc import Recorder
from jaxarc.capture import SLOTS
from jaxarc.errors import CaptureError
from jaxarc.replay.experiment import ExperimentRecord


def recorder_in(root: Path) -> Recorder:
    """Open a Recorder that records rows and events only."""
    return Recorder([f"storage.base_output_dir={root}", "capture.level=minimal"])


def record_of(recorder: Recorder) -> ExperimentRecord:
    """Return what the run of a closed recorder says."""
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir).record()


def train(recorder: Recorder | None, poison: jax.Array) -> Any:
    """Train a small model for six updates of rollouts [4 steps, 3 envs]; poison says where obs goes wrong."""

    def update(params: Any, i: jax.Array) -> tuple[Any, jax.Array]:
        counts = jnp.arange(4 * 3 * 2, dtype=jnp.float32).reshape(4, 3, 2) / 24
        bad = (i == poison[0]) & (jnp.arange(4)[:, None] == poison[1]) & (jnp.arange(3) == poison[2])
        obs = jnp.where(bad[..., None], jnp.array([1.0, jnp.inf]), counts)
        loss, grads = jax.value_and_grad(lambda p: jnp.mean((obs @ p["w"] - p["b"]) ** 2))(params)
        if recorder is not None:
            recorder.watch(
                {"obs": obs, "reward": obs.sum(-1), "done": bad, "loss": loss, "grads": grads},
                axes={"obs": ("step", "env"), "reward": ("step", "env")},
                update=i,
            )
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), loss

    params = {"w": jnp.ones(2), "b": jnp.zeros(())}
    return lax.scan(update, params, jnp.arange(6))


def test_each_seed_is_located_and_the_others_go_on(run_root: Path, monkeypatch: pytest.MonkeyPatch):
    """Member, update, step, env, leaf and index are right; nothing is called while nothing is wrong.

    The numbers are those of the program that nobody watches.
    """
    chunks = []
    deliver = SLOTS.deliver
    monkeypatch.setattr(SLOTS, "deliver", lambda *parts: chunks.append(1) or deliver(*parts))
    poison = jnp.array([[9, 0, 0], [2, 1, 2], [9, 0, 0], [4, 3, 0]])
    with recorder_in(run_root) as recorder:
        params, losses = jax.jit(jax.vmap(lambda where: train(recorder, where)))(poison)
        jax.block_until_ready(losses)
    # Updates 2 to 5: one call each, whatever the number of seeds.
    assert len(chunks) == 4
    found = record_of(recorder).non_finite
    assert [dict(place.where) for place in found] == [
        {"member": 1, "update": 2, "step": 1, "env": 2},
        {"member": 3, "update": 4, "step": 3, "env": 0},
    ]
    assert {(place.leaf, place.kind, tuple(place.index)) for place in found} == {("obs", "inf", (1,))}
    # obs, reward, the loss, and the gradients of w (two of them) and of b.
    assert (found[0].leaves, found[0].count) == (5, 6)
    series = record_of(recorder).series("nonfinite", stream="train", member=1)
    assert series.step.tolist() == [2, 3, 4, 5]
    assert np.isfinite(losses[0]).all()
    np.testing.assert_array_equal(np.isfinite(losses[2]), True)
    assert np.isnan(params["w"][1]).any()
    alone = jax.jit(jax.vmap(lambda where: train(None, where)))(poison)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), (params, losses), alone)


def test_gradients_that_go_wrong_alone_are_named_by_their_leaf(run_root: Path):
    """Outside of a program, in a plain loop: the leaf's path, the step, and what kind of number it is."""
    grads = {"dense": [{"kernel": np.ones((2, 3))}, {"kernel": np.ones((2, 3))}]}
    with recorder_in(run_root) as recorder:
        for step in range(3):
            if step == 2:
                grads["dense"][1]["kernel"][1, 0] = -np.inf
            recorder.watch({"grads": grads}, step=2**33 + step)
        recorder.watch({"loss": float("nan")}, stream="eval")
    first, second = record_of(recorder).non_finite
    assert str(first) == ("grads.dense[1].kernel[1, 0] is -inf at member 0, step 8,589,934,594")
    assert (second.leaf, second.kind, second.stream, second.update) == ("loss", "nan", "eval", None)


def test_what_is_watched_can_be_differentiated_and_rematerialised(run_root: Path):
    """grad, remat and nested vmap see a program that watches as one that does not."""
    with recorder_in(run_root) as recorder:

        def loss(x: jax.Array) -> jax.Array:
            y = jnp.log(x)
            recorder.watch({"y": y}, axes=("step",), update=3)
            return y.sum()

        inputs = jnp.ones((2, 3, 4)).at[1, 2, 3].set(-1.0)
        jax.jit(jax.vmap(jax.vmap(jax.grad(jax.checkpoint(loss)))))(inputs)
    (place,) = record_of(recorder).non_finite
    assert dict(place.where) == {"member": 5, "update": 3, "step": 3}


def test_watching_takes_what_is_there_and_refuses_axes_that_are_not(run_root: Path):
    """Integers, keys and empty arrays are passed over; the messages say what to give."""
    with recorder_in(run_root) as recorder:
        recorder.watch({"key": jax.random.key(0), "n": jnp.arange(3), "none": None, "empty": jnp.zeros(0)})
        with pytest.raises(CaptureError, match=r"got nothing; give a mapping"):
            recorder.watch({})
        with pytest.raises(CaptureError, match=r"axes= names 'obz'.*got obs"):
            recorder.watch({"obs": jnp.ones(3)}, axes={"obz": ("step",)})
        with pytest.raises(CaptureError, match=r"obs\.x has shape \[3\].*\['step', 'env'\]"):
            recorder.watch({"obs": {"x": jnp.ones(3)}}, axes=("step", "env"))
        with pytest.raises(CaptureError, match="step comes first"):
            recorder.watch({"obs": jnp.ones((3, 3))}, axes=("env", "step"))
        with pytest.raises(CaptureError, match="give update="):
            recorder.watch({"obs": jnp.ones((3, 3))}, axes=("step", "env"), step=4)
    assert record_of(recorder).non_finite == []


def test_under_shard_map_each_device_has_members_of_its_own(run_root: Path):
    """The named axis says which device's rows went wrong."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("device",))
    with recorder_in(run_root) as recorder:

        def program(x: jax.Array) -> jax.Array:
            recorder.watch({"x": x}, update=1, axis_name="device")
            return x

        sharded = jax.shard_map(program, mesh=mesh, in_specs=jax.P("device"), out_specs=jax.P("device"))
        jax.block_until_ready(jax.jit(sharded)(jnp.ones(8).at[5].set(jnp.nan)))
    (place,) = record_of(recorder).non_finite
    assert (place.member, list(place.index)) == (2, [1])


def test_nothing_is_traced_at_level_off(run_root: Path):
    """A recorder that records nothing leaves the program as it is."""
    with Recorder([f"storage.base_output_dir={run_root}", "capture.level=off"]) as recorder:
        program = jax.make_jaxpr(lambda x: recorder.watch({"x": x}))(jnp.ones(3))
    assert not program.eqns
