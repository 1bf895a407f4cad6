"""One compiled reduction of everything that is measured, and one transfer of what it gives."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util

from jaxarc.config import STATISTICS
from jaxarc.diagnostics.leaves import Leaf, Numbers, is_numeric, numbers_of
from jaxarc.diagnostics.reductions import Grouping, grouped_statistics, grouping, packed, unpacked
from jaxarc.errors import ConfigError, ConfigProblem, DiagnosticsError

__all__ = ["Function", "Measured", "Measuring", "imported_function", "named_numbers"]

Function = Callable[[Any], Any]

_REALS = STATISTICS[:5]


def _words(arrays: tuple[Any, ...], groups: Grouping, wide: bool, values: Sequence[Any] = ()) -> Any:
    """Return all statistics and values as one array of words."""
    dtype = jnp.float64 if wide else jnp.float32
    every = list(grouped_statistics(arrays, groups))
    nothing = jnp.zeros((0,), dtype)
    return packed([nothing, *(reals for reals, _ in every), *values], [counts for _, counts in every], dtype)


_measured = jax.jit(_words, static_argnums=(1, 2))


class Measured:
    """What one reduction gave.

    Attributes:
        leaves: the names of the leaves.
        table: float64[leaves statistics], in the order of ``STATISTICS``.
        functions: values of the user's functions by name.
    """

    def __init__(self, leaves: tuple[Leaf, ...], table: np.ndarray, functions: dict[str, float]):
        self.leaves = leaves
        self.table = table
        self.functions = functions

    def total(self, group: str) -> dict[str, float] | None:
        """Return ``norm``, ``nan`` and ``inf`` of a whole group; None where it has no numbers."""
        rows = self.table[[leaf.group == group for leaf in self.leaves]]
        if not len(rows):
            return None
        norms = rows[:, STATISTICS.index("norm")]
        norms = norms[np.isfinite(norms)]
        norm = float(np.sqrt(np.sum(norms**2))) if len(norms) else float("nan")
        nan, inf = (float(rows[:, STATISTICS.index(name)].sum()) for name in ("nan", "inf"))
        return {"norm": norm, "nan": nan, "inf": inf}


class Measuring:
    """Measure trees and functions of the state in one compiled program.

    Args:
        functions: functions of the state, each of which returns a number or a mapping of numbers.
    """

    def __init__(self, functions: Mapping[str, Function]):
        self._functions = dict(functions)
        self._programs: dict[Hashable, tuple[Any, list[str]]] = {}

    def __call__(self, trees: Mapping[str, Any]) -> tuple[Measured, Numbers]:
        """Measure.

        Args:
            trees: a pytree by group; the one of ``state`` is what functions are given.
        """
        numbers = numbers_of(trees)
        groups = grouping(numbers.arrays)
        wide = jnp.zeros(()).dtype == jnp.float64
        if self._functions:
            names, words = self._with_functions(numbers, trees["state"], groups, wide)
        else:
            names, words = [], _measured(numbers.arrays, groups, wide)
        reals, counts = unpacked(
            np.asarray(words), 2 * len(numbers.leaves), np.float64 if wide else np.float32
        )
        split = len(_REALS) * len(numbers.leaves)
        table = np.empty((len(numbers.leaves), len(STATISTICS)))
        order = [position for positions in groups for position in positions]
        table[order, : len(_REALS)] = reals[:split].reshape(-1, len(_REALS))
        table[order, len(_REALS) :] = counts.reshape(-1, len(STATISTICS) - len(_REALS))
        functions = dict(zip(names, reals[split:].tolist(), strict=True))
        return Measured(numbers.leaves, table, functions), numbers

    def _with_functions(
        self, numbers: Numbers, state: Any, groups: Grouping, wide: bool
    ) -> tuple[list[str], Any]:
        """Measure within one program with the functions; return the names of their values, and its words."""
        leaves, structure = tree_util.tree_flatten(state)
        traced = [leaf for leaf in leaves if _is_array(leaf)]
        fixed = tuple((i, leaf) for i, leaf in enumerate(leaves) if not _is_array(leaf))
        key = (structure, _hashable(fixed))
        if key not in self._programs:
            self._programs[key] = self._compiled(structure, fixed)
        program, names = self._programs[key]
        words = program(numbers.arrays, traced, groups, wide)
        return names, words

    def _compiled(self, structure: Any, fixed: tuple[tuple[int, Any], ...]) -> tuple[Any, list[str]]:
        """Return the program for one structure, and where it puts the names of the functions' values."""
        names: list[str] = []

        def program(arrays: tuple[Any, ...], traced: list[Any], groups: Grouping, wide: bool) -> Any:
            leaves: list[Any] = list(traced)
            for position, leaf in fixed:
                leaves.insert(position, leaf)
            values = self._values(tree_util.tree_unflatten(structure, leaves))
            names[:] = [name for name, _ in values]
            return _words(arrays, groups, wide, [value for _, value in values])

        return jax.jit(program, static_argnums=(2, 3)), names

    def _values(self, state: Any) -> list[tuple[str, Any]]:
        """Return the values of the user's functions."""
        values = []
        for name, function in self._functions.items():
            for key, value in named_numbers(name, function(state)).items():
                values.append((key, jnp.asarray(value)))
        return values


def named_numbers(name: str, value: Any) -> dict[str, Any]:
    """Return what a user's function gave, by name: a number, or a mapping of numbers.

    Raises:
        DiagnosticsError: it is neither.
    """
    parts = (
        {f"{name}/{key}": part for key, part in value.items()}
        if isinstance(value, Mapping)
        else {name: value}
    )
    for key, part in parts.items():
        shape = list(np.shape(part))
        if shape or not is_numeric(part):
            kind = f"has shape {shape}" if shape else f"is a {type(part).__name__}"
            raise DiagnosticsError(
                f"the diagnostic {key} {kind}; a function of the state returns one real number, or a mapping "
                "of such numbers: reduce it (jnp.mean)"
            )
        if np.iscomplexobj(part) or getattr(part, "dtype", np.dtype(float)).kind == "c":
            raise DiagnosticsError(f"the diagnostic {key} is complex; return its abs or its angle")
    return parts


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray, np.generic, bool, int, float, complex))


def _hashable(fixed: tuple[tuple[int, Any], ...]) -> Hashable:
    keys: list[Hashable] = []
    for position, leaf in fixed:
        try:
            hash(leaf)
        except TypeError:
            leaf = id(leaf)
        keys.append((position, leaf))
    return tuple(keys)


def imported_function(name: str, path: str) -> Function:
    """Return the function that a configuration names.

    Raises:
        ConfigError: it cannot be imported, or cannot be called.
    """
    key = f"diagnostics.functions.{name}"
    module, _, attributes = path.partition(":")
    try:
        found: Any = import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError([ConfigProblem(key, f"{path} cannot be imported: {error}", f"~{key}")]) from error
    if not callable(found):
        raise ConfigError([ConfigProblem(key, f"{path} is a {type(found).__name__}, no function", f"~{key}")])
    return found
