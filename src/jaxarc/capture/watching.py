"""``recorder.watch``: the first number that is not finite, from inside or outside a compiled program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, tree_util
from jax.custom_batching import custom_vmap
from jaxtyping import Array

from jaxarc.capture.flatten import path_text
from jaxarc.capture.non_finite import first_non_finite, is_watched
from jaxarc.capture.numbers import WholeNumber
from jaxarc.capture.packing import Packed
from jaxarc.capture.slots import SLOTS
from jaxarc.capture.spec import CaptureSpec
from jaxarc.capture.tap import Operands, TapPlan, emit, lane_words
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
    low, high = (0, 0) if step is None else step
    at = jnp.stack([jnp.asarray(word).astype(jnp.int32) for word in (step is not None, low, high)])
    fields = tuple(Field("watch", (name,), "int32", ()) for name in WATCH_SCALARS)
    layout = Layout("watch", spec.stream, "scalars", (), fields, (), watched=watched)
    SLOTS.intern(layout)
    lanes = lane_words(update=update, continues=True, chunk=0, axis_name=axis_name)[None]
    operands = tree_util.tree_map(lax.stop_gradient, (arrays, at, lanes))
    _tap(TapPlan(spec, layout, 1, 1))(*operands)


def _tap(plan: TapPlan) -> Any:
    """Return a function that vmap gives one more axis of members, and never a second call of the host."""

    @custom_vmap
    def tap(arrays: tuple[Array, ...], at: Array, lanes: Array) -> tuple[()]:
        _look(plan, arrays, at, lanes)
        return ()

    @tap.def_vmap
    def rule(axis_size: int, in_batched: list[Any], *operands: Any) -> tuple[Any, Any]:
        def spread(operand: Array, batched: bool) -> Array:
            return operand if batched else jnp.broadcast_to(operand, (axis_size, *operand.shape))

        deeper = replace(plan, members=(axis_size, *plan.members))
        return _tap(deeper)(*tree_util.tree_map(spread, operands, tuple(in_batched))), ()

    return tap


def _look(plan: TapPlan, arrays: tuple[Array, ...], at: Array, lanes: Array) -> None:
    """Search where something is not finite; to see whether there is costs a tenth of the search."""
    members = prod(plan.members)
    each = [array.reshape(members, *array.shape[len(plan.members) :]) for array in arrays]
    has_steps = [watched.axes[:1] == ("step",) for watched in plan.layout.watched]

    def search() -> None:
        found = jax.vmap(lambda member: first_non_finite(member, has_steps))(each)
        flags = jnp.where(found.any, FLAG_ACTIVE, 0)
        words = jnp.stack([flags, found.leaf, found.position, found.kind, found.total, found.leaves], axis=-1)
        scalars = jnp.concatenate([words.astype(jnp.int32), at.reshape(members, -1)], axis=-1)
        emit(plan, Operands(Packed(scalars, None, None, None), lanes))

    wrong = [jnp.any(~jnp.isfinite(array)) for array in each]
    lax.cond(jnp.any(jnp.stack(wrong)), search, lambda: None)
