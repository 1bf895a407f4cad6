"""Statistics of the leaves of a pytree, inside a compiled program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxarc.config import STATISTICS
from jaxarc.diagnostics.leaves import numbers_of

__all__ = [
    "Grouping",
    "grouped_statistics",
    "grouping",
    "leaf_statistics",
    "norm_ratio",
    "packed",
    "ratios",
    "statistics",
    "unpacked",
]

_STACKED = 1 << 16
"""Elements of a leaf up to which it is copied to be reduced with others."""


def leaf_statistics(value: Any) -> tuple[Array, Array]:
    """Return min, max, mean, std and norm of the finite numbers, and how many are NaN and infinite.

    Of complex numbers the absolute values count. Sums are taken of what was divided by the largest absolute
    value, so that squares of large and of tiny numbers neither overflow nor vanish; the standard deviation is
    that of the population, about the mean. Without a finite number the five are NaN.

    Args:
        value: numbers of any shape, at least one.

    Returns:
        float[5] and int32[2].
    """
    array = jnp.asarray(value).reshape(-1)
    is_inexact = jnp.issubdtype(array.dtype, jnp.inexact)
    nan = jnp.sum(jnp.isnan(array), dtype=jnp.int32) if is_inexact else jnp.int32(0)
    inf = jnp.sum(jnp.isinf(array), dtype=jnp.int32) if is_inexact else jnp.int32(0)
    finite = jnp.isfinite(array) if is_inexact else jnp.ones(array.shape, bool)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        array = jnp.abs(array)
    real = jnp.float64 if array.dtype.itemsize == 8 else jnp.float32
    array = array.astype(real)
    number = jnp.asarray(array.size, real) - nan.astype(real) - inf.astype(real)
    low = jnp.min(jnp.where(finite, array, jnp.inf))
    high = jnp.max(jnp.where(finite, array, -jnp.inf))
    largest = jnp.maximum(jnp.abs(low), jnp.abs(high))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    scaled = jnp.where(finite, array / scale, 0)
    mean = jnp.sum(scaled) / number
    variance = jnp.sum(jnp.where(finite, (scaled - mean) ** 2, 0)) / number
    std = jnp.sqrt(variance)
    norm = jnp.sqrt(jnp.sum(scaled * scaled))
    none = number == 0
    reals = jnp.stack([low, high, mean * scale, std * scale, norm * scale])
    return jnp.where(none, jnp.nan, reals), jnp.stack([nan, inf])


_one_leaf = jax.jit(leaf_statistics)
_equal_leaves = jax.jit(jax.vmap(leaf_statistics))


Grouping = tuple[tuple[int, ...], ...]


def grouping(arrays: Sequence[Any]) -> Grouping:
    """Return the positions of arrays that are reduced together: small ones of one size and dtype.

    Each reduction costs compile time, and a call of its own on an accelerator.
    """
    alike: dict[Any, list[int]] = {}
    for position, array in enumerate(arrays):
        apart = position if array.size > _STACKED else -1
        dtype = jax.dtypes.canonicalize_dtype(array.dtype)
        alike.setdefault((array.size, dtype, apart), []).append(position)
    return tuple(map(tuple, alike.values()))


def grouped_statistics(arrays: Sequence[Any], groups: Grouping) -> Iterator[tuple[Array, Array]]:
    """Yield the statistics of each group, float[n 5] and int32[n 2]."""
    for positions in groups:
        flat = [jnp.asarray(arrays[position]).reshape(-1) for position in positions]
        if len(flat) == 1:
            reals, counts = _one_leaf(flat[0])
            yield reals[None], counts[None]
        else:
            yield _equal_leaves(jnp.stack(flat))


def statistics(tree: Any, group: str = "state", keep: Iterable[str] = STATISTICS) -> dict[str, Array]:
    """Return statistics of every leaf and totals, as scalars: for ``recorder.log`` inside a program.

    Args:
        tree: any pytree; what is no number is passed over.
        group: what its totals are called (``state``, ``params``, ``grads``, ``updates``).
        keep: which of ``STATISTICS``.

    Returns:
        ``<leaf>/<statistic>``, and ``<group>/norm``, ``/nan`` and ``/inf``.
    """
    numbers = numbers_of({group: tree})
    wanted = set(keep)
    named: dict[str, Array] = {}
    norms, nans, infs = [], [], []
    groups = grouping(numbers.arrays)
    every: dict[int, Any] = {}
    for positions, (reals, counts) in zip(groups, grouped_statistics(numbers.arrays, groups), strict=True):
        every |= {position: (*reals[i], *counts[i]) for i, position in enumerate(positions)}
    for position, leaf in enumerate(numbers.leaves):
        values = dict(zip(STATISTICS, every[position], strict=True))
        named |= {f"{leaf.name}/{name}": value for name, value in values.items() if name in wanted}
        norms.append(values["norm"])
        nans.append(values["nan"])
        infs.append(values["inf"])
    if norms:
        named[f"{group}/norm"] = _total_norm(norms)
        named[f"{group}/nan"] = jnp.sum(jnp.stack(nans))
        named[f"{group}/inf"] = jnp.sum(jnp.stack(infs))
    return named


def ratios(params: Any, *, grads: Any = None, updates: Any = None) -> dict[str, Array]:
    """Return how large gradients and updates are beside the parameters, for ``recorder.log`` in a program.

    Args:
        params: the parameters.
        grads, updates: what is compared with them, where given.

    Returns:
        ``grads/norm``, ``grads/ratio``, ``updates/norm`` and ``updates/ratio``; a ratio is NaN where all
        parameters are zero.
    """
    base = statistics(params, "params", ())["params/norm"]
    named = {}
    for group, tree in (("grads", grads), ("updates", updates)):
        if tree is not None:
            norm = statistics(tree, group, ())[f"{group}/norm"]
            named[f"{group}/norm"] = norm
            named[f"{group}/ratio"] = jnp.where(base > 0, norm / jnp.where(base > 0, base, 1), jnp.nan)
    return named


def norm_ratio(norm: float, base: float) -> float | None:
    """Return ``norm / base``; None where the base is zero or not known, for then there is no ratio."""
    return norm / base if base > 0 and np.isfinite(base) else None


def _total_norm(norms: Sequence[Array]) -> Array:
    every = jnp.nan_to_num(jnp.stack(norms))
    largest = jnp.max(every)
    scale = jnp.where(largest > 0, largest, 1)
    return scale * jnp.sqrt(jnp.sum((every / scale) ** 2))


def packed(reals: Sequence[Array], counts: Sequence[Array], dtype: Any) -> Array:
    """Return floats and whole numbers as one array of 32-bit words, so that one transfer brings them."""
    flat = jnp.concatenate([jnp.ravel(each).astype(dtype) for each in reals])
    words = lax.bitcast_convert_type(flat, jnp.int32).reshape(-1)
    return jnp.concatenate([words, *(jnp.ravel(each) for each in counts)])


def unpacked(words: np.ndarray, num_counts: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what ``packed`` took: float64 and int64, flat."""
    split = len(words) - num_counts
    return words[:split].view(dtype).astype(np.float64), words[split:].astype(np.int64)
