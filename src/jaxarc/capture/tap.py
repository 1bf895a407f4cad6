"""The batched tap: one host call whatever the batch.

A ``custom_vmap`` function around one unordered ``jax.debug.callback``. Its rule binds the same function one
level deeper, so that vmapping adds an axis to the operands and never a call. The innermost vmapped axis of a
Step without a leading axis is the environment axis; every other one is a member axis.

Survives jit, vmap, nested vmap, scan, while_loop, fori_loop, grad and remat. Under shard_map and pmap each
device calls once; ``axis_name=`` tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, ArrayLike, Int8, Int32

from jaxarc.capture.numbers import WholeNumber
from jaxarc.capture.slots import receive
from jaxarc.capture.spec import CaptureSpec, select_envs
from jaxarc.errors import CaptureError
from jaxarc.records.chunk import Header
from jaxarc.records.layout import FLAG_ACTIVE

__all__ = ["Operands", "TapPlan", "check_devices", "lane_words", "send"]


class Operands(NamedTuple):
    """What one tap sends, before it is joined into the three operands of the callback.

    With a leading axis the environment axis stands behind the steps (``env_major`` is False); without one it
    is added in front by the first vmap. Member axes come before everything.
    """

    scalars: Int32[Array, "*members steps envs words"]
    words: Int32[Array, "*members steps selected words"]
    octets: Int8[Array, "*members steps selected octets"]
    lanes: Int32[Array, "*members lanes lane_words"]


@dataclass(frozen=True)
class TapPlan:
    """What is known of a tap while it is traced.

    Attributes:
        spec: what the recorder asked for.
        layout_id: the interned layout.
        num_steps: K.
        num_envs: E, or None until the environment axis is known.
        env_major: the environment axis came from vmap and stands before the steps.
        gated: rows can be inactive, so the callback is skipped when none is active.
        members: lengths of the member axes so far, outermost first.
    """

    spec: CaptureSpec
    layout_id: int
    num_steps: int
    num_envs: int | None
    env_major: bool = False
    gated: bool = False
    members: tuple[int, ...] = ()

    def header(self) -> Header:
        """Return the header that this tap writes."""
        num_envs = 1 if self.num_envs is None else self.num_envs
        if self.num_envs is None:
            # This is also how a program looks before vmap adds its environments: no id is wrong yet.
            env_ids = (0,) if isinstance(self.spec.envs, int) or 0 in self.spec.envs else ()
        else:
            env_ids = select_envs(self.spec.envs, num_envs)
        return Header(
            slot=self.spec.slot,
            layout_id=self.layout_id,
            num_steps=self.num_steps,
            num_envs=num_envs,
            num_selected=len(env_ids),
            env_major=self.env_major or self.num_envs is None,
            num_lanes=0,
            members=self.members,
            env_ids=env_ids,
        )


def lane_words(
    *,
    update: WholeNumber | None,
    continues: ArrayLike,
    chunk: ArrayLike,
    axis_name: str | tuple[str, ...] | None,
    before: ArrayLike = 0,
) -> Int32[Array, " lane_words"]:
    """Return the words that hold for all steps of a chunk, as ``records.chunk`` lays them out.

    ``before`` is any word out of the chunk before. XLA runs callbacks that do not depend on each other in any
    order; a chunk that carries a word of the one before it waits for it.
    """
    device = jnp.int32(0) if axis_name is None else lax.axis_index(axis_name)
    if jnp.ndim(continues):
        raise CaptureError(
            f"continues= has shape {list(jnp.shape(continues))}, it is one value for the whole call; "
            "under vmap give each member its own"
        )
    low, high = (0, 0) if update is None else update
    words = (update is not None, low, high, continues, chunk, device, before)
    return jnp.stack([jnp.asarray(word).astype(jnp.int32) for word in words])


def check_devices(array: Array, axis_name: str | tuple[str, ...] | None) -> None:
    """Refuse rows of a mapped device axis that nobody named: they would all read as those of device 0.

    Raises:
        CaptureError: ``array`` varies over a shard_map axis and ``axis_name`` is None. Under pmap, and with
            ``check_vma=False``, a program cannot tell.
    """
    kind = jax.typeof(array)
    manual = getattr(kind, "manual_axis_type", None)  # newer JAX; before 0.10 the type itself has ``vma``
    axes = getattr(kind, "vma", frozenset()) if manual is None else manual.varying
    varying = sorted(str(name) for name in axes)
    if varying and axis_name is None:
        named = repr(varying[0]) if len(varying) == 1 else repr(tuple(varying))
        raise CaptureError(
            f"inside shard_map over {', '.join(varying)} rows cannot know their device; "
            f"give axis_name={named}"
        )


def send(plan: TapPlan, operands: Operands) -> None:
    """Send one chunk to the host; under any number of vmaps this stays one callback.

    Args:
        plan: what is known while tracing.
        operands: the arrays; with ``plan.num_envs`` None they have no environment axis yet.
    """
    stopped = Operands(*(lax.stop_gradient(operand) for operand in operands))
    _tap(plan)(*stopped)


def _tap(plan: TapPlan) -> Any:
    @custom_vmap
    def tap(scalars: Array, words: Array, octets: Array, lanes: Array) -> tuple[()]:
        _emit(plan, Operands(scalars, words, octets, lanes))
        return ()

    @tap.def_vmap
    def rule(axis_size: int, in_batched: list[bool], *operands: Array) -> tuple[Any, Any]:
        spread = [
            operand if batched else jnp.broadcast_to(operand, (axis_size, *operand.shape))
            for operand, batched in zip(operands, in_batched, strict=True)
        ]
        scalars, words, octets, lanes = spread
        if plan.num_envs is None:
            deeper, scalars, words, octets = _with_env_axis(plan, axis_size, scalars, words, octets)
        else:
            deeper = replace(plan, members=(axis_size, *plan.members))
        return _tap(deeper)(scalars, words, octets, lanes), ()

    return tap


def _with_env_axis(
    plan: TapPlan, axis_size: int, scalars: Array, words: Array, octets: Array
) -> tuple[TapPlan, Array, Array, Array]:
    env_ids = select_envs(plan.spec.envs, axis_size)
    if len(env_ids) < axis_size:
        index = jnp.asarray(env_ids, jnp.int32)
        words, octets = jnp.take(words, index, axis=0), jnp.take(octets, index, axis=0)
    return replace(plan, num_envs=axis_size, env_major=True), scalars, words, octets


def _emit(plan: TapPlan, operands: Operands) -> None:
    header = plan.header()
    lanes = operands.lanes.reshape(prod(plan.members), -1, operands.lanes.shape[-1])
    static = header.static_words()
    static[7] = lanes.shape[1]
    head = jnp.concatenate([jnp.asarray(static), lanes.reshape(-1)])
    words, octets = operands.words.reshape(-1), operands.octets.reshape(-1)
    if not header.num_selected:
        words, octets = words[:0], octets[:0]
    body = jnp.concatenate([operands.scalars.reshape(-1), words])

    def call() -> None:
        jax.debug.callback(receive, octets, body, head)

    if plan.gated:
        active = jnp.any((operands.scalars[..., 0] & FLAG_ACTIVE) != 0)
        ends_open_episodes = jnp.any(operands.lanes[..., 3] == 0)
        lax.cond(active | ends_open_episodes, call, lambda: None)
    else:
        call()
