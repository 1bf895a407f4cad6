"""``recorder.scan``: a scan of scans, one tap a chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax, tree_util
from jaxtyping import Array, ArrayLike, PyTree

from jaxarc.capture.chunks import (
    CapturePlan,
    check_step_bytes,
    in_chunks,
    plan_chunks,
    send_chunk,
    steps_per_chunk,
)
from jaxarc.capture.flatten import FlatStep, flatten_step
from jaxarc.capture.numbers import WholeNumber, whole_number
from jaxarc.capture.packing import RawStep, select_rows
from jaxarc.capture.spec import CaptureSpec, select_envs
from jaxarc.capture.step import Step
from jaxarc.capture.tap import TapPlan, check_devices, lane_words
from jaxarc.errors import CaptureError
from jaxarc.records.layout import Layout

__all__ = ["plan_scan", "scan"]

Carry = TypeVar("Carry")
Body = Callable[[Any, Any], tuple[Any, tuple[Step, Any]]]


def _describe(spec: CaptureSpec, trace: Callable[[Callable[[Step], None]], Any]) -> tuple[Layout, int | None]:
    """Run ``trace`` abstractly; return the layout and the leading axis of the last Step that it is given."""
    found: list[FlatStep] = []
    jax.eval_shape(lambda: trace(lambda step: found.append(flatten_step(step, spec))))
    layout, num_envs = found[-1].layout, found[-1].num_envs
    check_step_bytes(spec, layout, num_envs)
    return layout, num_envs


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
    env_ids = () if num_envs is None else select_envs(spec.envs, num_envs)
    size = steps_per_chunk(spec, layout, num_envs, num_steps)
    counted = whole_number("update", update)
    traced: list[tuple[Layout, int | None]] = []

    def inner(carry: Any, x: Any) -> tuple[Any, tuple[RawStep, Any]]:
        carry, (step, y) = _called(f, carry, x)
        flat = flatten_step(step, spec)
        traced.append((flat.layout, flat.num_envs))
        return carry, (select_rows(flat, env_ids), y)

    def outer(carry: Any, index: Array, xs: Any, steps: int, before: ArrayLike) -> tuple[Any, Any]:
        carry, (raw, ys) = lax.scan(inner, carry, xs, steps, unroll=unroll)
        if traced[-1] != (layout, num_envs):
            raise CaptureError(
                "the Step changed its structure between two traces of the scan body; let it depend on "
                "nothing but the carry and x"
            )
        check_devices(raw.scalars, axis_name)
        goes_on = jnp.logical_or(jnp.asarray(continues, bool), index > 0)
        lanes = lane_words(update=counted, continues=goes_on, chunk=index, axis_name=axis_name, before=before)
        return carry, (ys, send_chunk(TapPlan(spec, layout, steps, num_envs), raw, lanes, index * size))

    return in_chunks(outer, init, xs, num_steps, size)


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
    return plan_chunks(spec, *_describe(spec, _trace_body(f, init, xs)), num_steps)
