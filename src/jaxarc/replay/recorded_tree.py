"""RecordedTree: how the leaves of a recording become what a program takes, and the other way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util

from jaxarc.capture import path_key
from jaxarc.errors import ReplayError
from jaxarc.records.layout import Field, PathKey, numpy_dtype, unflatten

__all__ = ["RecordedTree", "flat_leaves", "key_words", "leaves_by_path", "recorded_tree"]

Path = tuple[PathKey, ...]


@dataclass(frozen=True)
class RecordedTree:
    """The structure of a recorded state, action or key. Hashable: a program can be compiled for it.

    Attributes:
        fields: its leaves in tree order; shapes without the axis of time, typed keys as their words.
        structure: the pytree that they belong to.
    """

    fields: tuple[Field, ...]
    structure: Any

    def arrange(self, recorded: Any) -> list[np.ndarray]:
        """Return the leaves of a recorded tree (`EpisodeData.state`) in the order of ``fields``."""
        leaves = flat_leaves(recorded)
        return [leaves[field.path] for field in self.fields]

    def build(self, leaves: Sequence[Any]) -> Any:
        """Return the pytree; leaves may have leading axes."""
        return tree_util.tree_unflatten(
            self.structure,
            [
                jax.random.wrap_key_data(jnp.asarray(leaf), impl=field.key_impl) if field.key_impl else leaf
                for field, leaf in zip(self.fields, leaves, strict=True)
            ],
        )

    def take_apart(self, tree: Any) -> list[jax.Array]:
        """Return the leaves of a pytree of this structure, typed keys as their words.

        Raises:
            ReplayError: a leaf has another dtype or shape than the recorded one.
        """
        leaves = [key_words(leaf) for leaf in tree_util.tree_leaves(tree)]
        for field, leaf in zip(self.fields, leaves, strict=True):
            if (leaf.dtype.name, leaf.shape) != (field.dtype, field.shape):
                raise ReplayError(
                    f"step_fn returns {field.name} as {_kind(leaf.dtype.name, leaf.shape)}, recorded was "
                    f"{_kind(field.dtype, field.shape)}; pass the step of one environment, as it was recorded"
                )
        return leaves


def key_words(leaf: Any) -> jax.Array:
    """Return an array as it is, typed PRNG keys as their words."""
    array = jnp.asarray(leaf)
    return jax.random.key_data(array) if jnp.issubdtype(array.dtype, jax.dtypes.prng_key) else array


def flat_leaves(tree: Any) -> dict[Path, Any]:
    """Return the leaves of a recorded tree by path: names of dicts, positions of tuples."""
    if isinstance(tree, Mapping):
        return {
            (name, *path): leaf for name, below in tree.items() for path, leaf in flat_leaves(below).items()
        }
    if isinstance(tree, tuple):
        return {(i, *path): leaf for i, below in enumerate(tree) for path, leaf in flat_leaves(below).items()}
    return {(): tree}


def leaves_by_path(tree: Any) -> dict[Path, Any]:
    """Return the leaves of any pytree by the path that a recording gives them, in tree order."""
    return {
        tuple(path_key(key) for key in path): leaf for path, leaf in tree_util.tree_flatten_with_path(tree)[0]
    }


def recorded_tree(role: str, fields: Sequence[Field], like: Any = None) -> RecordedTree:
    """Return the structure of a recorded part of the steps.

    Args:
        role: ``state``, ``action`` or ``key``, for errors.
        fields: its recorded leaves.
        like: an example whose classes and order it gets; None for dicts and tuples.

    Raises:
        ReplayError: the example has other leaves, or this process can't hold a recorded dtype.
    """
    by_path = {field.path: field for field in fields}
    for field in fields:
        if not field.key_impl and jax.dtypes.canonicalize_dtype(numpy_dtype(field.dtype)).name != field.dtype:
            raise ReplayError(
                f"{field.name} was recorded as {field.dtype}, which this process cuts to 32 bits; "
                "set JAX_ENABLE_X64=1, as the program that recorded it had"
            )
    if like is None:
        tree = unflatten([(field.path, field.path) for field in fields])
        paths, structure = tree_util.tree_flatten(
            tree, is_leaf=lambda x: isinstance(x, tuple) and x in by_path
        )
        return RecordedTree(tuple(by_path[path] for path in paths), structure)
    expected = leaves_by_path(like)
    for path in [*expected, *by_path]:
        if path not in by_path or path not in expected:
            there, missing = ("the recording", "like") if path in by_path else ("like", "the recording")
            raise ReplayError(
                f"{Field(role, path, '', ()).name} is in {there} and not in {missing}; recorded leaves are "
                f"{', '.join(field.name for field in fields)}"
            )
    for path, leaf in expected.items():
        _check_leaf(by_path[path], leaf)
    return RecordedTree(tuple(by_path[path] for path in expected), tree_util.tree_structure(like))


def _check_leaf(field: Field, leaf: Any) -> None:
    dtype = getattr(leaf, "dtype", None)  # Python's numbers have none, and fit every dtype
    is_key = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    name = field.dtype if dtype is None or is_key else np.dtype(dtype).name
    shape = (*np.shape(leaf), *field.shape[-1:]) if is_key else np.shape(leaf)
    if shape != field.shape or name != field.dtype or is_key != bool(field.key_impl):
        example = "a typed PRNG key" if is_key else _kind(name, shape)
        recorded = "a typed PRNG key" if field.key_impl else _kind(field.dtype, field.shape)
        raise ReplayError(
            f"{field.name} is {example} in like, recorded was {recorded}; like= is an example for one "
            "environment: jax.tree.map(lambda x: x[0], states) of a batch"
        )


def _kind(dtype: str, shape: Sequence[int]) -> str:
    return f"{dtype}[{' '.join(map(str, shape))}]"
