"""The leaves of any pytree by name, and which of them hold numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util

from jaxarc.capture import path_text

__all__ = ["GROUPS", "Leaf", "Numbers", "is_numeric", "numbers_of"]

GROUPS = ("state", "params", "grads", "updates")
"""What can be measured together; each has totals under its own name."""


@dataclass(frozen=True)
class Leaf:
    """One leaf that is measured.

    Attributes:
        name: what its metrics are called before the slash; unique in a measurement.
        group: one of ``GROUPS``.
        path: its path in the group's tree, as text; empty where the tree is the leaf.
    """

    name: str
    group: str
    path: str


@dataclass(frozen=True)
class Numbers:
    """The leaves of some trees that hold numbers, taken apart so that a compiled function can take them.

    Attributes:
        arrays: what is measured, one for every leaf of ``leaves``.
        leaves: names of the arrays.
        passed_over: names of leaves that are no numbers (functions, text, PRNG keys) or empty.
    """

    arrays: tuple[Any, ...]
    leaves: tuple[Leaf, ...]
    passed_over: tuple[str, ...]


def is_numeric(leaf: Any) -> bool:
    """Say whether a leaf holds at least one number."""
    if isinstance(leaf, (bool, int, float, complex)):
        return True
    if not isinstance(leaf, (jax.Array, np.ndarray, np.generic)):
        return False
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return False
    return leaf.size > 0 and (leaf.dtype.kind in "biufc" or jnp.issubdtype(leaf.dtype, jnp.number))


def numbers_of(trees: Mapping[str, Any]) -> Numbers:
    """Take trees apart.

    Args:
        trees: a pytree by group (``GROUPS``).
    """
    arrays: list[Any] = []
    leaves: list[Leaf] = []
    passed_over: list[str] = []
    for group, tree in trees.items():
        flat, _ = tree_util.tree_flatten_with_path(tree)
        for key_path, value in flat:
            path = path_text(key_path)
            name = _name(group, path)
            if not is_numeric(value):
                passed_over.append(name)
                continue
            arrays.append(value if hasattr(value, "dtype") else np.asarray(_fitting(value)))
            leaves.append(Leaf(name, group, path))
    return Numbers(tuple(arrays), tuple(leaves), tuple(passed_over))


def _fitting(value: bool | int | float | complex) -> bool | float | complex:
    """Return a Python number as a program takes it that knows 32-bit integers only."""
    return float(value) if type(value) is int else value


def _name(group: str, path: str) -> str:
    """Return what a leaf is called: its path, with the group in front where it is not the state's."""
    first = path.partition(".")[0].partition("[")[0]
    if group == "state" and path and first and first not in GROUPS:
        return path
    return group + (path if not path or path.startswith("[") else f".{path}")
