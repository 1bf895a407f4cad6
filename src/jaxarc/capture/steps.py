"""``recorder.record_rollout`` and ``recorder.tap``: Steps that are there already."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import tree_util
from jaxtyping import Array, ArrayLike

from jaxarc.capture.chunks import check_step_bytes, in_chunks, send_chunk, steps_per_chunk
from jaxarc.capture.flatten import flatten_step
from jaxarc.capture.numbers import WholeNumber, whole_number
from jaxarc.capture.packing import RawStep, select_rows
from jaxarc.capture.spec import CaptureSpec, select_envs
from jaxarc.capture.step import Step
from jaxarc.capture.tap import TapPlan, check_devices, lane_words
from jaxarc.errors import CaptureError

__all__ = ["record_rollout", "tap"]


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

    flat = flatten_step(steps, spec, time_axes=1)
    layout, num_envs = flat.layout, flat.num_envs
    check_step_bytes(spec, layout, num_envs)
    num_steps = jnp.shape(steps.reward)[0]
    if num_steps == 0:
        return
    size = steps_per_chunk(spec, layout, num_envs, num_steps)
    raw = select_rows(flat, () if num_envs is None else select_envs(spec.envs, num_envs), env_axis=1)
    check_devices(raw.scalars, axis_name)
    counted = whole_number("update", update)

    # Up to JAX 0.10 a loop whose outputs nobody uses is dropped when a checkpointed scan is differentiated,
    # with the custom_vmap function in it; a function with a derivative of its own is not.
    @jax.custom_jvp
    def send_all(raw: RawStep, counted: WholeNumber | None, continues: Array) -> Array:
        def one(
            carry: tuple[()], index: Array, raw: RawStep, steps: int, before: ArrayLike
        ) -> tuple[tuple[()], tuple[tuple[()], Array]]:
            lanes = lane_words(
                update=counted,
                continues=jnp.logical_or(continues, index > 0),
                chunk=index,
                axis_name=axis_name,
                before=before,
            )
            return carry, ((), send_chunk(TapPlan(spec, layout, steps, num_envs), raw, lanes, index * size))

        in_chunks(one, (), raw, num_steps, size)
        return jnp.zeros(())

    send_all.defjvp(lambda primals, _: (send_all(*primals), jnp.zeros(())))
    send_all(raw, counted, jnp.asarray(continues, bool))


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
    flat = flatten_step(step, spec)
    layout, num_envs = flat.layout, flat.num_envs
    check_step_bytes(spec, layout, num_envs)
    raw = select_rows(flat, () if num_envs is None else select_envs(spec.envs, num_envs))
    check_devices(raw.scalars, axis_name)
    lanes = lane_words(
        update=whole_number("update", update), continues=continues, chunk=0, axis_name=axis_name
    )
    send_chunk(TapPlan(spec, layout, 1, num_envs), tree_util.tree_map(lambda x: x[None], raw), lanes)
