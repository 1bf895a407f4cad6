"""How a scan is cut into chunks, and what one chunk sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import lax, tree_util
from jaxtyping import Array, ArrayLike, PyTree

from jaxarc.capture.packing import RawStep, pack_steps
from jaxarc.capture.sharding import replicated
from jaxarc.capture.spec import CaptureSpec, select_envs
from jaxarc.capture.tap import Operands, TapPlan, send
from jaxarc.errors import CaptureError
from jaxarc.records.layout import Layout

__all__ = [
    "CapturePlan",
    "check_step_bytes",
    "chunk_length",
    "in_chunks",
    "plan_chunks",
    "send_chunk",
    "steps_per_chunk",
]


@dataclass(frozen=True)
class CapturePlan:
    """What one ``recorder.scan`` will send, known before it runs.

    Attributes:
        num_steps: length of the scan.
        steps_per_chunk: steps that cross in one callback.
        num_callbacks: callbacks of one call, whatever ``num_envs`` is.
        num_envs: environments stepped together (1 without a leading axis; vmap multiplies).
        num_selected: environments whose steps cross.
        step_bytes: bytes of one step of all environments, where everything crosses.
        bytes_to_host: bytes of one call; more where episodes are so short that everything crosses.
        layout: what crosses, or None at level ``off``.
        disk_bytes_per_env_step: what a step of any environment takes on disk, rows included.
        disk_basis: what that number goes by: ``measured``, what this stream took so far, or ``assumed``.
    """

    num_steps: int
    steps_per_chunk: int
    num_callbacks: int
    num_envs: int
    num_selected: int
    step_bytes: int
    bytes_to_host: int
    layout: Layout | None
    disk_bytes_per_env_step: float = 0.0
    disk_basis: str = ""

    def disk_bytes_per_hour(self, env_steps_per_s: float) -> float:
        """Return what the run will write in an hour.

        Args:
            env_steps_per_s: steps a second, of all environments together.
        """
        return 3600.0 * env_steps_per_s * self.disk_bytes_per_env_step


_SCALAR_CHUNKS = 16
"""Scalars and journals may take this many times ``chunk_bytes``: so the number of callbacks is the same for 4
environments and for 1024, and what bounds a chunk is the steps of the selected ones."""

_STACKED_CHUNKS = 64
"""States wait for the end of their chunk on the device, though only a few of them cross; what waits may take
this many times ``chunk_bytes``."""


def chunk_length(length: int, fits: int) -> int:
    """Return K: the largest divisor of ``length`` that is at most ``fits``.

    Where that divisor would be under half of what fits, K is what fits and a remainder is scanned apart; a
    scan that would be one such chunk and a remainder is one larger chunk instead.
    """
    fits = max(1, min(length, fits))
    divisor = next(k for k in range(fits, 0, -1) if length % k == 0)
    if 2 * divisor >= fits:
        return divisor
    return fits if length >= 2 * fits else length


def check_step_bytes(spec: CaptureSpec, layout: Layout, num_envs: int | None) -> None:
    """Refuse a step that is larger than what may wait for the disk.

    Raises:
        CaptureError: with the size, the limit and the largest leaf.
    """
    step_bytes = TapPlan(spec, layout, 1, num_envs, is_sized=True).header(1).num_bytes(layout)
    if step_bytes > spec.max_step_bytes:
        biggest = max((*layout.rows, *layout.keyframes), key=lambda field: field.num_bytes, default=None)
        named = (
            "" if biggest is None else f" (the largest leaf is step.{biggest.name}, {list(biggest.shape)})"
        )
        raise CaptureError(
            f"one step takes {step_bytes} bytes{named}, the limit is "
            f"pipeline.queue_bytes={spec.max_step_bytes}; select fewer envs "
            "(capture.envs), lower capture.level, or raise pipeline.queue_bytes"
        )


def steps_per_chunk(spec: CaptureSpec, layout: Layout, num_envs: int | None, length: int) -> int:
    """Return K: as many steps as ``chunk_bytes`` has room for, if episodes are long."""
    one = TapPlan(spec, layout, 1, num_envs, is_sized=True).header(1)
    row = layout.every_bytes + (layout.row_bytes - layout.every_bytes) / 8
    state = layout.keyframe_layout.row_bytes
    journal = layout.journal_layout.row_bytes + state / 4
    fits = [
        _SCALAR_CHUNKS
        * spec.chunk_bytes
        / (4 * layout.num_scalar_words * one.num_envs + one.num_journalled * journal)
    ]
    if layout.rows and one.num_selected:
        fits.append(spec.chunk_bytes / (one.num_selected * row))
    if layout.keyframes and one.num_journalled:
        fits.append(_STACKED_CHUNKS * spec.chunk_bytes / (one.num_journalled * state))
    return chunk_length(length, int(min(fits)))


def plan_chunks(spec: CaptureSpec, layout: Layout, num_envs: int | None, num_steps: int) -> CapturePlan:
    """Say what a scan of ``num_steps`` will send."""
    size = steps_per_chunk(spec, layout, num_envs, num_steps)
    whole, rest = divmod(num_steps, size)

    def num_bytes(steps: int) -> int:
        return TapPlan(spec, layout, steps, num_envs, is_sized=True).compact_header(1).num_bytes(layout)

    one = TapPlan(spec, layout, 1, num_envs, is_sized=True).header(1)
    return CapturePlan(
        num_steps=num_steps,
        steps_per_chunk=size,
        num_callbacks=-(-num_steps // size),
        num_envs=one.num_envs,
        num_selected=one.num_selected,
        step_bytes=one.num_bytes(layout),
        bytes_to_host=whole * num_bytes(size) + (num_bytes(rest) if rest else 0),
        layout=layout,
    )


def send_chunk(plan: TapPlan, raw: RawStep, lanes: Array, first: ArrayLike | None = None) -> Array:
    """Send a chunk; return a word of it, for the next one to wait for.

    Args:
        plan: what is known while tracing.
        raw: its stacked steps.
        lanes: the words that hold for all of them.
        first: position of the chunk's first step in its scan, from which keyframes are counted; None where
            there is no scan, and keyframes are where episodes start, as far as ``Step.start`` says it.
    """
    raw = replicated(raw)
    env_ids = () if plan.num_envs is None else select_envs(plan.spec.envs, plan.num_envs)
    keyframe = None
    if plan.layout.keyframes:
        keyframe = jnp.full(plan.num_steps, not plan.layout.has("start"))
    if plan.layout.keyframes and first is not None:
        keyframe = (first + jnp.arange(plan.num_steps)) % plan.spec.keyframe_steps == 0
    packed = pack_steps(plan.layout, raw, 1 if plan.num_envs is None else 2, env_ids, keyframe)
    send(plan, Operands(packed, lanes if plan.num_envs is None else lanes[None]))
    return lax.stop_gradient(packed.scalars.reshape(-1)[-1])


def _split(tree: PyTree, chunks: int, size: int) -> tuple[PyTree, PyTree]:
    """Cut the leading axis into [chunks, size] and a rest."""
    whole = tree_util.tree_map(lambda x: x[: chunks * size].reshape(chunks, size, *x.shape[1:]), tree)
    return whole, tree_util.tree_map(lambda x: x[chunks * size :], tree)


def _flat_time(tree: PyTree) -> PyTree:
    return tree_util.tree_map(lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), tree)


def in_chunks(
    one: Callable[[Any, Array, PyTree, int, ArrayLike], tuple[Any, tuple[PyTree, Array]]],
    init: Any,
    xs: PyTree,
    num_steps: int,
    size: int,
) -> tuple[Any, PyTree]:
    """Go through ``xs`` chunk by chunk, each waiting for the one before.

    A loop is one thing to wait for, its callbacks included, and one with a callback in it is not unrolled: so
    a single chunk and a remainder are loops too, and what comes later in the program arrives later.

    Args:
        one: ``(carry, index, xs, steps, before) -> (carry, (ys, sent))``: does one chunk.
        init: the first carry.
        xs: leaves with a leading axis of ``num_steps``.
        num_steps: steps in all.
        size: steps of a chunk; what is left over makes a last, smaller one.

    Returns:
        The last carry and the joined ``ys``.
    """
    chunks, rest = divmod(num_steps, size)
    whole_xs, rest_xs = _split(tree_util.tree_map(jnp.asarray, xs), chunks, size)
    carry, (ys, sent) = lax.scan(
        lambda carry, x: one(carry, x[0], x[1], size, 0), init, (jnp.arange(chunks), whole_xs)
    )
    ys = _flat_time(ys)
    if rest:
        last = (jnp.arange(chunks, chunks + 1), tree_util.tree_map(lambda x: x[None], rest_xs))
        carry, (rest_ys, _) = lax.scan(lambda carry, x: one(carry, x[0], x[1], rest, sent[-1]), carry, last)
        ys = tree_util.tree_map(lambda a, b: jnp.concatenate([a, b[0]]), ys, rest_ys)
    return carry, ys
