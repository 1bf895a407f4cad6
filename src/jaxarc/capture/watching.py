"""``recorder.watch``: the first number that is not finite, from inside or outside a compiled program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, tree_util
from jaxtyping import Array

from jaxarc.capture.flatten import path_text
from jaxarc.capture.non_finite import first_non_finite, is_watched
from jaxarc.capture.numbers import WholeNumber
from jaxarc.capture.packing import Packed, pack_scalars
from jaxarc.capture.spec import CaptureSpec
from jaxarc.capture.tap import Operands, TapPlan, lane_words, send
from jaxarc.errors import CaptureError
from jaxarc.records.layout import FLAG_ACTIVE, WATCH_SCALARS, Field, Layout, Watched

__all__ = ["watch", "watched_arrays"]

Axes = str | Sequence[str]


def watched_arrays(
    values: Mapping[str, Any], axes: Axes | Mapping[str, Axes]
) -> tuple[tuple[Array, ...], tuple[Watched, ...]]:
    """Return the arrays that can hold a number that is not finite, and what each is called.

    Args:
        values: pytrees by name, in the order in which the program computes them.
        axes: names of the leading axes of every leaf, or those of the trees that have some, by name.

    Raises:
        CaptureError: no mapping, axes of a tree that is not there, or a leaf with fewer axes.
    """
    if not isinstance(values, Mapping) or not values:
        given = "nothing" if isinstance(values, Mapping) else f"a {type(values).__name__}"
        raise CaptureError(
            f"recorder.watch got {given}; give a mapping from names to arrays or pytrees, such as "
            '{"obs": obs, "grads": grads}'
        )
    by_name = dict(axes) if isinstance(axes, Mapping) else dict.fromkeys(values, axes)
    unknown = [name for name in by_name if name not in values]
    if unknown:
        raise CaptureError(f"axes= names {unknown[0]!r}, recorder.watch got {', '.join(map(str, values))}")
    arrays, watched = [], []
    for name, tree in values.items():
        named = by_name.get(name, ())
        lead = (named,) if isinstance(named, str) else tuple(named)
        if "step" in lead[1:] or len(set(lead)) < len(lead):
            raise CaptureError(
                f"axes of {name} are {list(lead)}; each has its own name, and step comes first"
            )
        for key_path, leaf in tree_util.tree_flatten_with_path(tree)[0]:
            if not isinstance(leaf, (jax.Array, float, complex)) and not hasattr(leaf, "__array__"):
                continue
            path = path_text(key_path)
            where = str(name) + (path if not path or path.startswith("[") else f".{path}")
            array = jnp.asarray(leaf)
            if not is_watched(array):
                continue
            if array.ndim < len(lead):
                raise CaptureError(
                    f"{where} has shape {list(array.shape)}, its leading axes are named {list(lead)}; "
                    "name those that it has: axes={...}"
                )
            arrays.append(array)
            watched.append(Watched(where, tuple(array.shape), lead))
    return tuple(arrays), tuple(watched)


def watch(
    spec: CaptureSpec,
    arrays: tuple[Array, ...],
    *,
    watched: tuple[Watched, ...],
    update: WholeNumber | None = None,
    step: WholeNumber | None = None,
    axis_name: str | tuple[str, ...] | None = None,
) -> None:
    """Look for a number that is not finite, and call the host where there is one: once, whatever the batch.

    Args:
        spec: what the recorder asks for.
        arrays, watched: what ``watched_arrays`` returned.
        update, step: where the program is; absent: not given.
        axis_name: the mapped axis under shard_map or pmap.
    """
    found = first_non_finite(
        [lax.stop_gradient(array) for array in arrays], [each.axes[:1] == ("step",) for each in watched]
    )
    low, high = (0, 0) if step is None else step
    numbers = (found.leaf, found.position, found.kind, found.total, found.leaves)
    words = [*numbers, jnp.int32(step is not None), jnp.asarray(low), jnp.asarray(high)]
    fields = tuple(Field("watch", (name,), "int32", ()) for name in WATCH_SCALARS)
    layout = Layout("watch", spec.stream, "scalars", ("active",), fields, (), watched=watched)
    flags = jnp.where(found.any, FLAG_ACTIVE, 0).astype(jnp.int32)[None]
    packed = Packed(
        pack_scalars(fields, [word.astype(jnp.int32)[None] for word in words], [flags], 0)[None, None],
        None,
        None,
        None,
    )
    lanes = lane_words(update=update, continues=True, chunk=0, axis_name=axis_name)[None]
    send(TapPlan(spec, layout, 1, 1), Operands(packed, lanes))
