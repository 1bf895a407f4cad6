"""``recorder.scan`` and ``recorder.record_rollout``: a scan of scans, one tap a chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax, tree_util
from jaxtyping import Array, ArrayLike, PyTree

from jaxarc.capture.numbers import WholeNumber, whole_number
from jaxarc.capture.packing import FlatStep, RawStep, flatten_step, pack_steps, select_rows
from jaxarc.capture.slots import SLOTS
from jaxarc.capture.spec import CaptureSpec, select_envs
from jaxarc.capture.step import Step
from jaxarc.capture.tap import Operands, TapPlan, check_devices, lane_words, send
from jaxarc.errors import CaptureError
from jaxarc.records.layout import Layout

__all__ = ["CapturePlan", "chunk_length", "plan_scan", "record_rollout", "scan", "tap"]

Carry = TypeVar("Carry")
Body = Callable[[Any, Any], tuple[Any, tuple[Step, Any]]]


@dataclass(frozen=True)
class CapturePlan:
    """What one ``recorder.scan`` will send, known before it runs.

    Attributes:
        num_steps: length of the scan.
        steps_per_chunk: steps that cross in one callback.
        num_callbacks: callbacks of one call, whatever ``num_envs`` is.
        num_envs: environments stepped together (1 without a leading axis; vmap multiplies).
        num_selected: environments whose steps cross.
        step_bytes: bytes that one step of all environments takes.
        bytes_to_host: bytes of one call.
        layout: what crosses, or None at level ``off``.
    """

    num_steps: int
    steps_per_chunk: int
    num_callbacks: int
    num_envs: int
    num_selected: int
    step_bytes: int
    bytes_to_host: int
    layout: Layout | None


_SCALAR_CHUNKS = 16
"""Scalars may take this many times ``chunk_bytes``: so the number of callbacks is the same for 4 environments
and for 1024, and what bounds a chunk is the steps of the selected ones."""


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


def _describe(spec: CaptureSpec, trace: Callable[[Callable[[Step], None]], Any]) -> tuple[Layout, int | None]:
    """Run ``trace`` abstractly; return the layout and the leading axis of the last Step that it is given."""
    found: list[FlatStep] = []
    jax.eval_shape(lambda: trace(lambda step: found.append(flatten_step(step, spec.program, spec.stream))))
    layout, num_envs = found[-1].layout, found[-1].num_envs
    step_bytes = layout.step_bytes(*_env_counts(spec, num_envs))
    if step_bytes > spec.max_step_bytes:
        biggest = max(layout.rows, key=lambda field: 4 * field.num_words + field.num_octets, default=None)
        named = (
            "" if biggest is None else f" (the largest leaf is step.{biggest.name}, {list(biggest.shape)})"
        )
        raise CaptureError(
            f"one step takes {step_bytes} bytes{named}, the limit is "
            f"pipeline.queue_bytes={spec.max_step_bytes}; select fewer envs "
            "(capture.envs), lower capture.level, or raise pipeline.queue_bytes"
        )
    return layout, num_envs


def _steps_per_chunk(spec: CaptureSpec, layout: Layout, num_envs: int | None, length: int) -> int:
    envs, selected = _env_counts(spec, num_envs)
    row_bytes, scalar_bytes = layout.step_bytes(0, selected), layout.step_bytes(envs, 0)
    fits = _SCALAR_CHUNKS * spec.chunk_bytes // scalar_bytes
    if row_bytes:
        fits = min(fits, spec.chunk_bytes // row_bytes)
    return chunk_length(length, fits)


def _env_counts(spec: CaptureSpec, num_envs: int | None) -> tuple[int, int]:
    """Return how many environments a Step holds, and how many are selected; (1, 1) without a leading axis."""
    return (1, 1) if num_envs is None else (num_envs, len(select_envs(spec.envs, num_envs)))


def _called(f: Body, carry: Any, x: Any) -> tuple[Any, tuple[Step, Any]]:
    """Call the user's body and check that it returns what a recorded scan needs."""
    returned = f(carry, x)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise CaptureError(
            f"the body of recorder.scan returns (carry, (step, y)), got a {type(returned).__name__}"
        )
    if not isinstance(returned[1], tuple) or len(returned[1]) != 2:
        kind = "array" if isinstance(returned[1], jax.Array) else type(returned[1]).__name__
        raise CaptureError(
            "the body of recorder.scan returns (carry, (step, y)): beside the carry, a jaxarc.Step and what "
            f"lax.scan would stack; got a {kind} there"
        )
    return returned


def _trace_body(f: Body, init: Any, xs: PyTree) -> Callable[[Callable[[Step], None]], Any]:
    """Return what traces ``f`` as a scan does: with arrays for Python numbers, weak types settled."""

    def trace(take: Callable[[Step], None]) -> Any:
        def body(carry: Any, x: Any) -> tuple[Any, None]:
            carry, (step, _) = _called(f, carry, x)
            take(step)
            return carry, None

        first = tree_util.tree_map(lambda x: jnp.asarray(x)[:1], xs)
        return lax.scan(body, init, first, length=1)[0]

    return trace


