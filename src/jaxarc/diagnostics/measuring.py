"""One compiled reduction of everything that is measured, and one transfer of what it gives."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util

from jaxarc.config import STATISTICS
from jaxarc.diagnostics.leaves import Leaf, Numbers, is_numeric, numbers_of
from jaxarc.diagnostics.reductions import every_leaf, packed, unpacked
from jaxarc.errors import ConfigError, ConfigProblem, DiagnosticsError

__all__ = ["Function", "Measured", "Measuring", "imported_function", "named_numbers"]

Function = Callable[[Any], Any]

_REALS = STATISTICS[:5]


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
        state, structure = tree_util.tree_flatten(trees.get("state") if self._functions else None)
        traced = [leaf for leaf in state if _is_array(leaf)]
        fixed = tuple((i, leaf) for i, leaf in enumerate(state) if not _is_array(leaf))
        wide = jnp.zeros(()).dtype == jnp.float64
        key = (numbers.key, structure, _hashable(fixed), wide)
        if key not in self._programs:
            self._programs[key] = self._compiled(structure, fixed, wide)
        program, names = self._programs[key]
        words = np.asarray(program(numbers.arrays, traced))
        dtype = np.float64 if wide else np.float32
        reals, counts = unpacked(words, 2 * len(numbers.leaves), dtype)
        split = len(_REALS) * len(numbers.leaves)
        table = np.concatenate(
            [reals[:split].reshape(-1, len(_REALS)), counts.reshape(-1, len(STATISTICS) - len(_REALS))],
            axis=1,
        )
        functions = dict(zip(names, reals[split:].tolist(), strict=True))
        return Measured(numbers.leaves, table, functions), numbers

    def _compiled(
        self, structure: Any, fixed: tuple[tuple[int, Any], ...], wide: bool
    ) -> tuple[Any, list[str]]:
        """Return the program for one structure, and where it puts the names of the functions' values."""
        names: list[str] = []
        dtype = jnp.float64 if wide else jnp.float32

        def program(arrays: tuple[Any, ...], traced: list[Any]) -> Any:
            every = every_leaf(arrays)
            values: list[Any] = []
            names.clear()
            if self._functions:
                leaves: list[Any] = list(traced)
                for position, leaf in fixed:
                    leaves.insert(position, leaf)
                state = tree_util.tree_unflatten(structure, leaves)
                for name, value in self._values(state):
                    names.append(name)
                    values.append(value)
            nothing = jnp.zeros((0,), dtype)
            return packed(
                [nothing, *(reals for reals, _ in every), *values], [counts for _, counts in every], dtype
            )

        return jax.jit(program), names

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
