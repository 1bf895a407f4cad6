"""Nested observations: which leaves they have, which of them matters most, and what changed in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from jaxarc.rendering.kinds import is_cells
from jaxarc.rendering.leaf import as_leaf

__all__ = [
    "Path",
    "changed_between",
    "is_tree",
    "leaves_of",
    "main_leaf",
    "main_path",
    "num_changed",
    "path_words",
    "prominence",
]

Path = tuple[str, ...]
"""Where a leaf is: keys, field names and positions, from the outside in."""


def _branches(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(key), child) for key, child in value.items()]
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    names = getattr(value, "_fields", None) or range(len(value))
    return [(str(name), child) for name, child in zip(names, value, strict=True)]


def is_tree(value: Any) -> bool:
    """Return whether a value has leaves: a mapping, a dataclass, or a tuple or list of arrays or trees.

    Lists and tuples of plain numbers are arrays, and those of arrays are trees, even of equal ones.
    """
    if isinstance(value, np.ndarray):
        return False
    if isinstance(value, Mapping):
        return True
    if isinstance(value, (list, tuple)):
        return hasattr(value, "_fields") or any(_is_node(child) for child in value)
    return is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "__array__")


def _is_node(child: Any) -> bool:
    """Return whether an entry of a list makes the list a tree."""
    return getattr(child, "shape", ()) != () or is_tree(child)


def leaves_of(value: Any, path: Path = ()) -> dict[Path, np.ndarray]:
    """Return the leaves of a tree by their paths, in its order; a value that is no tree is its own leaf.

    None has no leaves.
    """
    if not is_tree(value):
        return {path: as_leaf(value)}
    found: dict[Path, np.ndarray] = {}
    for name, child in _branches(value):
        if child is not None:
            found.update(leaves_of(child, (*path, name)))
    return found


def prominence(shape: tuple[int, ...], dtype: np.dtype) -> tuple[int, int]:
    """Return how much a leaf of a shape and a dtype says in a picture; the greatest is drawn large.

    Integer grids come before all others, then whatever has rows and columns, then vectors and scalars, then
    what is no number; of those alike the one with most entries.
    """
    size = int(np.prod(shape))
    drawn = as_leaf(np.zeros((), dtype)).dtype
    if size == 0 or drawn.kind not in "biuf":
        return 0, size
    if drawn.kind in "iu" and len(shape) == 2 and min(shape) > 1:
        return (3 if is_cells(np.broadcast_to(np.zeros((), drawn), shape)) else 2), size
    return (2 if len(shape) > 1 else 1), size


def main_path(leaves: Mapping[Path, np.ndarray]) -> Path:
    """Return the path of the leaf that matters most; the first of those alike."""
    return max(leaves, key=lambda path: prominence(leaves[path].shape, leaves[path].dtype))


def main_leaf(value: Any) -> np.ndarray:
    """Return the leaf of a tree that matters most, or the value itself as an array where it is no tree."""
    if not is_tree(value):
        return as_leaf(value)
    leaves = leaves_of(value)
    return leaves[main_path(leaves)] if leaves else as_leaf("nothing")


def path_words(path: Path) -> str:
    """Return a path as people write it: ``agent.position[0]``."""
    words = ""
    for part in path:
        words += f"[{part}]" if part.isdigit() else f".{part}" if words else part
    return words


def _differ(before: np.ndarray, after: np.ndarray) -> np.ndarray | None:
    if before.shape != after.shape:
        return None
    different = np.asarray(before != after)
    if before.dtype.kind in "fc" and after.dtype.kind in "fc":
        different &= ~(np.isnan(before) & np.isnan(after))
    return different


def changed_between(before: Any, after: Any) -> Any:
    """Return where two values differ, bool of their shape; of trees a mapping from name to that, nested.

    NaN is no different from NaN. What has another shape after than before is left out, and None where that
    leaves nothing.
    """
    if not is_tree(before) or not is_tree(after):
        return None if is_tree(before) or is_tree(after) else _differ(as_leaf(before), as_leaf(after))
    old, new = dict(_branches(before)), dict(_branches(after))
    both = {name: changed_between(old[name], new[name]) for name in old if name in new}
    return {name: changed for name, changed in both.items() if changed is not None} or None


def num_changed(changed: Any) -> int:
    """Return how many entries of a mask, or of the masks of a tree, are True."""
    return sum(int(np.count_nonzero(mask)) for mask in leaves_of(changed).values())
