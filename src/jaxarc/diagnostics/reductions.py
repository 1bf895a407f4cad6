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


def leaf_statistics(values: Any) -> tuple[Array, Array]:
    """Return min, max, mean, std and norm of the finite numbers of leaves, and how many are NaN and infinite.

    Of complex numbers the absolute values count. Sums are taken of what was divided by the largest absolute
    value, so that squares of large and of tiny numbers neither overflow nor vanish; the standard deviation is
    that of the population, about the mean. Without a finite number the five are NaN.

    Args:
        values: [numbers] of one leaf, or [leaves numbers]; at least one number.

    Returns:
        float[… 5] and int32[… 2].
    """
    given = array = jnp.asarray(values)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        array = jnp.abs(array)
    array = array.astype(jnp.float64 if array.dtype.itemsize == 8 else jnp.float32)
    low, high = jnp.min(array, axis=-1), jnp.max(array, axis=-1)
    none = jnp.zeros((*low.shape, 2), jnp.int32)
    if not jnp.issubdtype(given.dtype, jnp.inexact):
        return _of_finite(array, low, high), none
    # Masks cost more than the sums, and are rarely needed.
    return lax.cond(
        jnp.all(jnp.isfinite(low) & jnp.isfinite(high)),
        lambda: (_of_finite(array, low, high), none),
        lambda: _of_some(given, array),
    )


def _of_finite(array: Array, low: Array, high: Array) -> Array:
    """Return the five statistics of numbers that are all finite."""
    largest = jnp.maximum(jnp.abs(low), jnp.abs(high))
    scale = jnp.where(largest > 0, largest, 1)
    scaled = array / scale[..., None]
    mean = jnp.mean(scaled, axis=-1)
    variance = jnp.mean((scaled - mean[..., None]) ** 2, axis=-1)
    norm = jnp.sqrt(variance + mean**2) * jnp.sqrt(jnp.asarray(array.shape[-1], array.dtype))
    return jnp.stack([low, high, mean * scale, jnp.sqrt(variance) * scale, norm * scale], axis=-1)


def _of_some(given: Array, array: Array) -> tuple[Array, Array]:
    """Return the statistics of those numbers that are finite, and how many are not."""
    kinds = (jnp.isnan(given), jnp.isinf(given))
    finite = jnp.isfinite(array)
    number = jnp.sum(finite, axis=-1, dtype=array.dtype)
    low = jnp.min(jnp.where(finite, array, jnp.inf), axis=-1)
    high = jnp.max(jnp.where(finite, array, -jnp.inf), axis=-1)
    largest = jnp.maximum(jnp.abs(low), jnp.abs(high))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    scaled = jnp.where(finite, array / scale[..., None], 0)
    mean = jnp.sum(scaled, axis=-1) / number
    variance = jnp.sum(jnp.where(finite, (scaled - mean[..., None]) ** 2, 0), axis=-1) / number
    norm = jnp.sqrt(jnp.sum(scaled * scaled, axis=-1))
    reals = jnp.stack([low, high, mean * scale, jnp.sqrt(variance) * scale, norm * scale], axis=-1)
    counts = jnp.stack([jnp.sum(kind, axis=-1, dtype=jnp.int32) for kind in kinds], axis=-1)
    return jnp.where((number == 0)[..., None], jnp.nan, reals), counts


_jitted = jax.jit(leaf_statistics)

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
        if len(flat) == 1:  # one row of a matrix is reduced more slowly than a vector
            reals, counts = _jitted(flat[0])
            yield reals[None], counts[None]
        else:
            yield _jitted(jnp.stack(flat))


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