def _length(xs: PyTree, length: int | None) -> int:
    scalars = [leaf for leaf in tree_util.tree_leaves(xs) if jnp.ndim(leaf) == 0]
    if scalars:
        raise CaptureError(
            f"recorder.scan got xs with a leaf without axes ({scalars[0]!r}); scan over arrays"
        )
    lengths = {jnp.shape(leaf)[0] for leaf in tree_util.tree_leaves(xs)}
    if length is not None:
        lengths.add(int(length))
    if not lengths:
        raise CaptureError("recorder.scan got neither xs nor length; give one of them, as in jax.lax.scan")
    if len(lengths) != 1:
        raise CaptureError(
            f"recorder.scan got lengths {sorted(lengths)}; every leaf of xs needs the same leading axis, "
            f"equal to length= where that is given"
        )
    return lengths.pop()


def _split(tree: PyTree, chunks: int, size: int) -> tuple[PyTree, PyTree]:
    """Cut the leading axis into [chunks, size] and a rest."""
    whole = tree_util.tree_map(lambda x: x[: chunks * size].reshape(chunks, size, *x.shape[1:]), tree)
    return whole, tree_util.tree_map(lambda x: x[chunks * size :], tree)


def _flat_time(tree: PyTree) -> PyTree:
    return tree_util.tree_map(lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), tree)


def _tap_chunk(plan: TapPlan, layout: Layout, raw: RawStep, lanes: Any) -> Array:
    """Send a chunk; return a word of it, for the next one to wait for."""
    lane_axis = lanes if plan.num_envs is None else lanes[None]
    packed = pack_steps(layout, raw, 1 if plan.num_envs is None else 2)
    send(plan, Operands(packed.scalars, packed.words, packed.octets, lane_axis))
    return lax.stop_gradient(packed.scalars.reshape(-1)[-1])


def scan(
    spec: CaptureSpec,
    f: Body,
    init: Carry,
    xs: PyTree = None,
    length: int | None = None,
    *,
    reverse: bool = False,
    unroll: int | bool = 1,
    update: ArrayLike | WholeNumber | None = None,
    continues: ArrayLike = True,
    axis_name: str | tuple[str, ...] | None = None,
) -> tuple[Carry, PyTree]:
    """Scan ``f`` over ``xs`` as ``jax.lax.scan`` does, and record the Steps that it returns.

    Args:
        spec: what the recorder asks for.
        f: ``(carry, x) -> (carry, (step, y))``.
        init, xs, length, unroll: as in ``jax.lax.scan``.
        reverse: must be False: an episode is recorded in the order it was played.
        update: the user's policy-update count, an integer that may be traced.
        continues: False closes the episodes that are open from an earlier call; may be traced.
        axis_name: the mapped axis under shard_map or pmap, so that rows know their device.

    Returns:
        The final carry and the stacked ``y``.

    Raises:
        CaptureError: ``reverse``, lengths that disagree, or a Step that cannot be taken.
    """
    if reverse:
        raise CaptureError(
            "recorder.scan cannot run in reverse: steps are recorded in the order in which they were played; "
            "scan forwards, or reverse xs and ys around it"
        )
    if spec.program == "off":
        return lax.scan(_without_step(f), init, xs, length, unroll=unroll)
    num_steps = _length(xs, length)
    if num_steps == 0:
        return lax.scan(_without_step(f), init, xs, length, unroll=unroll)

    layout, num_envs = _describe(spec, _trace_body(f, init, xs))
    layout_id = SLOTS.intern(layout)
    env_ids = () if num_envs is None else select_envs(spec.envs, num_envs)
    size = _steps_per_chunk(spec, layout, num_envs, num_steps)
    gated = layout.has("active")
    counted = whole_number("update", update)
    traced: list[tuple[Layout, int | None]] = []

    def inner(carry: Any, x: Any) -> tuple[Any, tuple[RawStep, Any]]:
        carry, (step, y) = _called(f, carry, x)
        flat = flatten_step(step, spec.program, spec.stream)
        traced.append((flat.layout, flat.num_envs))
        return carry, (select_rows(flat, env_ids), y)

    def outer(carry: Any, chunk: tuple[Any, Any], steps: int, before: ArrayLike) -> tuple[Any, Any]:
        index, chunk_xs = chunk
        carry, (raw, ys) = lax.scan(inner, carry, chunk_xs, steps, unroll=unroll)
        if traced[-1] != (layout, num_envs):
            raise CaptureError(
                "the Step changed its structure between two traces of the scan body; let it depend on "
                "nothing but the carry and x"
            )
        check_devices(raw.scalars[0], axis_name)
        goes_on = jnp.logical_or(jnp.asarray(continues, bool), index > 0)
        lanes = lane_words(update=counted, continues=goes_on, chunk=index, axis_name=axis_name, before=before)
        plan = TapPlan(spec, layout_id, steps, num_envs, gated=gated)
        return carry, (ys, _tap_chunk(plan, layout, raw, lanes))

    chunks, rest = divmod(num_steps, size)
    whole_xs, rest_xs = _split(tree_util.tree_map(jnp.asarray, xs), chunks, size)
    # A loop is one thing to wait for, its callbacks included, and one with a callback in it is not unrolled:
    # so a single chunk and a remainder are loops too, and what comes later in the program arrives later.
    carry, (ys, sent) = lax.scan(lambda c, x: outer(c, x, size, 0), init, (jnp.arange(chunks), whole_xs))
    ys = _flat_time(ys)
    if rest:
        last = (jnp.arange(chunks, chunks + 1), tree_util.tree_map(lambda x: x[None], rest_xs))
        carry, (rest_ys, _) = lax.scan(lambda c, x: outer(c, x, rest, sent[-1]), carry, last)
        ys = tree_util.tree_map(lambda a, b: jnp.concatenate([a, b[0]]), ys, rest_ys)
    return carry, ys


