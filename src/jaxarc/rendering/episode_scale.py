"""One kind and one scale for the values of a whole episode, so that its frames can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxarc.rendering.kinds import family_of
from jaxarc.rendering.leaf import is_real
from jaxarc.rendering.leaves import Path, is_tree, leaves_of

__all__ = ["EpisodeScale"]

_SCREEN = (32, 32)


def _span(leaf: np.ndarray) -> tuple[Any, Any] | None:
    """Return the least and the greatest finite number of a leaf, or None where it decides nothing.

    What has three axes is pixels for the most part: it has its kind from its shape, and no scale.
    """
    if not is_real(leaf) or leaf.ndim > 2 or not leaf.size:
        return None
    known = leaf[np.isfinite(leaf)] if leaf.dtype.kind == "f" else leaf
    return (known.min(), known.max()) if known.size else None


def _like(number: Any, leaf: np.ndarray) -> np.ndarray:
    """Return the smallest array that holds a number and is drawn together with a leaf."""
    small = np.full((1,) * leaf.ndim, number, leaf.dtype)
    return small if family_of(small) == family_of(leaf) else np.full(_SCREEN, number, leaf.dtype)


def _tree(leaves: dict[Path, np.ndarray]) -> Any:
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        at = tree
        for name in path[:-1]:
            at = at.setdefault(name, {})
        at[path[-1]] = leaf
    return tree


class EpisodeScale:
    """Looks at the values of an episode, arrays or trees of them, one after the other."""

    def __init__(self) -> None:
        self._spans: dict[Path, tuple[Any, Any, np.ndarray]] = {}
        self._nested = False

    def add(self, value: object) -> None:
        """Take a value into account."""
        self._nested |= is_tree(value)
        for path, leaf in leaves_of(value).items():
            span = _span(leaf)
            if span is None:
                continue
            low, high, first = self._spans.get(path, (*span, leaf))
            if first.dtype == leaf.dtype and first.ndim == leaf.ndim:
                self._spans[path] = min(low, span[0]), max(high, span[1]), first

    def extremes(self) -> tuple[Any, ...]:
        """Return values that give one of the episode, drawn along with it, the kind and scale of all.

        What is least and what is greatest of every leaf, in arrays as small as may be; nothing where no leaf
        has a scale.
        """
        spans = {path: span for path, span in self._spans.items() if path or not self._nested}
        if not spans:
            return ()
        ends = [{path: _like(span[end], span[2]) for path, span in spans.items()} for end in (0, 1)]
        return tuple(_tree(leaves) if self._nested else leaves[()] for leaves in ends)
