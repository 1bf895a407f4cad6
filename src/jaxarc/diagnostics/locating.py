"""Where, in what was measured, the first number that is not finite lies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import numpy as np

from jaxarc.capture import Search, first_non_finite, is_watched
from jaxarc.diagnostics.leaves import Numbers
from jaxarc.records.non_finite import KINDS, NonFinite

__all__ = ["located"]

_search = jax.jit(first_non_finite, static_argnums=1)


@partial(jax.jit, static_argnums=1)
def _search_each(arrays: list[jax.Array], has_steps: tuple[bool, ...]) -> Search:
    return jax.vmap(lambda member: first_non_finite(member, has_steps))(arrays)


def located(numbers: Numbers, axes: Sequence[str], step: int) -> list[NonFinite]:
    """Return the first number that is not finite, of each member where the first axis is ``member``.

    Args:
        numbers: what was measured.
        axes: names of the leading axes of the state's leaves; those of other groups have the members' alone.
        step: the step at which it was measured: the update where the state has an axis of steps.
    """
    has_members = bool(axes) and axes[0] == "member"
    inner = tuple(axes[1:] if has_members else axes)
    is_stepped = bool(inner) and inner[0] == "step"
    watched = [
        (leaf, array if isinstance(array, jax.Array) else np.asarray(array))
        for leaf, array in zip(numbers.leaves, numbers.arrays, strict=True)
    ]
    watched = [(leaf, array) for leaf, array in watched if is_watched(array)]
    if has_members:  # what has no axis of members belongs to none
        lengths = [array.shape[0] for leaf, array in watched if leaf.group == "state" and array.ndim]
        watched = [(leaf, a) for leaf, a in watched if a.ndim and lengths and a.shape[0] == lengths[0]]
    if not watched:
        return []
    arrays = [array for _, array in watched]
    has_steps = tuple(is_stepped and leaf.group == "state" for leaf, _ in watched)
    found = jax.device_get((_search_each if has_members else _search)(arrays, has_steps))
    every = [np.atleast_1d(part) for part in found]
    places: list[NonFinite] = []
    for member in np.flatnonzero(every[0]).tolist():
        _, leaf, position, kind, count, leaves = (int(part[member]) for part in every)
        which, array = watched[leaf]
        shape = array.shape[1:] if has_members else array.shape
        index = [int(i) for i in np.unravel_index(position, shape)]
        named = inner if which.group == "state" else ()
        where = {"member": member} if has_members else {}
        where["update" if is_stepped else "step"] = step
        where |= dict(zip(named, index, strict=False))
        places.append(
            NonFinite(
                leaf=which.name,
                kind=KINDS[kind],
                where=where,
                index=index[len(named) :],
                count=count,
                leaves=leaves,
            )
        )
    return places