def _without_step(f: Body) -> Callable[[Any, Any], tuple[Any, Any]]:
    def body(carry: Any, x: Any) -> tuple[Any, Any]:
        carry, (_, y) = _called(f, carry, x)
        return carry, y

    return body


def plan_scan(
    spec: CaptureSpec, f: Body, init: Any, xs: PyTree = None, length: int | None = None
) -> CapturePlan:
    """Say what ``scan`` with these arguments would send, without running anything."""
    num_steps = _length(xs, length)
    if spec.program == "off" or num_steps == 0:
        return CapturePlan(num_steps, num_steps, 0, 0, 0, 0, 0, None)

    layout, num_envs = _describe(spec, _trace_body(f, init, xs))
    size = _steps_per_chunk(spec, layout, num_envs, num_steps)
    envs, selected = _env_counts(spec, num_envs)
    step_bytes = layout.step_bytes(envs, selected)
    return CapturePlan(
        num_steps=num_steps,
        steps_per_chunk=size,
        num_callbacks=-(-num_steps // size),
        num_envs=envs,
        num_selected=selected,
        step_bytes=step_bytes,
        bytes_to_host=step_bytes * num_steps,
        layout=layout,
    )


def record_rollout(
    spec: CaptureSpec,
    steps: Step,
    *,
    update: ArrayLike | WholeNumber | None = None,
    continues: ArrayLike = True,
    axis_name: str | tuple[str, ...] | None = None,
) -> None:
    """Record Steps that are there already, stacked along a leading time axis.

    Args:
        spec: what the recorder asks for.
        steps: a Step whose leaves have leading axes [time, num_envs], or [time] for one environment.
        update, continues, axis_name: as in ``scan``.
    """
    if spec.program == "off":
        return
    if not isinstance(steps, Step) or steps.reward is None or jnp.ndim(steps.reward) == 0:
        raise CaptureError(
            "record_rollout needs a Step whose leaves have leading axes [time, num_envs] or [time]; "
            "for a single step use recorder.tap"
        )

    def body(carry: tuple[()], step: Step) -> tuple[tuple[()], tuple[Step, tuple[()]]]:
        return carry, (step, ())

    scan(spec, body, (), steps, update=update, continues=continues, axis_name=axis_name)


def tap(
    spec: CaptureSpec,
    step: Step,
    *,
    update: ArrayLike | WholeNumber | None = None,
    continues: ArrayLike = True,
    axis_name: str | tuple[str, ...] | None = None,
) -> None:
    """Record one Step from anywhere: one batched callback a call.

    Taps in a loop arrive in its order. XLA may run callbacks that stand one after the other in straight-line
    code, or in a scan that is unrolled, in any order: stack such steps and give them to ``record_rollout``.

    Args:
        spec: what the recorder asks for.
        step: one Step, with or without a leading axis; rows whose ``active`` is False are not recorded.
        update, continues, axis_name: as in ``scan``.
    """
    if spec.program == "off":
        return
    layout, num_envs = _describe(spec, lambda take: take(step))
    flat = flatten_step(step, spec.program, spec.stream)
    raw = select_rows(flat, () if num_envs is None else select_envs(spec.envs, num_envs))
    lanes = lane_words(
        update=whole_number("update", update), continues=continues, chunk=0, axis_name=axis_name
    )
    plan = TapPlan(spec, SLOTS.intern(layout), 1, num_envs, gated=layout.has("active"))
    _tap_chunk(plan, layout, tree_util.tree_map(lambda x: x[None], raw), lanes)
