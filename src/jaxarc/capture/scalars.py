"""``recorder.log``: scalars from inside or outside a compiled program."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import ArrayLike

from jaxarc.capture.flatten import leaf_field
from jaxarc.capture.numbers import WholeNumber, whole_number
from jaxarc.capture.packing import Packed, pack_scalars
from jaxarc.capture.spec import CaptureSpec
from jaxarc.capture.tap import Operands, TapPlan, lane_words, send
from jaxarc.errors import CaptureError
from jaxarc.records.layout import FLAG_ACTIVE, Layout

__all__ = ["log"]


def log(
    spec: CaptureSpec,
    metrics: Mapping[str, ArrayLike],
    *,
    step: ArrayLike | WholeNumber | None = None,
    axis_name: str | tuple[str, ...] | None = None,
) -> None:
    """Send scalars to the host: one callback a call, one value for every member of the vmapped axes.

    Args:
        spec: what the recorder asks for.
        metrics: scalars by name.
        step: the position on the user's axis, an integer that may be traced; absent: not given.
        axis_name: the mapped axis under shard_map or pmap.

    Raises:
        CaptureError: a value is not a scalar; its name and shape are in the message.
    """
    if not metrics:
        raise CaptureError("recorder.log got no metrics; give a mapping from names to scalars")
    fields, arrays = [], []
    for name in sorted(metrics):
        field, array = leaf_field("metrics", (str(name),), metrics[name], 0)
        if field.shape:
            raise CaptureError(
                f"recorder.log: {name} has shape {list(field.shape)}, metrics are scalars; reduce it first "
                f"(jnp.mean), or put it into step.info"
            )
        if array.dtype.kind == "c":
            raise CaptureError(
                f"recorder.log: {name} is {field.dtype}, metrics are real; log abs and angle apart"
            )
        fields.append(field)
        arrays.append(array)
    layout = Layout("metrics", spec.stream, "scalars", (), tuple(fields), ())
    flags = jnp.full((1,), FLAG_ACTIVE, jnp.int32)
    packed = Packed(pack_scalars(fields, arrays, [flags], 0)[None, None], None, None, None)
    lanes = lane_words(update=whole_number("step", step), continues=True, chunk=0, axis_name=axis_name)[None]
    send(TapPlan(spec, layout, 1, 1), Operands(packed, lanes))
